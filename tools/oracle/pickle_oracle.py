#!/usr/bin/env python3
"""Says which names CPython's unpicklers would import for a pickle.

Streams come on standard input, each with its length in front (four bytes,
little-endian). For each one a line of JSON goes to standard output:

    {"c": RUN, "peek": RUN, "peek16": RUN, "peek64": RUN, "python": RUN}
    RUN: {"imports": [[module, name], ...], "ok": bool, "error": str}

"c" is the C unpickler on a file without peek, "peek" the same on a buffered file,
"peek16" and "peek64" on one with so small a buffer, "python" the unpickler in
Lib/pickle.py. Names are hexadecimal UTF-8 with surrogates let
through, as find_class gets them.

With --vectors DIR the vectors in DIR are checked against all three instead.

Nothing is imported or called for real: find_class hands out inert classes, the
extension registry is empty, and memory and time are limited.
"""

import copyreg
import io
import json
import pathlib
import pickle
import re
import resource
import struct
import sys

MEMORY = 1 << 30
CPU_SECONDS = 3600


class Anything:
    """A method that takes any arguments and does nothing, on class and instance."""

    def __get__(self, instance, owner):
        return lambda *args, **kwargs: None


class Meta(type):
    def __setitem__(cls, key, value):
        pass


class Inert(metaclass=Meta):
    """Stands for every imported class and function, and for what they return."""

    append = extend = add = __setstate__ = Anything()

    def __new__(cls, *args, **kwargs):
        return object.__new__(cls)

    def __init__(self, *args, **kwargs):
        pass

    def __call__(self, *args, **kwargs):
        return Inert()

    def __setitem__(self, key, value):
        pass


def recorder(base):
    class Recorder(base):
        def __init__(self, file):
            super().__init__(file)
            self.imports = []

        def find_class(self, module, name):
            self.imports.append([hexed(module), hexed(name)])
            return type("Inert", (Inert,), {})

        def persistent_load(self, pid):
            return Inert()

    return Recorder


def hexed(text):
    return text.encode("utf-8", "surrogatepass").hex()


C = recorder(pickle.Unpickler)
Python = recorder(pickle._Unpickler)


def run(recorder_class, file):
    unpickler = recorder_class(file)
    error = ""
    try:
        unpickler.load()
    except Exception as err:  # whatever a hostile stream raises
        error = f"{type(err).__name__}: {err}"[:200]
    return {"imports": unpickler.imports, "ok": not error, "error": error}


def look(data):
    return {
        "c": run(C, io.BytesIO(data)),
        "peek": run(C, io.BufferedReader(io.BytesIO(data))),
        "peek16": run(C, io.BufferedReader(io.BytesIO(data), 16)),
        "peek64": run(C, io.BufferedReader(io.BytesIO(data), 64)),
        "python": run(Python, io.BytesIO(data)),
    }


def serve():
    source, sink = sys.stdin.buffer, sys.stdout
    while head := source.read(4):
        data = source.read(struct.unpack("<I", head)[0])
        sink.write(json.dumps(look(data)) + "\n")
        sink.flush()


def sections(text):
    parts = re.split(r"^-- (.+) --\n", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def unhex(text):
    return bytes.fromhex("".join(line.split("#")[0] for line in text.splitlines()))


def subsequence(part, whole):
    rest = iter(whole)
    return all(item in rest for item in part)


NAME = re.compile(r'"[^"]*"|hex:[0-9a-f]*')


def unquote(name):
    return hexed(name[1:-1]) if name.startswith('"') else name.removeprefix("hex:")


def check_vector(path):
    parts = sections(path.read_text(encoding="utf-8"))
    data = unhex(parts["pickle.hex"])
    lines = [line.split(" ") for line in parts["want"].splitlines()]
    starts = [i for i, line in enumerate(lines) if line[0] == "stream"]
    first = lines[: starts[1]] if len(starts) > 1 else lines
    want = []
    for line in first:
        if line[0] == "import":
            want.append([unquote(s) for s in NAME.findall(" ".join(line))[:2]])
    broken = any(line[0] == "error" for line in first)
    runs = look(data)
    for name, got in runs.items():
        if not subsequence(got["imports"], want):
            yield f"{path.name}: {name} imports {got['imports']}, the vector has {want}"
        if got["ok"] and broken:
            yield f"{path.name}: {name} finishes, the vector has an error"
    if all(got["ok"] for got in runs.values()) and runs["c"]["imports"] != want:
        yield f"{path.name}: all finish with {runs['c']['imports']}, the vector has {want}"


def check_vectors(folder):
    paths = sorted(pathlib.Path(folder).glob("*.txtar"))
    if not paths:
        sys.exit(f"pickle_oracle: no vectors in {folder!r}")
    faults = [fault for path in paths for fault in check_vector(path)]
    print("\n".join(faults) or f"{len(paths)} vectors agree")
    return 1 if faults else 0


def main():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    copyreg._extension_registry.clear()
    copyreg._inverted_registry.clear()
    if sys.argv[1:2] == ["--vectors"]:
        sys.exit(check_vectors(sys.argv[2]))
    serve()


if __name__ == "__main__":
    main()
