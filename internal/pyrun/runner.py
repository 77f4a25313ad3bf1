"""Builds, converts and runs a PyTorch model as a plan says. andiron starts it:

    python -c STUB FOLDER TASK

FOLDER holds this file and TASK.plan. It needs torch and nothing else, on Python
3.8 or newer. The plan says where the result goes: a JSON file that is written
last, in one rename. What the model prints, and the traceback of what it raises,
go where they always go.
"""

from __future__ import annotations

import copy
import ctypes
import dataclasses
import hashlib
import json
import os
import platform
import sys
import traceback
import types
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

Plan = Any  # the JSON of a plan

MESSAGE = 2000  # characters of an exception that are handed on
WARNINGS = 20

# What the safetensors format calls the element types, and what torch does.
SAFETENSORS = {
    "BOOL": "bool", "U8": "uint8", "I8": "int8", "I16": "int16", "U16": "uint16",
    "I32": "int32", "U32": "uint32", "I64": "int64", "U64": "uint64", "F16": "float16",
    "BF16": "bfloat16", "F32": "float32", "F64": "float64", "C64": "complex64",
    "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "F8_E8M0": "float8_e8m0fnu",
    "F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2FNUZ": "float8_e5m2fnuz",
}  # fmt: skip

# Element types that andiron compares as they are.
PLAIN = {
    "bool", "uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
    "float16", "bfloat16", "float32", "float64", "complex64", "complex128",
}  # fmt: skip


class Stage(Exception):
    """What went wrong, and in which stage of the plan."""

    def __init__(self, stage: str, error: object) -> None:
        super().__init__(stage)
        self.stage = stage
        self.kind = type(error).__name__ if isinstance(error, BaseException) else ""
        self.message = str(error)[:MESSAGE]


class stage:
    """Names the stage that an exception came from."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> stage:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        # A model that ends the process on purpose has failed as well.
        if error is None or isinstance(error, Stage):
            return False
        show(error)
        raise Stage(self.name, error) from None


def show(error: BaseException) -> None:
    """Prints an exception with the frames that are the user's own."""
    ours = ["andiron.py", "<string>"]
    if getattr(sys.modules.get("torch"), "__file__", None):
        ours.append(os.path.dirname(os.path.abspath(sys.modules["torch"].__file__)) + os.sep)
    frames = traceback.extract_tb(error.__traceback__)
    for frame in traceback.format_list([f for f in frames if not f.filename.startswith(tuple(ours))]):
        print(frame, end="", file=sys.stderr)
    for line in traceback.format_exception_only(type(error), error):
        print(line, end="", file=sys.stderr)


def main() -> int:
    with open(os.path.join(sys.argv[1], sys.argv[2] + ".plan"), encoding="utf-8") as file:
        plan = json.load(file)
    result = {"v": 1, "python": platform.python_version(), "executable": sys.executable or ""}
    result["torch"] = ""
    try:
        with stage("torch"):
            global torch
            import torch

            result["torch"] = str(torch.__version__)
        result.update(TASKS[plan["task"]](plan))
        code = 0
    except Stage as failed:
        result["error"] = {"stage": failed.stage, "type": failed.kind, "message": failed.message}
        code = 1
    publish(plan["result"], result)
    return code


def publish(name: str, result: dict[str, object]) -> None:
    with open(name + ".part", "w", encoding="utf-8") as file:
        json.dump(result, file, allow_nan=False)
    os.replace(name + ".part", name)


# Building: the user's model, converted, and what the original says to the inputs.


def build(plan: Plan) -> dict[str, object]:
    collected = collect_warnings()
    if plan["mode"] == "export" and not hasattr(torch, "export"):
        raise Stage("no-export", "torch.export came with torch 2.1")
    model, digest = prepared(plan)
    samples = [load_inputs(plan, i) for i in range(len(plan["samples"]))]
    original = twin(model)
    with stage("convert"), torch.no_grad():
        # Tracing runs the model, which may change its buffers.
        before = {name: value.clone() for name, value in model.named_buffers()}
        converted = convert(plan["mode"], model, samples[0])
        for name, value in model.named_buffers():
            value.copy_(before[name])
    with stage("save"):
        save(plan["mode"], converted, plan["model"])
    with stage("run"):
        outputs = run(original, samples, plan["outputs"])
    return {"weights_sha256": digest, "samples": outputs, "warnings": collected}


