"""Says which operators libraries and modules bring."""

from __future__ import annotations

import importlib
import re
import types

import torch

SIGNATURE = re.compile(r"^(?:\d+\. )?(?P<name>\w+)\((?P<args>.*)\)(?: -> (?P<returns>.*))?$")
# What pybind11 calls the types of C++, and what a schema calls them.
TYPES = (
    (r"at::Tensor|torch\.Tensor|(?:typing\.)?Tensor", "Tensor"),
    (r"typing\.SupportsInt|typing\.SupportsIndex|int", "int"),
    (r"typing\.SupportsFloat|float", "float"),
    (r"bool", "bool"),
    (r"str", "str"),
)


def load(libraries, modules):
    """Loads all, and returns what it brought as a list of operators."""
    before = set(schemas())
    for path in libraries:
        torch.ops.load_library(path)
    loaded = [importlib.import_module(name) for name in modules]
    now = schemas()
    found = [of_schema(now[key]) for key in sorted(set(now) - before)]
    for module in loaded:
        found += of_module(module)
    return found


def unusable(reference):
    """Why a function that computes the same cannot be called; empty if it can."""
    module, _, name = reference.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (Exception, SystemExit) as e:
        return f"{type(e).__name__}: {e}"
    return "" if callable(found) else "it is no function"


def schemas():
    return {(s.name, s.overload_name): s for s in torch._C._jit_get_all_schemas()}


def arguments(text):
    """The arguments of a schema that somebody wrote."""
    return of_arguments(torch._C.parse_schema(text))


def of_arguments(s):
    return [
        {
            "name": a.name,
            "type": str(a.type),
            "default": a.has_default_value(),
            "keyword": a.kwarg_only,
            "write": a.alias_info is not None and a.alias_info.is_write,
        }
        for a in s.arguments
    ]


def of_schema(s):
    name = s.name + ("." + s.overload_name if s.overload_name else "")
    where, composite = registered(name)
    return {
        "name": s.name, "overload": s.overload_name, "kind": "torch", "schema": str(s), "args": of_arguments(s),
        "returns": [str(r.type) for r in s.returns], "where": where, "composite": composite,
    }  # fmt: skip


def registered(name):
    """Where a kernel was registered, and whether that was for every device."""
    try:
        text = torch._C._dispatch_dump(name)
    except RuntimeError:
        return "", False
    keys = dict(re.findall(r"^(\w+)(?:\[alias\])?: (?:fallthrough )?registered at (\S+:\d+)", text, re.M))
    for key in ("CPU", "CompositeImplicitAutograd", "CompositeExplicitAutograd", "CUDA"):
        if key in keys:
            return keys[key], key.startswith("Composite")
    m = re.search(r"^debug: registered at (\S+:\d+)", text, re.M)
    return (m[1] if m else next(iter(keys.values()), "")), False


def of_module(module):
    found = []
    for name, f in sorted(vars(module).items()):
        if name.startswith("__") or not isinstance(f, types.BuiltinFunctionType):
            continue
        seen = 0
        for line in (f.__doc__ or "").splitlines():
            m = SIGNATURE.match(line.strip())
            if m and m["name"] in (name, f.__name__):
                found.append(of_line(module.__name__, name, m, seen))
                seen += 1
        if not seen:
            found.append(
                {"name": f"{module.__name__}.{name}", "overload": "", "kind": "pybind", "schema": "", "args": None,
                 "returns": [], "where": "", "composite": True}
            )  # fmt: skip
    return found


def of_line(module, name, m, number):
    args = [of_argument(a, i) for i, a in enumerate(split(m["args"]))]
    return {
        "name": f"{module}.{name}", "overload": str(number or ""), "kind": "pybind",
        "schema": m.group().lstrip("0123456789. "), "args": args, "returns": [typed(m["returns"] or "None")], "where": "", "composite": True,
    }  # fmt: skip


def split(text):
    """Arguments of a signature, which may have brackets within."""
    out, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += (c in "[(") - (c in "])")
        if c == "," and depth == 0:
            out.append(text[start:i].strip())
            start = i + 1
    return [a for a in [*out, text[start:].strip()] if a and a not in "*/"]


def of_argument(text, number):
    left, _, default = text.partition(" = ")
    name, _, kind = left.partition(": ")
    return {
        "name": name or f"arg{number}",
        "type": typed(kind),
        "default": bool(default),
        "keyword": False,
        "write": None,
    }


def typed(text):
    """Optional[at::Tensor] is Optional[Tensor], and so on."""
    text = text.strip().replace("collections.abc.", "").replace("typing.", "")
    m = re.fullmatch(r"(?:Optional\[(.*)\]|(?:c10|std)::optional<(.*)>|(.*?) \| None)", text)
    if m:
        return f"Optional[{typed(next(g for g in m.groups() if g))}]"
    m = re.fullmatch(r"(?:List|list|Sequence|Tuple|tuple)\[(.*?)(?:, \.\.\.)?\]", text)
    if m:
        return f"List[{typed(m[1])}]"
    for pattern, name in TYPES:
        if re.fullmatch(pattern.replace(r"typing\.", ""), text):
            return name
    return text
