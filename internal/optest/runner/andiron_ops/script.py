"""Writes a case as a Python script that shows what was found, and needs torch alone."""

from __future__ import annotations

import os

from andiron_ops import recipe

INTRO = '''"""{title}

{detail}

Written by andiron ops test. Run it with the library or the folder of the extension{device}{built}:

    {launch}python {name} {example}
"""

import sys

{imports}
'''

DEVICE = ", and that of the tripwire device,\nwhich andiron keeps in the user's cache"


# A build with a sanitizer, by what is preloaded for it: its flag, and what Python is started with.
SANITIZERS = {
    "libasan": ("address,undefined", "PYTHONMALLOC=malloc ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1"),
    "libtsan": ("thread", "TSAN_OPTIONS=ignore_noninstrumented_modules=1"),
}


def script(op, found, name, plan):
    """The text of a script for a finding."""
    case, libraries, modules = found["case"], plan["libraries"], plan["modules"]
    text = body(op, found, case)
    imports = ["import base64"] if "base64." in text else []
    imports += ["import ctypes"] if "ctypes." in text else []
    imports.append("import torch")
    built, start = sanitizer(found["kind"], plan["build"])
    head = INTRO.format(
        title=f"{op['name']}: {found['title']}", detail=plain(found["detail"] + seen(found)), name=name,
        example=places(op, libraries, case, found["kind"]), launch=start or launch(found.get("tool", "")),
        device=DEVICE if case.get("device") else "", built=built, imports="\n".join(sorted(imports)),
    ).replace("\n" + "import sys\n\n", "\nimport sys\n")  # fmt: skip
    return head + load(op, libraries, modules) + text


def seen(found):
    """What a finding was seen by, which need not be the same in the next run."""
    return f": {found['values']}" if found.get("values") else ""


def sanitizer(kind, build):
    """How to build for what a sanitizer showed, and what is put before Python."""
    preloaded = os.environ.get("LD_PRELOAD", "")
    if "vgpreload_memcheck" in preloaded:
        return ",\nbuilt with -g, so that valgrind knows its lines", "PYTHONMALLOC=malloc valgrind "
    for library, (flag, settings) in SANITIZERS.items():
        if library in preloaded and kind != "leak":
            libraries = ":".join(f"$(gcc -print-file-name={n})" for n in (library + ".so", "libstdc++.so.6"))
            how = f"CFLAGS='-fsanitize={flag} -fno-omit-frame-pointer -g' in the environment"
            if build == "cmake":
                how = f"-fsanitize={flag} as the presets of andiron ops presets do"
            return (
                f",\nbuilt with {how}",
                f"LD_PRELOAD={libraries} {settings} \\\n    ",
            )
    return "", ""


def launch(tool):
    """What is put before Python so that a tool of compute-sanitizer sees each allocation."""
    leaks = "--leak-check full " if tool == "memcheck" else ""
    return f"PYTORCH_NO_CUDA_MEMORY_CACHING=1 compute-sanitizer --tool {tool} {leaks}" if tool else ""


def plain(text):
    return text.replace("\\", "/").replace('"""', "'''")


def load(op, libraries, modules):
    """Lines that load the extension."""
    names = modules if op["kind"] == "torch" else [op["name"].rpartition(".")[0]]
    if op["kind"] == "torch" and libraries:
        names = []  # a library is enough
    lines = ["", "for place in sys.argv[1:]:", '    if place.endswith(".so"):', "        torch.ops.load_library(place)"]
    lines += ["    else:", "        sys.path.insert(0, place)"]
    return "\n".join(lines + [f"import {n}  # noqa: E402" for n in names]) + "\n"


def places(op, libraries, case, kind):
    """What the script is given: libraries, and the folder of an extension that is not installed, or of a reference."""
    out = [os.path.basename(p) for p in libraries] if op["kind"] == "torch" and libraries else ["."]
    if kind.startswith("reference") and "." not in out:
        out.append(".")
    return " ".join(out + (["TRIPWIRE.so"] if case.get("device") else []))


def callee(op):
    if op["kind"] != "torch":
        return op["name"]
    return "torch.ops." + op["name"].replace("::", ".") + (f".{op['overload']}" if op["overload"] else "")


