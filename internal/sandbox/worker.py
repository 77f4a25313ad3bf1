"""Loads one untrusted checkpoint with torch and hands out its tensors.

andiron starts this in a sandbox; nobody else does. It speaks over descriptor 3,
a socket that keeps messages apart:

    worker   {"ready": {...}}            torch is imported, and which other modules
    andiron  {"import": [...],           modules that the policy allows, and those of torch
              "late": [...]}             that it imports late, if it has them; answered by
                                         "ready", and left out where there are none
    andiron  {"job": {...}} + 2 files    the checkpoint and where tensors go
    worker   {"locked": {...}} + 1 file  the filter is in force; who is told of calls, if
                                         somebody is
    andiron  {"go": true}
    worker   {"done": {...}} or {"failed": {...}}

Everything before "locked" runs bytes that the user trusts: Python, torch and the
modules that the policy allows. Everything behind it runs what the checkpoint says.
Nothing is imported there, no file is opened, and nothing of what is said is believed:
andiron reads the tensors by itself.
"""

import argparse  # noqa: F401  # this and others: what checkpoints hold, and torch may not import
import array
import base64
import codecs
import collections
import ctypes
import dataclasses  # noqa: F401
import datetime  # noqa: F401
import decimal  # noqa: F401
import enum  # noqa: F401
import errno
import fractions  # noqa: F401
import importlib
import importlib.util
import io
import json
import os
import pathlib  # noqa: F401
import resource
import socket
import sys
import uuid  # noqa: F401
import warnings

CONTROL, SOURCE, OUT = 3, 10, 11
MOST = 1 << 20  # bytes of a message
PAGE = os.sysconf("SC_PAGE_SIZE")
ROOM = (32 << 20) + 1  # bytes that malloc always takes from the kernel
SET_FILTER, ALL, LISTENER = 1, 1, 1 | 8 | 16  # SECCOMP_SET_MODE_FILTER; TSYNC; with NEW_LISTENER, TSYNC_ESRCH

warnings.simplefilter("ignore")
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
libc.write.restype = ctypes.c_ssize_t
libc.write.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t)


class Program(ctypes.Structure):
    _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.c_void_p))


class Refused(Exception):
    """What was loaded is nothing that can be handed out."""


def say(message):
    """Send a message. It is cut where andiron would not read on."""
    data = json.dumps(message).encode()[:MOST]
    if os.write(CONTROL, data) != len(data):
        raise OSError("a message was cut")


def hear():
    return json.loads(os.read(CONTROL, MOST))


import torch  # noqa: E402  # after libc, which must not come from it

sys.path += filter(None, os.environ["ANDIRON_PATH"].split(":"))  # behind all else: it takes no name from torch
importlib.util.find_spec("andiron_is_no_module")  # has each folder looked at once

READER = torch._C.PyTorchFileReader
UNTYPED = getattr(torch, "UntypedStorage", None)
TYPES = {
    name: kind
    for name, kind in {
        "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "complex64": "C64",
        "int64": "I64", "int32": "I32", "int16": "I16", "int8": "I8", "uint8": "U8", "bool": "BOOL",
        "uint16": "U16", "uint32": "U32", "uint64": "U64", "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2",
    }.items()
    if hasattr(torch, name)
}  # fmt: skip


if "numpy" in sys.modules:  # numpy 2 has the names of numpy 1 in a module of its own, which files of either name
    for name in ("numpy.core.multiarray", "numpy._core.multiarray"):
        try:
            importlib.import_module(name)
        except ImportError:
            pass


def unread(*_):
    raise OSError("sources are not looked at")