def prepared(plan: Plan) -> tuple[torch.nn.Module, str]:
    """Makes the model of the user's script, with its weights; returns their digest."""
    with stage("import"):
        module = load_script(plan["script"], plan["script_sha256"])
    torch.manual_seed(0)
    with stage("factory"):
        model = make(module, plan["factory"], plan["args"])
    digest = ""
    if plan["weights"]:
        with stage("weights"):
            digest = load_weights(model, plan["weights"])
    return model.cpu().eval(), digest


def collect_warnings() -> list[str]:
    """Keeps what the tracer warns of; the rest goes where it always goes."""
    collected = []
    show = warnings.showwarning

    def keep(message, category, filename, lineno, file=None, line=None):  # type: ignore[no-untyped-def]
        if category.__name__ == "TracerWarning" and len(collected) < WARNINGS:
            name = os.path.basename(filename)
            collected.append(f"{name}:{lineno}: {message}"[:MESSAGE])
        show(message, category, filename, lineno, file, line)

    warnings.showwarning = keep
    return collected


def load_script(path: str, digest: str) -> types.ModuleType:
    """Imports a file the way `python FILE` would find its neighbours.

    What runs is what was digested: the file is read once, and no cached
    bytecode is used.
    """
    with open(path, "rb") as file:
        source = file.read()
    if hashlib.sha256(source).hexdigest() != digest:
        raise RuntimeError("the script changed while it was being started")
    sys.path[0] = os.path.dirname(os.path.abspath(path))
    name = os.path.splitext(os.path.basename(path))[0]
    if not name.isidentifier() or name in sys.modules:
        name = "andiron_script"
    module = types.ModuleType(name)
    module.__file__ = os.path.abspath(path)
    # TorchScript and inspect look a class up by the name of its module.
    sys.modules[name] = module
    exec(compile(source, module.__file__, "exec", dont_inherit=True), module.__dict__)
    return module


def make(module: types.ModuleType, name: str, args: Any) -> torch.nn.Module:
    factory = module
    for part in name.split("."):
        if not hasattr(factory, part):
            raise AttributeError(f"there is no {name!r} in {module.__file__!r}")
        factory = getattr(factory, part)
    if isinstance(args, dict):
        model = factory(**args)
    else:
        model = factory(*(args or []))
    if not isinstance(model, torch.nn.Module):
        raise TypeError(f"{name} made a {type(model).__name__}, not a torch.nn.Module")
    return model


def twin(model: torch.nn.Module) -> torch.nn.Module:
    try:
        return copy.deepcopy(model)
    except Exception:  # a model that cannot be copied is compared as it is
        return model


def convert(mode: str, model: torch.nn.Module, example: list[torch.Tensor]) -> Any:
    if mode == "script":
        return torch.jit.script(model)
    if mode == "trace":
        # andiron compares what the file does, on more than this example.
        return torch.jit.trace(model, tuple(t.clone() for t in example), check_trace=False)
    return torch.export.export(model, tuple(t.clone() for t in example))


def save(mode: str, converted: Any, name: str) -> None:
    if mode == "export":
        torch.export.save(converted, name)
    else:
        torch.jit.save(converted, name)


# Checking: the file as a server would load it, and what it says to the inputs.


def check(plan: Plan) -> dict[str, object]:
    with stage("load"):
        if plan["mode"] == "export":
            model = torch.export.load(plan["model"]).module()
        else:
            model = torch.jit.load(plan["model"], map_location="cpu").eval()
    samples = [load_inputs(plan, i) for i in range(len(plan["samples"]))]
    with stage("rerun"):
        outputs = run(model, samples, plan["outputs"])
    return {"weights_sha256": "", "samples": outputs, "warnings": []}


# Robustness: the user's model under the attacks of the SDK.


def robust(plan: Plan) -> dict[str, object]:
    model, digest = prepared(plan)
    with stage("sdk"):
        from andiron import adversarial
    x, y = load_inputs(plan, 0)
    with stage("attack"):
        report = adversarial.evaluate(model, x, y.long(), **plan["robust"])
    return {"weights_sha256": digest, "samples": [], "warnings": [], "report": report.plain()}