def arguments(op, case):
    """Lines that make the arguments, and the call's own text."""
    lines, names = [], []
    same = {j: i for i, j in case.get("same", [])}
    for i, r in enumerate(case["args"]):
        name = op["args"][i]["name"] if op["args"] and i < len(op["args"]) else f"arg{i}"
        name = name if name.isidentifier() and name not in ("torch", "sys", "ctypes", "base64", "print") else f"arg{i}"
        lines.append(f"{name} = {names[same[i]] if i in same else recipe.source(r)}")
        names.append(name)
    names += [f"{k}={recipe.source(r)}" for k, r in case.get("kwargs", {}).items()]
    return lines, ", ".join(names)


def body(op, found, case):
    if "sequence" in case:
        out = []
        for one in case["sequence"]:
            lines, names = arguments(op, one)
            out += [*lines, "try:", f"    {callee(op)}({names})", "except Exception as e:", "    print(e)"]
        return "\n" + "\n".join(out) + "\n"
    lines, names = arguments(op, large(found, case))
    call = f"{callee(op)}({names})"
    made = [] if made_again(found["kind"], op, lines) else lines
    split = ["torch.set_num_threads(4)"] if found["kind"] == "race" or case.get("ask") == "threads" else []
    return "\n" + "\n".join([*made, *split, *showing(found, call, lines, names, op)]) + "\n"


def large(found, case):
    """The case that showed it: the one whose tensors are split among threads, where it took such."""
    where, _, n = found.get("phase", "").partition(" ")
    return case["bigs"][int(n)] if where == "threads" and "bigs" in case else found.get("big", case)


def made_again(kind, op, lines):
    """Whether the arguments are made for each call: what lies behind them is fresh memory as well,
    and what is written to is not what it was."""
    written = writes_only(op) or any(a["write"] for a in op["args"] or [])
    if kind == "threads":
        return written
    return not any(".cuda()" in line for line in lines) and (
        kind in ("poison", "determinism") or (kind == "leak" and written)
    )


def writes_only(op):
    """Whether an operator gives nothing but what it writes to its arguments."""
    return op["returns"] in ([], ["None"])


IN_USE = """
class InUse(ctypes.Structure):
    _fields_ = [(n, ctypes.c_size_t) for n in "arena ordblks smblks hblks mapped usmblks fsmblks given fordblks keepcost".split()]

in_use = ctypes.CDLL(None).mallinfo2  # of the GNU C library, from 2.33
in_use.restype = InUse
for i in range(3001):
    if i % 1000 == 0:
        print(f"after {i} calls {in_use().given + in_use().mapped} bytes are in use; it is a leak if they grow each time")
"""


def showing(found, call, lines, names, op):
    """What shows that a finding is true."""
    if found.get("tool"):
        return ["try:", f"    {call}", "except Exception as e:", "    print(e)", "torch.cuda.synchronize()"]
    on_gpu = any(".cuda()" in line for line in lines)
    return (on_gpu and shown_on_gpu(found["kind"], call, names, op)) or shown(found["kind"], call, lines, names, op)


def shown(kind, call, lines, names, op):
    if writes_only(op) and kind in ("poison", "determinism", "threads", "layout"):
        return shown_written(kind, lines, names, op)
    if kind in ("poison", "determinism", "leak", "race", "threads"):
        return shown_again(kind, call, ["    " + line for line in lines] if made_again(kind, op, lines) else [])
    if kind == "mutation":
        return [
            f"given = [v.clone() if isinstance(v, torch.Tensor) else v for v in [{positional(names)}]]",
            call,
            f"print(given, [{positional(names)}])",
        ]
    if kind == "layout":
        plain_names = [
            f"{n}.contiguous() if isinstance({n}, torch.Tensor) else {n}" for n in positional(names).split(", ") if n
        ]
        return [f"print({call})", f"print({callee(op)}({', '.join(plain_names)}))"]
    if kind in ("gradcheck", "gradgradcheck"):
        return [f"print(torch.autograd.{kind}({callee(op)}, ({positional(names)},)))"]
    if kind == "no-gradient":
        return [f"print({call}.grad_fn)  # none, or WarnNotImplemented, which makes none"]
    if kind.startswith("reference"):
        return compared(call, lines, names, op)
    if kind == "opcheck":
        return [
            f"print(torch.library.opcheck({callee(op)}{'' if op['overload'] else '.default'}, ({positional(names)},)))"
        ]
    return [f"print({call})"]