def warm():
    """Use what torch.load imports late, with bytes that are ours."""
    # What packs the weights of quantized layers may write machine code while it does so,
    # which the filter takes for an attack. Such layers are not handed out anyhow. The
    # engine "none" packs nothing, which torch 2.14 has no more; qnnpack writes no code.
    engines = torch.backends.quantized.supported_engines
    for engine in [e for e in ("none", "qnnpack") if e in engines][:1]:
        torch.backends.quantized.engine = engine
    # What holds a module in a file of before torch 1.6 is compared with the source that
    # is installed, for a warning; it is a file that no filter lets one open.
    torch.serialization.get_source_lines_and_file = unread
    held = torch.nn.Linear(1, 1)
    state = collections.OrderedDict(a=torch.zeros(1), b=held.state_dict(), c=torch.zeros(1, dtype=torch.bfloat16))
    for zipped in (True, False):
        for value in (state, held):
            b = io.BytesIO()
            torch.save(value, b, _use_new_zipfile_serialization=zipped)
            for only in (True, False):
                b.seek(0)
                try:
                    torch.load(b, map_location="cpu", weights_only=only)
                except Exception:  # noqa: S110  # a module is no weights
                    pass
    for name in (
        "ascii",
        "latin-1",
        "utf-8",
        "utf-16",
        "utf-32",
        "raw_unicode_escape",
        "unicode_escape",
        "idna",
        "hex",
        "bz2",
        "zlib",
        "rot13",
    ):
        try:
            codecs.lookup(name)
        except LookupError:  # this Python has fewer
            pass
    null = os.open(os.devnull, os.O_WRONLY)
    Output(null).emit(state)
    b = io.BytesIO()
    torch.save(state, b)
    b.seek(0)
    try:
        value, records = refer(b)
        References(null, records).emit(value)
    except Exception:  # noqa: S110  # this torch cannot
        pass
    os.close(null)
    settle()


class Source(io.RawIOBase):
    """The checkpoint, read without asking the system what it is."""

    def fileno(self):
        return SOURCE

    def readable(self):
        return True

    def seekable(self):
        return True

    def readinto(self, b):
        data = os.read(SOURCE, len(b))
        b[: len(data)] = data
        return len(data)

    def seek(self, at, whence=0):
        return os.lseek(SOURCE, at, whence)


class Whole(Exception):
    """What was loaded has to be loaded with its bytes."""


class Records:
    """Stands in for torch's reader of zips, and gives storages that have no bytes."""

    def __init__(self, source):
        self.inner, self.given, self.names = READER(source), {}, {}

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def get_storage_from_record(self, name, size, kind):
        if kind is not UNTYPED:
            raise Whole(f"a storage of {kind}")
        if name not in self.given:
            t = torch.empty(size, dtype=torch.uint8, device="meta")
            self.given[name], self.names[storage(t)] = t, name
        return self.given[name]


def storage(t):
    """Tell the storages of tensors apart, for as long as they are there."""
    return (t.untyped_storage() if hasattr(t, "untyped_storage") else t.storage().untyped())._cdata


def refer(source):
    """Load tensors without their bytes, and say which records they are in.

    It is torch.load(weights_only=True), whose few functions never look at bytes.
    """
    made = []

    def reader(file):
        made.append(Records(file))
        return made[-1]

    torch._C.PyTorchFileReader = reader
    try:
        value = torch.load(source, map_location="cpu", weights_only=True)
    finally:
        torch._C.PyTorchFileReader = READER
    if len(made) != 1:
        raise Whole("it is no zip")
    return value, made[0].names