TASKS = {"build": build, "check": check, "robust": robust}


# Weights: safetensors without a library.


def load_weights(model: torch.nn.Module, path: str) -> str:
    """Loads all weights, and nothing but them; returns the digest of what it read."""
    state, metadata, digest = read_safetensors(path)
    expected = model.state_dict()
    # A tensor that two names share is stored once; the metadata has the other name.
    for name, kept in metadata.items():
        if name not in state and name in expected and kept in state:
            state[name] = state[kept]
    model.load_state_dict(state, strict=True)
    return digest


def read_safetensors(path: str) -> tuple[dict[str, torch.Tensor], dict[str, str], str]:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        head = file.read(8)
        text = file.read(int.from_bytes(head, "little"))
        digest.update(head)
        digest.update(text)
        header = json.loads(text)
        metadata = header.pop("__metadata__", {})
        state = {}
        for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
            begin, end = entry["data_offsets"]
            buffer = bytearray(end - begin)
            if file.readinto(buffer) != len(buffer):
                raise ValueError("the file of the weights was cut short")
            digest.update(buffer)
            state[name] = tensor(SAFETENSORS.get(entry["dtype"], entry["dtype"]), entry["shape"], buffer)
    return state, metadata, digest.hexdigest()


def tensor(name: str, shape: list[int], buffer: bytearray) -> torch.Tensor:
    dtype = getattr(torch, name, None)
    if not isinstance(dtype, torch.dtype):
        raise TypeError(f"torch {torch.__version__} has no dtype {name}")
    if not buffer:
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(buffer, dtype=dtype).reshape(shape)


# Inputs and outputs: raw little-endian elements, described in the JSON.


def load_inputs(plan: Plan, index: int) -> list[torch.Tensor]:
    with stage("inputs"), open(plan["inputs"], "rb") as file:
        tensors = []
        for entry in plan["samples"][index]:
            file.seek(entry["offset"])
            tensors.append(tensor(entry["dtype"], entry["shape"], bytearray(file.read(entry["size"]))))
        return tensors


def run(model: torch.nn.Module, samples: list[list[torch.Tensor]], name: str) -> list[Any]:
    """Runs a model on each sample and writes what comes out."""
    results = []
    with open(name, "wb") as file:
        for index, sample in enumerate(samples):
            torch.manual_seed(index)
            with torch.no_grad():
                output = model(*(t.clone() for t in sample))
            results.append([describe(leaf, path, file) for path, leaf in leaves(output, "output")])
    return results


def leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yields what an output is made of, with a name for each."""
    if isinstance(value, torch.Tensor):
        yield path, value
    elif isinstance(value, Mapping):
        for key in value:
            yield from leaves(value[key], f"{path}[{key!r}]")
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from leaves(item, f"{path}[{index}]")
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from leaves(getattr(value, field.name), f"{path}[{field.name!r}]")
    elif value is None or isinstance(value, (bool, int, float, str)):
        yield path, value
    else:
        raise TypeError(f"{path} is a {type(value).__name__}, which cannot be compared")


def describe(leaf: Any, path: str, file: BinaryIO) -> dict[str, object]:
    if isinstance(leaf, float):
        leaf = torch.tensor(leaf, dtype=torch.float64)
    if not isinstance(leaf, torch.Tensor):
        return {"name": path, "value": f"{leaf!r}"[:MESSAGE]}
    dtype = str(leaf.dtype).replace("torch.", "")
    leaf = dense(leaf.detach())
    entry = {"name": path, "dtype": dtype, "shape": list(leaf.shape), "offset": file.tell()}
    entry["stored"] = str(leaf.dtype).replace("torch.", "")
    entry["size"] = leaf.numel() * leaf.element_size()
    if entry["size"]:
        file.write(ctypes.string_at(leaf.data_ptr(), entry["size"]))
    return entry


def dense(t: torch.Tensor) -> torch.Tensor:
    """Gives a tensor's values as plain elements, one after the other."""
    if t.is_quantized:
        t = t.dequantize()
    if t.layout != torch.strided:
        t = t.to_dense()
    if str(t.dtype).replace("torch.", "") not in PLAIN:
        t = t.to(torch.float32)
    return t.cpu().resolve_conj().resolve_neg().contiguous()


if __name__ == "__main__":
    sys.exit(main())
