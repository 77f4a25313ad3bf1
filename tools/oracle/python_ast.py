"""Says what CPython's ast module finds in Python files, one JSON object a line.

    python_ast.py LIST     names of files on the lines of LIST

Of each file: whether it parses, and if so every call (place, end, number of
positional arguments, names of keywords), attribute, definition and import, as
sorted strings. internal/pysrc says the same of the same files; a test compares.
"""

import ast
import json
import sys
import warnings

warnings.simplefilter("ignore")
sys.setrecursionlimit(20000)


def place(node):
    return f"{node.lineno}:{node.col_offset}-{node.end_lineno}:{node.end_col_offset}"


PLACED = (
    ast.Lambda, ast.Compare, ast.BinOp, ast.BoolOp, ast.Subscript, ast.Dict, ast.IfExp,
    ast.For, ast.While, ast.If, ast.Try, ast.Assign, ast.Return, ast.Raise,
) + tuple(getattr(ast, name) for name in ("Match", "TryStar") if hasattr(ast, name))

# Before 3.12 the places of what stands within an f-string are wrong.
FSTRINGS = sys.version_info >= (3, 12)


def walk(tree):
    todo = [(tree, False)]
    while todo:
        node, inside = todo.pop()
        joined = isinstance(node, ast.JoinedStr)
        if joined and not FSTRINGS:
            continue
        yield node, inside
        todo.extend((c, inside or joined) for c in ast.iter_child_nodes(node))


def names(node):
    a = node.args
    all_names = [p.arg for p in a.args + a.kwonlyargs + getattr(a, "posonlyargs", [])]
    return ",".join(sorted(all_names + [p.arg for p in (a.vararg, a.kwarg) if p]))


def aliases(node):
    return ",".join(f"{n.name}={n.asname or ''}" for n in node.names)


def fact(node, inside):
    if isinstance(node, ast.Call):
        return f"call {place(node)} {len(node.args)} " + ",".join(k.arg or "**" for k in node.keywords)
    if isinstance(node, ast.Attribute):
        return f"attr {place(node)} {node.attr}"
    if isinstance(node, ast.Name):
        return f"name {place(node)} {node.id}"
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return f"def {place(node)} {node.name} {names(node)} {len(node.decorator_list)}"
    if isinstance(node, ast.ClassDef):
        return f"class {place(node)} {node.name} {len(node.bases)} {len(node.keywords)} {len(node.decorator_list)}"
    if isinstance(node, ast.Import):
        return f"import {place(node)} {aliases(node)}"
    if isinstance(node, ast.ImportFrom):
        return f"from {place(node)} {node.level} {node.module or ''} {aliases(node)}"
    if isinstance(node, (ast.With, ast.AsyncWith)):
        return f"with {place(node)} {len(node.items)}"
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and not inside:
        s = node.value
        if s.isascii() and s.isprintable() and len(s) < 40:
            return f"str {node.lineno}:{node.col_offset} {s}"
    if isinstance(node, PLACED):
        return f"{type(node).__name__.replace('TryStar', 'Try')} {place(node)}"
    return None


def facts(tree):
    found = (fact(node, inside) for node, inside in walk(tree))
    return (f for f in found if f)


def main():
    version = ".".join(map(str, sys.version_info[:2]))
    with open(sys.argv[1], encoding="utf-8") as f:
        names = f.read().splitlines()
    for name in names:
        out = {"file": name, "version": version, "parses": False, "facts": []}
        try:
            with open(name, "rb") as f:
                tree = ast.parse(f.read())
            out["parses"] = True
            out["facts"] = sorted(facts(tree))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as e:
            out["why"] = f"{type(e).__name__}: {e}"
        print(json.dumps(out))


if __name__ == "__main__":
    main()
