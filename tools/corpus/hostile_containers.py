"""Hostile containers: zip tricks, routing, legacy streams, TorchScript, .pt2.

Written record by record with `zipraw`; no torch and nothing loaded.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import struct
import tarfile
import zlib
from typing import Iterator

import zipraw
from assemble import Build, Call, G, New, code, stream
from hostile_pickles import RUN, Case
from sinks import CMD, PATH, PY
from zipraw import Entry, entry, torch_zip

EVIL = stream(RUN, 2)
EVIL_TEXT = stream(RUN, 0)
GOOD = stream({"epoch": 3, "name": "resnet"}, 2)
VERSION = entry("archive/version", b"3\n")
MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
SYS_INFO = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}


def archive(*entries: Entry, **options) -> bytes:
    return zipraw.write([*entries, entry("archive/version", b"3\n")], **options)


def zip_names() -> Iterator[Case]:
    """Class J: which record is meant?"""
    evil, good = ("archive/data.pkl", EVIL), ("archive/data.pkl", GOOD)
    yield Case("J", "duplicate, first hostile", archive(entry(*evil), entry(*good)), ext=".pt")
    yield Case("J", "duplicate, last hostile", archive(entry(*good), entry(*evil)), False, ".pt", "torch reads the other one")
    yield Case("J", "duplicate, middle hostile", archive(entry(*good), entry(*evil), entry(*good)), False, ".pt", "torch reads the other one")
    for name in ("archive/DATA.PKL", "archive/Data.pkl", "ARCHIVE/data.pkl"):
        for first in (True, False):
            pair = [entry(name, EVIL), entry(*good)]
            where = "first" if first else "last"
            yield Case("J", f"case variant {name} {where}", archive(*(pair if first else pair[::-1])), first and name.startswith("archive/"), ".pt",
                       "which one torch reads depends on its place")
    yield Case("J", "only DATA.PKL", archive(entry("archive/DATA.PKL", EVIL)), ext=".pt")
    yield Case("J", "only DATA.PKL as text", archive(entry("archive/DATA.PKL", EVIL_TEXT)), ext=".pt")
    nul = b"archive/data.pkl\0x"
    yield Case("J", "NUL name second", archive(entry(*good), Entry(nul, EVIL)), False, ".pt", "torch reads the other one")
    yield Case("J", "NUL name first", archive(Entry(nul, EVIL), entry(*good)), False, ".pt", "torch reads the other one")
    yield Case("J", "NUL name alone", archive(Entry(nul, EVIL)), False, ".pt", "torch finds no object")
    yield Case("J", "NUL name over the hostile one", archive(entry(*evil), Entry(nul, GOOD)), ext=".pt", note="readers that cut at NUL see the other one")
    for local in (b"archive/readme.txt", b"archive/data.pkl.bak", b"x", b""):
        yield Case("J", f"local name differs {local.decode() or 'empty'}", archive(entry(*evil, local_name=local)), ext=".pt")
    yield Case("J", "central name is harmless", archive(entry("archive/notes.txt", EVIL, local_name=b"archive/data.pkl"), entry(*good)), False, ".pt", "torch reads the other one")
    yield Case("J", "local record not in the central directory", archive(entry(*good), entry("archive/extra.pkl", EVIL, central=False)), False, ".pt")
    for root in ("a", "model.v2", "..", "ünicode", "a/b", "data.pkl"):
        yield Case("J", f"root {root}", torch_zip(EVIL, root), root != "a/b", ".pt", "" if root != "a/b" else "torch refuses")
    yield Case("J", "two roots, second hostile", zipraw.write([entry("a/data.pkl", GOOD), entry("b/data.pkl", EVIL), entry("a/version", b"3\n")]), False, ".pt", "torch refuses")
    yield Case("J", "no root", zipraw.write([entry("data.pkl", EVIL), entry("version", b"3\n")]), False, ".pt", "torch refuses")
    yield Case("J", "backslash root", zipraw.write([entry("archive\\data.pkl", EVIL), entry("archive\\version", b"3\n")]), False, ".pt", "torch refuses")
    yield Case("J", "path traversal record", archive(entry(*evil), entry("../../tmp/andiron-demo/marker", b"x")), False, ".pt", "torch refuses")
    yield Case("J", "same base name in folders", archive(entry("archive/x/data.pkl", EVIL), entry(*good)), False, ".pt")
    field = struct.pack("<HHBI", 0x7075, 5 + len("archive/data.pkl"), 1, zlib.crc32(b"archive/notes.txt")) + b"archive/data.pkl"
    yield Case("J", "another name in the Unicode path field", archive(entry(*good), entry("archive/notes.txt", EVIL, central_extra=field)), False, ".pt", "Python 3.13's zipfile takes it")
    yield Case("J", "long record name", archive(entry(*evil), entry("archive/" + "a" * 600, b"x")), ext=".pt")
    yield Case("J", "symbolic link record", archive(entry(*evil), entry("archive/link", b"/etc/hostname", attributes=0o120777 << 16)), ext=".pt")


def zip_fields() -> Iterator[Case]:
    """Class J: wrong CRCs, flags, sizes, and what surrounds the archive."""
    for name, options in (("CRC wrong in both", {"crc": 1}), ("CRC wrong locally", {"local_crc": 1}), ("CRC zero", {"crc": 0, "local_crc": 0})):
        yield Case("J", name, archive(entry("archive/data.pkl", EVIL, **options)), ext=".pt")
    for flag in (0x1, 0x8, 0x20, 0x40, 0x2000):
        yield Case("J", f"local flag {flag:#x}", archive(entry("archive/data.pkl", EVIL, local_flags=0x800 | flag)), ext=".pt")
        yield Case("J", f"central flag {flag:#x}", archive(entry("archive/data.pkl", EVIL, flags=0x800 | flag, local_flags=0x800)), flag == 8, ".pt",
                   "" if flag == 8 else "torch refuses")
    yield Case("J", "deflated", archive(entry("archive/data.pkl", EVIL, method=8)), ext=".pt")
    yield Case("J", "method 12", archive(entry("archive/data.pkl", EVIL, method=12)), False, ".pt", "torch refuses")
    yield Case("J", "corrupt member first", zipraw.write([entry("archive/a.pkl", b"\x00" * 9, method=99), entry("archive/data.pkl", EVIL), VERSION]), ext=".pt")
    yield Case("J", "broken pickle member first", archive(entry("archive/a.pkl", b"\x80\x02\xff"), entry("archive/data.pkl", EVIL)), ext=".pt")
    yield Case("J", "extra field of 60000 bytes", archive(entry("archive/data.pkl", EVIL, extra=b"FB\x5c\xea" + b"Z" * 59996)), ext=".pt")
    yield Case("J", "archive comment", torch_zip(EVIL)[:-2] + b"\x04\x00PK\x05\x06", ext=".pt")
    yield Case("J", "bytes after the archive", torch_zip(EVIL) + b"\0" * 100, ext=".pt")
    yield Case("J", "two archives", torch_zip(GOOD) + torch_zip(EVIL), False, ".pt", "offsets count from the second")
    yield Case("J", "archive then pickle", torch_zip(GOOD) + EVIL, False, ".pt")
    yield Case("J", "pickle then archive", EVIL + torch_zip(GOOD), ext=".pt", note="read as a pickle, listed as a zip")
    yield Case("J", "prefixed junk", zipraw.write([entry("archive/data.pkl", EVIL), VERSION], prefix=b"JUNK" * 8), False, ".pt", "torch refuses")
    yield Case("J", "gap between records", gap(), ext=".pt")
    yield Case("J", "pickle in a .txt member", archive(entry("archive/data.pkl", GOOD), entry("archive/notes.txt", EVIL_TEXT)), False, ".pt")
    yield Case("J", "pickle in a storage record", archive(entry("archive/data.pkl", GOOD), entry("archive/data/0", EVIL)), False, ".pt")
    yield Case("J", "zip in zip", archive(entry("archive/data.pkl", GOOD), entry("archive/inner.pt", torch_zip(EVIL))), False, ".pt")
    yield Case("J", "zip in zip in zip", zipraw.write([entry("a.zip", zipraw.write([entry("b.zip", torch_zip(EVIL))]))]), False, ".zip")
    yield Case("J", "pickle in a plain zip", zipraw.write([entry("model.pkl", EVIL)]), False, ".zip")
    yield Case("J", "zip bomb", archive(entry("archive/data.pkl", EVIL), entry("archive/data/0", b"\0" * 9_000_000, method=8)), ext=".pt")
    yield Case("J", "deflated data.pkl bomb", archive(entry("archive/data.pkl", b"\x80\x02" + b"N0" * 4_000_000 + EVIL[2:], method=8)), ext=".pt")
    yield Case("J", "claimed size 2^32-2", archive(entry("archive/data.pkl", EVIL, size=2**32 - 2)), False, ".pt")
    yield Case("J", "payload in a mobile debug record", archive(entry("archive/data.pkl", GOOD), entry("archive/code/__torch__.py.debug_pkl", EVIL)), False, ".pt")


def gap() -> bytes:
    """An archive with bytes that belong to no record, between two of them."""
    hidden = entry("archive/hidden", EVIL_TEXT, central=False)
    return zipraw.write([hidden, entry("archive/data.pkl", EVIL), VERSION])


def tar_of(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def npy(data: bytes, descr: str = "'|O'") -> bytes:
    head = ("{'descr': %s, 'fortran_order': False, 'shape': (1,), }" % descr).encode()
    head += b" " * (-(len(head) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + data


def routing() -> Iterator[Case]:
    """Classes J and K: other containers, and names that do not fit."""
    for name, pack in (("gzip", lambda b: gzip.compress(b, mtime=0)), ("bz2", bz2.compress), ("xz", lzma.compress),
                       ("lzma", lambda b: lzma.compress(b, lzma.FORMAT_ALONE)), ("zlib", zlib.compress),
                       ("gzip twice", lambda b: gzip.compress(gzip.compress(b, mtime=0), mtime=0))):
        yield Case("K", f"{name} pickle", pack(EVIL), ext=".joblib")
        yield Case("K", f"{name} pickle named .pkl", pack(EVIL), ext=".pkl")
    for ext in (".bin", ".pt", ".p", "", ".txt", ".json", ".safetensors", ".onnx", ".png", ".ckpt", ".dat", ".npy", ".h5", ".gguf", ".pickle", ".model", ".PKL"):
        yield Case("K", f"raw pickle named {ext or 'without extension'}", EVIL, ext=ext)
    for ext in (".safetensors", ".bin", ".json", ".zip", "", ".onnx", ".txt", ".npz"):
        yield Case("K", f"torch zip named {ext or 'without extension'}", torch_zip(EVIL), ext=ext)
    yield Case("K", "npy object array", npy(EVIL), ext=".npy")
    yield Case("K", "npy object field", npy(EVIL, "[('a', '|O')]"), ext=".npy")
    yield Case("K", "npy header is code", npy(b"", PY), False, ".npy", "numpy uses a literal parser")
    yield Case("K", "npz object member", zipraw.write([entry("arr_0.npy", npy(EVIL))]), ext=".npz")
    yield Case("K", "npz pickle member", zipraw.write([entry("arr_0.npy", EVIL)]), ext=".npz")
    wrapper = Build(New(G("joblib.numpy_pickle", "NumpyArrayWrapper")), {"subclass": G("numpy", "ndarray"), "shape": (1,), "order": "C",
                    "dtype": Call(G("numpy", "dtype"), "O8", False, True), "allow_mmap": False})
    yield Case("K", "joblib object array", b"\x80\x03" + code(wrapper, 3) + EVIL + b".", ext=".joblib")
    yield Case("J", "tar with a pickle", tar_of({"model.pkl": EVIL}), False, ".tar")
    yield Case("J", "ancient torch tar", tar_of({"sys_info": stream(SYS_INFO, 2), "pickle": EVIL, "tensors": stream(0, 2), "storages": stream(0, 2)}), ext=".pt")
    yield Case("J", "ancient torch tar, payload in storages", tar_of({"sys_info": stream(SYS_INFO, 2), "pickle": GOOD, "tensors": stream(0, 2), "storages": EVIL}), ext=".pt")
    yield Case("J", "gzipped tar with a pickle", gzip.compress(tar_of({"model.pkl": EVIL}), mtime=0), False, ".tar.gz")
    yield Case("K", "polyglot text and pickle", b"# weights of the model\n" + EVIL_TEXT, False, ".txt", "the text fails first")
    yield Case("K", "safetensors magic then pickle", struct.pack("<Q", 2) + b"{}" + EVIL, False, ".safetensors")
    yield Case("K", "leading newline pickle", b"\n" + EVIL, False, ".pkl", "the newline fails first")


def legacy() -> Iterator[Case]:
    """Class L: the stream of five pickles runs every one of them."""
    parts = [stream(MAGIC, 2), stream(PROTOCOL, 2), stream(SYS_INFO, 2), GOOD, stream([], 2)]
    for i, name in enumerate(("magic", "protocol", "sys_info", "object", "keys")):
        for how, payload in (("replaced by", EVIL), ("before", EVIL + parts[i])):
            changed = parts[:i] + [payload] + parts[i + 1:]
            yield Case("L", f"{name} {how} the payload", b"".join(changed), ext=".pt")
    magic_then = b"\x80\x02" + code(RUN, 2) + b"0" + code(MAGIC, 2) + b"."
    yield Case("L", "magic computed after the payload", b"".join([magic_then] + parts[1:]), ext=".pt")
    info = stream({**SYS_INFO, "note": RUN}, 2)
    yield Case("L", "payload as a sys_info value", b"".join(parts[:2] + [info] + parts[3:]), ext=".pt")
    yield Case("L", "payload after the storages", b"".join(parts) + EVIL, False, ".pt")
    module = b"\x80\x02" + code(("module", G("torch.nn.modules.linear", "Linear"), "model.py", "import os\nos.system('true')\n"), 2) + b"Q."
    yield Case("L", "module persistent id with source", b"".join(parts[:3] + [module, parts[4]]), False, ".pt")
    yield Case("L", "legacy with a zip behind it", b"".join(parts[:3] + [EVIL, parts[4]]) + torch_zip(GOOD), ext=".pt")
    for proto in (0, 1, 3, 4):
        data = b"".join([stream(MAGIC, proto), stream(PROTOCOL, proto), stream(SYS_INFO, proto), stream(RUN, proto), stream([], proto)])
        yield Case("L", f"protocol {proto} legacy", data, ext=".pt")


CLASS = "class {name}(Module):\n  __parameters__ = []\n  __buffers__ = []\n  training : bool\n"


def torchscript(body: str, name: str = "Net", path: str = "code/__torch__.py", files: tuple = (), head: str = "") -> bytes:
    """A TorchScript archive of one class, whose methods are given as text."""
    state = (True,) if "__setstate__" in body else {"training": True}
    data = stream(Build(New(G("__torch__", name)), state), 2)
    source = head + CLASS.format(name=name) + body
    records = [entry("net/data.pkl", data), entry(f"net/{path}", source.encode()), entry("net/constants.pkl", stream((), 2))]
    records += [entry(f"net/{n}", d) for n, d in files]
    return zipraw.write(records + [entry("net/version", b"3\n")])


def method(name: str, *lines: str) -> str:
    params = {"__setstate__": "self: __torch__.Net,\n    state: Tuple[bool]", "forward": "self: __torch__.Net,\n    x: Tensor"}
    returns = "NoneType" if name == "__setstate__" else "Tensor"
    last = "self.training = (state)[0]\n    return None" if name == "__setstate__" else "return x"
    text = "".join(f"    {line}\n" for line in (*lines, last))
    # torch calls __setstate__ only where __getstate__ says what it takes.
    pair = "  def __getstate__(self: __torch__.Net) -> Tuple[bool]:\n    return (True,)\n" if name == "__setstate__" else ""
    return f"{pair}  def {name}({params[name]}) -> {returns}:\n{text}"


TARGET = f'"{PATH}"'
TS_LINES = [
    ("torch.save", (f'torch.save("a", {TARGET})',)), ("ops.aten.save", (f'ops.aten.save("a", {TARGET})',)),
    ("alias of torch", ("f = torch", f'f.save("a", {TARGET})')), ("getattr", (f'getattr(torch, "save")("a", {TARGET})',)),
    ("computed file name", ('torch.save("a", torch.add("/tmp/andiron-demo/", "marker"))',)),
    ("behind a comment", ('# torch.save is not here', f'torch.save("a", {TARGET})')),
    ("from_file shared", (f'y = torch.from_file({TARGET}, True, 4, dtype=0)',)),
    ("ops.aten.from_file", (f'y = ops.aten.from_file({TARGET}, True, 4)',)),
    ("reinterpret tensor", ("y = ops.inductor._reinterpret_tensor(torch.zeros([1]), [1000], [1], 0)",)),
    ("as_strided far away", ("y = torch.as_strided(torch.zeros([1]), [1], [1], 2305843009213693951)",)),
    ("as_strided method", ("y = torch.zeros([1]).as_strided([4], [1], 1000000)",)),
    ("set_ storage", ("y = torch.set_(torch.zeros([1]), torch.zeros([1]), 0, [1000000], [1])",)),
    ("resize_", ("y = torch.resize_(torch.zeros([1]), [1000000])",)),
    ("rpc", ('y = ops.rpc.rpc_sync("worker.invalid", "f")',)), ("c10d", ("y = ops.c10d.broadcast_([torch.zeros([1])], 0)",)),
    ("unknown namespace", ('y = ops.evil.run("true")',)), ("custom class", ('y = __torch__.torch.classes.evil.Shell("true")',)),
    ("PythonOp", ("y = ^PythonCall(True)(torch.zeros([1]))",)), ("IgnoredPythonOp", ("y = prim.IgnoredPythonOp()",)),
    ("data_ptr", ("y = ops.mkldnn.data_ptr(torch.zeros([1]))",)), ("endless loop", ("while True:", "  pass")),
    ("huge allocation", ("y = torch.zeros([1000000000000])",)), ("line continuation", ('torch.\\', f'save("a", {TARGET})')),
]
TS_SINKS = {"torch.save", "ops.aten.save", "alias of torch", "getattr", "computed file name", "behind a comment", "from_file shared",
            "ops.aten.from_file"}


def torchscripts() -> Iterator[Case]:
    """Class P: TorchScript, reached at load or at call."""
    for name, lines in TS_LINES:
        for where in ("__setstate__", "forward"):
            data = torchscript(method(where, *lines))
            yield Case("P", f"{name} in {where}", data, name in TS_SINKS and where == "__setstate__", ".pt",
                       "runs when loaded" if where == "__setstate__" else "runs when called")
    save = f'torch.save("a", {TARGET})'
    helper = f"  def helper(self: __torch__.Net) -> NoneType:\n    {save}\n    return None\n"
    yield Case("P", "helper called from setstate", torchscript(method("__setstate__", "_0 = (self).helper()") + helper), ext=".pt")
    yield Case("P", "case variant of the code path", torchscript(method("__setstate__", save), path="code/__TORCH__.PY"), ext=".pt")
    yield Case("P", "payload in data.pkl", zipraw.write([entry("net/data.pkl", EVIL), entry("net/constants.pkl", stream((), 2)), entry("net/version", b"3\n")]), False, ".pt",
               "the C++ unpickler refuses it")
    yield Case("P", "payload in constants.pkl", zipraw.write([entry("net/data.pkl", GOOD), entry("net/constants.pkl", EVIL), entry("net/version", b"3\n")]), False, ".pt")
    yield Case("P", "payload in debug_pkl", torchscript("", files=(("code/__torch__.py.debug_pkl", EVIL),)), False, ".pt")
    yield Case("P", "payload in extra", torchscript(method("forward"), files=(("extra/state.pkl", EVIL),)), False, ".pt")
    yield Case("P", "duplicate code record", torchscript(method("forward"), files=(("code/__torch__.py", CLASS.format(name="Net").encode() + method("__setstate__", save).encode()),)), ext=".pt")
    other = f"def f() -> NoneType:\n  {save}\n  return None\n"
    yield Case("P", "function in another module", torchscript(method("__setstate__", "_0 = __torch__.lib.f()"), head="", files=(("code/__torch__/lib.py", other.encode()),)), ext=".pt")
    mobile = stream((8, ("__torch__.Net.forward", (("instructions", (("OP", 0, 0),)), ("operators", (("aten::save", ""),)), ("constants", (PATH,)), ("types", ()), ("register_size", 2)))), 2)
    yield Case("P", "mobile bytecode with aten::save", zipraw.write([entry("net/data.pkl", GOOD), entry("net/bytecode.pkl", mobile), entry("net/constants.pkl", stream((), 2)), entry("net/version", b"3\n")]), False, ".ptl")


def expression(text: str) -> dict:
    return {"dtype": 7, "sizes": [{"as_expr": {"expr_str": text, "hint": {"as_int": 4}}}], "strides": [{"as_int": 1}],
            "requires_grad": False, "device": {"type": "cpu"}, "storage_offset": {"as_int": 0}, "layout": 7}


def program(size: str = "Symbol('s77', positive=True, integer=True)", target: str = "torch.ops.aten.relu.default", guards: tuple = ()) -> bytes:
    node = {"target": target, "inputs": [{"name": "self", "arg": {"as_tensor": {"name": "x"}}, "kind": 1}], "outputs": [{"as_tensor": {"name": "y"}}], "metadata": {}}
    graph = {"inputs": [{"as_tensor": {"name": "x"}}], "outputs": [{"as_tensor": {"name": "y"}}], "nodes": [node],
             "tensor_values": {"x": expression(size), "y": expression(size)}, "sym_int_values": {}, "sym_bool_values": {}}
    whole = {"graph_module": {"graph": graph, "signature": {"input_specs": [], "output_specs": []}, "module_call_graph": []},
             "opset_version": {"aten": 10}, "range_constraints": {}, "schema_version": {"major": 8, "minor": 2}}
    if guards:
        whole["guards_code"] = list(guards)
    return json.dumps(whole).encode()


def pt2(model: bytes, *records: tuple) -> bytes:
    """The layout of torch 2.9 and newer."""
    base = [("models/model.json", model), *records, ("archive_format", b"pt2"), ("archive_version", b"0"), (".data/version", b"6\n"), ("byteorder", b"little")]
    return zipraw.write([entry(f"archive/{n}", d) for n, d in base])


def old_pt2(model: bytes, **parts: bytes) -> bytes:
    """The layout up to torch 2.8."""
    good = torch_zip(GOOD)
    names = ("state_dict", "constants", "example_inputs")
    base = [("serialized_exported_program.json", model)] + [(f"serialized_{n}.pt", parts.get(n, good)) for n in names] + [("version", b"8.2")]
    return zipraw.write([entry(n, d) for n, d in base])


def renamed_pt2(part: str, payload: bytes) -> bytes:
    """An exported program with one part under its deprecated name."""
    names = [f"serialized_{n}.pt" for n in ("state_dict", "constants", "example_inputs") if n != part]
    base = [("serialized_exported_program.json", program()), *((n, torch_zip(GOOD)) for n in names)]
    return zipraw.write([entry(n, d) for n, d in [*base, (f"serialized_{part}.json", payload), ("version", b"8.2")]])


def mistyped() -> Iterator[Case]:
    """Class P: TorchScript whose objects are not what its code was compiled for, and that of torch 1.0."""
    head = "class M(Module):\n  __parameters__ = []\n  __buffers__ = []\n  training : bool\n"
    forward = "  def forward(self: __torch__.M, x: Tensor) -> Tensor:\n"
    tuple_of = f"Tuple[{', '.join(['int'] * 60)}]"
    wide = "class B:\n" + "".join(f"  a{i} : Tensor\n" for i in range(99))
    narrow = "class A:\n  a0 : int\n"
    values = {"a tuple too short": (tuple_of, "", b"K\x01K\x02\x86"),
              "an object of a smaller class": ("__torch__.B", narrow + wide, b"c__torch__\nA\n)\x81}(X\x02\0\0\0a0K\x01ub"),
              "a list of objects of a smaller class": ("List[__torch__.B]", narrow + wide, b"](c__torch__\nA\n)\x81}(X\x02\0\0\0a0K\x01ube")}
    for name, (declared, classes, value) in values.items():
        source = f"{classes}{head}  b : {declared}\n{forward}    return x\n".encode()
        data = b"\x80\x02c__torch__\nM\n)\x81}(X\x08\0\0\0training\x88X\x01\0\0\0b" + value + b"ub."
        yield Case("P", f"TorchScript attribute: {name}", script(data, source), False, ".pt")
    for name, body in (("cast to a class", "    b = unchecked_cast(__torch__.B, self)\n    c = b.a98\n"),
                       ("cast to a tuple", f"    b = unchecked_cast({tuple_of}, (1, 2))\n"),
                       ("indices of a sparse tensor", "    s = torch.sparse_coo_tensor(state, state, [3])\n    i = torch.add_(torch._indices(s), 1000000)\n")):
        state = "  def __getstate__(self: __torch__.M) -> Tensor:\n    return torch.ones([1])\n  def __setstate__(self: __torch__.M, state: Tensor) -> NoneType:\n"
        source = f"{wide}{head}{forward}    return x\n{state}{body}    return None\n".encode()
        yield Case("P", f"TorchScript __setstate__: {name}", script(b"\x80\x02c__torch__\nM\n)\x81Nb.", source), False, ".pt")
    old = {"protoVersion": "5", "mainModule": {"name": "M", "torchscriptArena": {"key": "notes.bin"}}}
    records = [("model.json", json.dumps(old).encode()), ("notes.bin", b'def forward(self, x: Tensor) -> Tensor:\n  torch.save(x, "/tmp/andiron-demo/marker")\n  return x\n'), ("version", b"1\n")]
    yield Case("P", "TorchScript of torch 1.0", zipraw.write([entry(f"m/{n}", d) for n, d in records]), False, ".pt")


def script(data: bytes, source: bytes) -> bytes:
    base = [("data.pkl", data), ("code/__torch__.py", source), ("constants.pkl", b"\x80\x02)."), ("version", b"3\n")]
    return zipraw.write([entry(f"m/{n}", d) for n, d in base])


EXPRESSIONS = ["__import__('os').system('true')", "exec('pass')", "().__class__.__base__.__subclasses__()", "open('/tmp/andiron-demo/marker','w')",
               "Symbol('s0').__class__", "(lambda: 1)()", "[x for x in (1,)]", "eval(\"1\")", "Symbol(__import__('os').name)", "s0 if s0 else __import__('os')"]


def exports() -> Iterator[Case]:
    """Class P: exported programs."""
    for text in EXPRESSIONS:
        sink = "system" in text or "exec" in text or "open" in text or "eval" in text
        yield Case("P", f"pt2 expr_str {text[:24]}", pt2(program(text)), sink, ".pt2")
        yield Case("P", f"old pt2 expr_str {text[:24]}", old_pt2(program(text)), sink, ".pt2")
    bad = torch_zip(EVIL)
    for part in ("state_dict", "constants", "example_inputs"):
        yield Case("P", f"old pt2 payload in {part}", old_pt2(program(), **{part: bad}), ext=".pt2")
    for part in ("state_dict", "constants"):
        yield Case("P", f"old pt2 payload in {part}.json", renamed_pt2(part, bad), ext=".pt2", note="the name of torch 2.1, which later ones still unpickle")
        yield Case("P", f"old pt2 payload in {part}.json, raw", renamed_pt2(part, EVIL), ext=".pt2")
    yield Case("P", "old pt2 expr_str in a list", old_pt2(program("PLACE").replace(b'"PLACE"', b'["print(1)"]')), False, ".pt2")
    yield Case("P", "pt2 payload in sample inputs", pt2(program(), ("data/sample_inputs/model.pt", bad)), ext=".pt2")
    yield Case("P", "pt2 payload in sample inputs, raw", pt2(program(), ("data/sample_inputs/model.pt", EVIL)), ext=".pt2")
    config = {"config": {"w": {"path_name": "weight_0", "is_param": True, "use_pickle": True, "tensor_meta": None}}}
    records = (("data/weights/model_weights_config.json", json.dumps(config).encode()), ("data/weights/weight_0", bad))
    yield Case("P", "pt2 use_pickle weight", pt2(program(), *records), ext=".pt2")
    config["config"]["w"]["path_name"] = "../../data/weights/weight_0"
    records = (("data/weights/model_weights_config.json", json.dumps(config).encode()), ("data/weights/weight_0", bad))
    yield Case("P", "pt2 use_pickle with a path", pt2(program(), *records), False, ".pt2")
    yield Case("P", "pt2 opaque object", pt2(program(), ("data/constants/opaque_obj_0", EVIL)), ext=".pt2")
    yield Case("P", "pt2 custom object", pt2(program(), ("data/constants/custom_obj_0", EVIL)), False, ".pt2")
    elf = b"\x7fELF\x02\x01\x01" + b"\0" * 57
    yield Case("P", "pt2 shared object", pt2(program(), ("data/aotinductor/model/m.wrapper.so", elf)), ext=".pt2", note="header only, cannot load")
    yield Case("P", "pt2 C++ source", pt2(program(), ("data/aotinductor/model/m.wrapper.cpp", b"int marker;\n")), False, ".pt2")
    flags = json.dumps({"compiler": f"{CMD}; c++", "cflags": []}).encode()
    yield Case("P", "pt2 compile flags", pt2(program(), ("data/aotinductor/model/m_compile_flags.json", flags), ("data/aotinductor/model/m.wrapper.cpp", b"")), ext=".pt2")
    yield Case("P", "pt2 record traversal", pt2(program(), ("data/aotinductor/../../../tmp/andiron-demo/x.so", elf)), ext=".pt2")
    for target in ("os.system", "torch.hub.load", "math.__loader__.load_module", "_operator.attrgetter", "torch.ops.evil.run", "builtins.eval"):
        yield Case("P", f"pt2 node target {target}", pt2(program(target=target)), False, ".pt2")
    yield Case("P", "pt2 guard code", pt2(program(guards=("__import__('os').system('true')",))), False, ".pt2")


def in_archives() -> Iterator[Case]:
    """Class A again, inside what torch.save writes, and class J for text protocols."""
    sinks = [("os", "system"), ("subprocess", "Popen"), ("builtins", "exec"), ("runpy", "_run_code"), ("torch.hub", "load"), ("webbrowser", "open")]
    for module, name in sinks:
        arg = PY if name in ("exec", "_run_code") else CMD
        for proto in (0, 2, 4):
            yield Case("A", f"torch zip {module}.{name} protocol {proto}", torch_zip(stream({"state_dict": {}, "hook": Call(G(module, name), arg)}, proto)), ext=".pt")


def all_cases() -> Iterator[Case]:
    for make in (zip_names, zip_fields, routing, legacy, torchscripts, mistyped, exports, in_archives):
        yield from make()