class Output:
    """Writes tensors as safetensors, and says what held them."""

    device = "cpu"

    def __init__(self, fd):
        self.fd, self.tensors, self.names, self.depth, self.size = fd, {}, {}, 0, 0

    def emit(self, value):
        if isinstance(value, torch.nn.Module):
            value = value.state_dict()
        tree = self.tree(value, "")
        header, at = {"__metadata__": {"format": "pt", "andiron.tree": json.dumps(tree, separators=(",", ":"))}}, 0
        for name, t in self.tensors.items():
            n = t.numel() * t.element_size()
            kind = TYPES[str(t.dtype).replace("torch.", "")]
            header[name] = {"dtype": kind, "shape": list(t.shape), "data_offsets": [at, at + n]}
            at += n
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        self.write(len(text).to_bytes(8, "little") + text)
        for t in self.tensors.values():
            self.put(t)

    def put(self, t):
        t = t.contiguous()
        self.write_from(t.data_ptr(), t.numel() * t.element_size())

    def write(self, data):
        self.write_from(ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value, len(data))

    def write_from(self, at, n):
        while n > 0:
            k = libc.write(self.fd, at, n)
            if k <= 0:
                number = ctypes.get_errno()
                most = ": they are more than the limit on the result" if number == errno.EFBIG else ""
                raise OSError(number, "the tensors cannot be written" + most)
            at, n, self.size = at + k, n - k, self.size + k

    def tree(self, value, path):
        """What held the tensors: only what JSON has, and tuples, marked."""
        self.depth += 1
        if self.depth > 200:
            raise Refused("it is nested more than 200 deep")
        try:
            return self.node(value, path)
        finally:
            self.depth -= 1

    def node(self, value, path):
        kind = type(value)
        if value is None or kind in (bool, int):
            return {"v": value}
        if kind is str:
            return {"v": self.text(value)}
        if kind is float:
            return {"v": value} if value - value == 0 else {"f": repr(value)}
        if isinstance(value, torch.Tensor):
            return {"t": self.tensor(value, path)}
        if isinstance(value, torch.nn.Module):
            module = self.text(f"{kind.__module__}.{kind.__qualname__}")
            return {"m": module, "d": self.node(value.state_dict(), path)["d"]}
        if isinstance(value, dict):
            return {"d": [[self.key(k), self.tree(x, self.under(path, k))] for k, x in value.items()]}
        if isinstance(value, (list, tuple)):
            return {
                "l" if isinstance(value, list) else "u": [
                    self.tree(x, self.under(path, i)) for i, x in enumerate(value)
                ]
            }
        if kind in (torch.dtype, torch.device):
            return {"s": str(value)}
        raise Refused("{} holds a {}.{}".format(path or "it", kind.__module__, kind.__qualname__))

    def key(self, k):
        if type(k) not in (str, int, bool, float):
            raise Refused(f"a key is a {type(k).__qualname__}")
        return self.text(k) if type(k) is str else k

    def text(self, s):
        """Text that can be written: half of a surrogate pair is none."""
        try:
            s.encode()
        except UnicodeEncodeError:
            raise Refused("it holds a text that UTF-8 has not: " + ascii(s[:200])) from None
        return s

    def under(self, path, k):
        return f"{path}.{k}" if path else str(k)

    def tensor(self, t, path):
        t = t.detach()
        if t.layout != torch.strided or t.is_quantized or t.device.type != self.device:
            raise Refused(
                "{} is a tensor that is {}".format(
                    path or "it",
                    "quantized" if t.is_quantized else t.layout if t.layout != torch.strided else "on " + t.device.type,
                )
            )
        if str(t.dtype).replace("torch.", "") not in TYPES:
            raise Refused("{} has the type {}".format(path or "it", t.dtype))
        t = t.resolve_conj().resolve_neg()
        same = (*self.place(t), tuple(t.shape), tuple(t.stride()), t.dtype)
        if t.numel() and same in self.names:
            return self.names[same]
        name = path or "tensor"
        while name in self.tensors or name == "__metadata__":
            name += "_"
        self.tensors[name], self.names[same] = t, name
        return name

    def place(self, t):
        return (t.data_ptr(),)


class References(Output):
    """Writes the header, and behind it where in the zip the bytes are."""

    device = "meta"

    def __init__(self, fd, records):
        super().__init__(fd)
        self.records = records

    def place(self, t):
        name = self.records.get(storage(t))
        if name is None:
            raise Whole("a tensor of no record")
        return name, t.storage_offset() * t.element_size()

    def emit(self, value):
        super().emit(value)
        parts = {name: [*self.place(t), list(t.stride())] for name, t in self.tensors.items()}
        size = sum(t.numel() * t.element_size() for t in self.tensors.values())
        self.write(json.dumps({"size": size, "parts": parts}, separators=(",", ":")).encode())

    def put(self, t):
        pass

    def tensor(self, t, path):
        if t.device.type != "meta" or t.layout != torch.strided or t.is_quantized or t.is_conj() or t.is_neg():
            raise Whole(f"{path} has no bytes in the zip")
        return super().tensor(t, path)