COMPARED = """
def flat(v):
    return [e for item in v for e in flat(item)] if isinstance(v, (list, tuple)) else [v]

for a, b in zip(flat(got), flat(want)):
    print(a, b, sep="\\n")
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor) and a.shape == b.shape and a.numel():
        print("largest difference:", (a.to(torch.complex128) - b.to(torch.complex128)).abs().max().item())
    elif isinstance(a, (int, float, complex)) and isinstance(b, (int, float, complex)):
        print("difference:", abs(a - b))
"""


def compared(call, lines, names, op):
    """What the operator gives, and what the reference of ops-test.yaml gives for arguments of its own."""
    module, _, attr = op["reference"].rpartition(".")
    wrote = f", {positional(names)}" if writes_only(op) or any(a["write"] for a in op["args"] or []) else ""
    return [
        f"got = [{call}{wrote}]", f"import {module}  # the reference of ops-test.yaml, from the folder that is given", *lines,
        f"want = [{module}.{attr}({names}){wrote}]", *COMPARED.splitlines(),
    ]  # fmt: skip


def shown_again(kind, call, again):
    """What several calls show; again are the lines that make their arguments each time."""
    if kind == "leak":
        return [*IN_USE.splitlines(), *again, "    try:", f"        {call}", "    except Exception:", "        pass"]
    if kind == "race":
        return ["for i in range(4):", f"    {call}  # ThreadSanitizer says on stderr what it sees"]
    if kind == "threads":
        return ["for threads in (1, 4, 4, 4, 4):", "    torch.set_num_threads(threads)", *again, f"    print({call})"]
    return [
        "for pattern in (0x11, 0xEE):",
        "    ctypes.CDLL(None).mallopt(-6, pattern)  # what is in fresh memory",
        *again,
        f"    print({call})",
    ]


def shown_written(kind, lines, names, op):
    """The same of an operator that gives nothing but what it writes to its arguments."""
    given = f"[{positional(names)}]"
    keywords = "".join(f", {n}" for n in names.split(", ") if "=" in n)
    calls = [f"{callee(op)}(*given{keywords})", "print(given)"]
    if kind == "layout":
        plainly = "clone(memory_format=torch.contiguous_format)"
        copied = f"[v.{plainly} if isinstance(v, torch.Tensor) else v for v in {given}]"
        return [f"for given in ({copied}, {given}):", *("    " + line for line in calls)]
    first = ["for threads in (1, 4, 4, 4, 4):", "    torch.set_num_threads(threads)"]
    if kind != "threads":
        first = [
            "for pattern in (0x11, 0xEE):",
            "    ctypes.CDLL(None).mallopt(-6, pattern)  # what is in fresh memory",
        ]
    return [*first, *("    " + line for line in [*lines, f"given = {given}", *calls])]


def shown_on_gpu(kind, call, names, op):
    """The same where memory is the GPU's, and errors come when one waits for them."""
    if kind in ("poison", "determinism"):
        return [
            "for pattern in (0x11, 0xEE):",
            "    torch.cuda.empty_cache()",
            '    held = [torch.empty(1 << 20, dtype=torch.uint8, device="cuda").fill_(pattern) for i in range(4)]',
            "    del held  # the next tensors are made of this memory",
            f"    print({call})",
        ]
    if kind == "agreement":
        on_cpu = [f"{n}.cpu() if isinstance({n}, torch.Tensor) else {n}" for n in positional(names).split(", ") if n]
        return [f"print({call})", f"print({callee(op)}({', '.join(on_cpu)}))"]
    if kind == "leak":
        return [
            "for i in range(1000):", "    try:", f"        {call}", "    except Exception:", "        pass",
            "    if i % 100 == 0:", "        print(torch.cuda.memory_allocated())",
        ]  # fmt: skip
    if kind == "cuda-error":
        return [call, 'torch.zeros(1, device="cuda")  # raises what was left behind']
    if kind == "crash":
        return [f"result = {call}", "torch.cuda.synchronize()", "print(result)"]
    return []


def positional(names):
    return ", ".join(n for n in names.split(", ") if "=" not in n)