def grow(more):
    """Let memory grow by so much, where the kernel bounds it only with all that is mapped."""
    with open("/proc/self/statm") as f:
        most = int(f.read().split()[0]) * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def lock(filter_, flags):
    """Put the filter in force, for every thread, and return who is told of calls, or 0."""
    code = ctypes.create_string_buffer(filter_, len(filter_))
    program = Program(len(filter_) // 8, ctypes.cast(code, ctypes.c_void_p))
    number = {"x86_64": 317, "aarch64": 277}[os.uname().machine]
    fd = libc.syscall(number, SET_FILTER, flags, ctypes.byref(program))
    if fd < 0:
        raise OSError(ctypes.get_errno(), "the filter of system calls cannot be put in force")
    return fd


def load(source):
    """What torch.load makes of it, and in which way."""
    source.seek(257)
    if source.read(5) == b"ustar":  # torch would unpack it to a folder
        raise Refused("it is a tar of torch before 0.2, which andiron convert reads")
    source.seek(0)
    try:
        return torch.load(source, map_location="cpu", weights_only=True), True
    except Exception:
        source.seek(0)
    return torch.load(source, map_location="cpu", weights_only=False), False


def bound(limits):
    """Lower the limits to those of this checkpoint."""
    for name, most in limits.items():
        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        if hard != resource.RLIM_INFINITY:
            most = min(most, hard)
        resource.setrlimit(kind, (most, most))


def take(control):
    """Import what andiron asks for, until it has a job."""
    ready = {"torch": str(torch.__version__), "python": sys.version.split()[0]}
    while True:
        say({"ready": {**ready, "modules": list(sys.modules)}})
        data, extra, _, _ = control.recvmsg(MOST, socket.CMSG_LEN(8))
        message = json.loads(data)
        if "job" in message:
            return message["job"], array.array("i", extra[0][2])
        for name in message["late"]:
            try:
                importlib.import_module(name)
            except Exception:  # noqa: S110  # this torch has none, or it does not work here
                pass
        for name in message["import"]:
            try:
                importlib.import_module(name)
            except Exception as e:  # it is the user's module
                say({"failed": {"kind": type(e).__qualname__, "text": f"import {name}: {str(e)[:4096]}"}})
                os._exit(1)


def settle():
    """Have the kernel see to the pages of the result.

    A page that was just made is on a list of this processor until that is full, and who
    seals a file with such a page waits until every processor has seen to its own.
    """
    try:
        torch.empty(ROOM, dtype=torch.uint8)[: 64 * PAGE : PAGE].fill_(1)
    except Exception:  # noqa: S110  # there is no memory for it, or a checkpoint made something else of torch
        pass


def produce(source, reference):
    """Load the checkpoint and write what comes of it: where bytes are, or bytes."""
    if reference != "full":
        try:
            value, records = refer(source)
            out = References(OUT, records)
            out.emit(value)
            return value, True, out
        except Exception:
            if reference == "reference" or os.lseek(OUT, 0, os.SEEK_CUR):
                raise
    value, only = load(source)
    out = Output(OUT)
    out.emit(value)
    return value, only, out


def main():
    control = socket.socket(fileno=CONTROL)
    warm()
    job, got = take(control)
    for fd, to in zip(got, (SOURCE, OUT)):
        os.dup2(fd, to)
        os.close(fd)
    source = io.BufferedReader(Source(), 1 << 16)
    bound(job["limits"])
    if not job["told"]:
        grow(job["limits"]["RLIMIT_DATA"])
    filter_ = base64.b64decode(job["filter"])
    ancillary = (socket.SOL_SOCKET, socket.SCM_RIGHTS)
    locked = b'{"locked": {}}'
    told = lock(filter_, LISTENER if job["told"] else ALL)
    control.sendmsg([locked], [(*ancillary, array.array("i", [told]))] if job["told"] else [])
    if job["told"]:
        os.close(told)
    try:
        answer(source, job)
    finally:
        os._exit(1)  # Python would ask what the socket is that it closes, which looks like an attack


def answer(source, job):
    """Load the checkpoint once andiron says so, and say what came of it."""
    try:
        hear()  # for which there may be no memory, under limits that are lower than what torch has already
        value, only, out = produce(source, job["reference"])
        settle()
        say({"done": {
            "size": out.size, "weights_only": only, "references": isinstance(out, References),
            "type": f"{type(value).__module__}.{type(value).__qualname__}",
        }})  # fmt: skip
    except BaseException as e:  # whatever it is, andiron is told
        try:
            text = str(e)[:4096].encode(errors="backslashreplace").decode()
            if "qengine" in text.lower() or "QNNPACK" in text:
                text += ": its quantized layers are not packed in the sandbox"
        except BaseException:  # it has none
            text = ""
        say({"failed": {"kind": type(e).__qualname__, "text": text}})
    os.read(CONTROL, 1)  # until it is ended
    os._exit(0)


main()
