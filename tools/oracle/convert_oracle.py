#!/usr/bin/env python3
"""Holds what andiron convert writes against real safetensors and real torch.

    convert_oracle.py golden ANDIRON GOLDEN OUT   converts every golden file to OUT, then as `read`
    convert_oracle.py read OUT                    reads the results with the safetensors that is here
    convert_oracle.py torch ANDIRON GOLDEN        needs torch: state_dicts of modules, TorchScript and
                                                  distributed checkpoints that torch itself loads or makes

Ends with 1 at the first result that differs. Only files that our own generators
or this script made are loaded.
"""

import ctypes
import glob
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import warnings

warnings.simplefilter("ignore")

# What safetensors 0.8 calls the dtypes when it writes.
NAMES = {
    "BOOL": "bool", "F4": "float4_e2m1fn_x2", "U8": "uint8", "I8": "int8", "F8_E5M2": "float8_e5m2", "F8_E4M3": "float8_e4m3fn",
    "F8_E8M0": "float8_e8m0fnu", "F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2FNUZ": "float8_e5m2fnuz", "I16": "int16", "U16": "uint16",
    "F16": "float16", "BF16": "bfloat16", "I32": "int32", "U32": "uint32", "F32": "float32", "C64": "complex64", "F64": "float64",
    "I64": "int64", "U64": "uint64",
}
# What older readers do not know; they refuse a file with such a tensor.
NEW = {"U16", "U32", "U64", "C64", "F4", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"}


def check(ok, *what):
    if not ok:
        sys.exit("convert_oracle: " + " ".join(str(w) for w in what))


def convert(andiron, path, out, *flags):
    return subprocess.run([andiron, "convert", "-q", path, "-o", out, *flags], capture_output=True, text=True)


def golden(andiron, root, out):
    index = []
    for manifest in sorted(glob.glob(os.path.join(root, "torch-*", "**", "*.manifest.json"), recursive=True)):
        path = manifest[: -len(".manifest.json")]
        with open(manifest, encoding="utf-8") as f:
            m = json.load(f)
        want = {}
        for t in m["tensors"]:
            if t["sha256"] and t["safetensors_dtype"]:
                want[".".join(str(k) for k in t["path"]) if t["path"] else "tensor"] = [t["safetensors_dtype"], t["shape"], t["sha256"]]
        if not want or m["container"] == "torchscript-flatbuffer" or "protocol0" in path:
            continue
        flags = ["--skip-unsupported", "--duplicate-shared"]
        if path.endswith("script_setstate.pt"):
            flags += ["--select", "w"]
        name = "%04d.safetensors" % len(index)
        done = convert(andiron, path, os.path.join(out, name), *flags)
        check(done.returncode == 0, path, done.stderr)
        index.append({"file": name, "source": os.path.relpath(path, root), "want": want})
    check(len(index) > 200, "only", len(index), "files were converted")
    with open(os.path.join(out, "index.json"), "w", encoding="utf-8") as f:
        json.dump(index, f)


def header(data):
    n = int.from_bytes(data[:8], "little")
    h = json.loads(data[8 : 8 + n])
    return h.pop("__metadata__", None), h, 8 + n


def read(out):
    import safetensors

    modern = hasattr(safetensors, "TensorSpec")
    with open(os.path.join(out, "index.json"), encoding="utf-8") as f:
        index = json.load(f)
    tensors = identical = old = 0
    for entry in index:
        with open(os.path.join(out, entry["file"]), "rb") as f:
            data = f.read()
        metadata, head, start = header(data)
        if not modern and any(t["dtype"] in NEW for t in head.values()):
            old += 1
            continue
        got = dict(safetensors.deserialize(data))
        check(set(got) == set(entry["want"]), entry["source"], "has", sorted(got), "not", sorted(entry["want"]))
        for name, (dtype, shape, digest) in entry["want"].items():
            shape = shape[:-1] + [shape[-1] * 2] if dtype == "F4" else shape
            t = got[name]
            check(t["dtype"] == dtype and list(t["shape"]) == shape, entry["source"], name, t["dtype"], t["shape"])
            check(hashlib.sha256(bytes(t["data"])).hexdigest() == digest, entry["source"], name, "has other bytes")
            tensors += 1
        torch_reads(os.path.join(out, entry["file"]), entry)
        if modern and len(metadata or {}) <= 1:
            check(again(head, metadata, data, start) == data, entry["source"], "is not what the reference writes")
            identical += 1
    version = getattr(safetensors, "__version__", "?")
    print("safetensors %s reads %d tensors of %d files; %d files have dtypes that it is too old for; %d are what it writes, byte for byte"
          % (version, tensors, len(index) - old, old, identical))
    check(tensors > 300 and (not modern or identical > 200), "too little was compared")


def again(head, metadata, data, start):
    """The file as the reference library writes it."""
    from safetensors import TensorSpec, serialize

    keep, specs = [], {}
    for name, t in head.items():
        begin, end = (start + o for o in t["data_offsets"])
        buffer = ctypes.create_string_buffer(data[begin:end], max(end - begin, 1))
        keep.append(buffer)
        shape = t["shape"][:-1] + [t["shape"][-1] // 2] if t["dtype"] == "F4" else t["shape"]
        specs[name] = TensorSpec(dtype=NAMES[t["dtype"]], shape=shape, data_ptr=ctypes.addressof(buffer), data_len=end - begin)
    return bytes(serialize(specs, metadata))


def raw(t):
    """The bytes of a tensor, contiguous."""
    import torch

    t = t.detach().cpu()
    if getattr(t, "is_conj", lambda: False)():
        t = t.resolve_conj()
    if getattr(t, "is_neg", lambda: False)():
        t = t.resolve_neg()
    t = t.contiguous()
    if t.numel() == 0:
        return b""
    return bytes(t.reshape(-1).view(torch.uint8).numpy().tobytes()) if t.dtype != torch.bool else bytes(t.numpy().tobytes())


def torch_reads(path, entry):
    """Where torch is here, it must read the same out of the file."""
    try:
        from safetensors.torch import load_file
    except ImportError:
        return
    try:
        got = load_file(path)
    except (KeyError, AttributeError, ValueError):  # a dtype that this torch does not have
        return
    for name, (_, shape, digest) in entry["want"].items():
        t = got[name]
        check(hashlib.sha256(raw(t)).hexdigest() == digest, entry["source"], name, "is loaded with other bytes", list(t.shape), shape)


def same(what, path, state):
    """A safetensors file holds just what is in a state_dict."""
    with open(path, "rb") as f:
        data = f.read()
    metadata, head, start = header(data)
    names = set(head) | {k for k, v in (metadata or {}).items() if v in head}
    check(names == set(state), what, "has", sorted(names), "not", sorted(state))
    for name, t in state.items():
        entry = head[name if name in head else metadata[name]]
        begin, end = (start + o for o in entry["data_offsets"])
        check(list(t.shape) == entry["shape"] and data[begin:end] == raw(t), what, name, "differs")


def with_torch(andiron, root):
    import torch

    done = []
    with tempfile.TemporaryDirectory() as tmp:
        out = os.path.join(tmp, "out.safetensors")
        for path in sorted(glob.glob(os.path.join(root, "torch-*", "torchscript", "*.pt"))):
            name = os.path.relpath(path, root)
            try:
                state = torch.jit.load(path).state_dict()
            except RuntimeError:
                continue  # of a newer torch
            if not state or "quantized" in name:
                continue
            run = convert(andiron, path, out)
            check(run.returncode == 0, name, run.stderr)
            same(name, out, state)
            done.append(name)
        check(len(done) >= 3, "too few TorchScript files", done)
        modules(andiron, tmp, out)
        optimizers(andiron, tmp, out)
        spread = int(torch.__version__.split(".")[0]) >= 2
        if spread:
            distributed(andiron, tmp, out)
    print("torch %s: the state_dicts of %d TorchScript files, of modules%s are the same"
          % (torch.__version__, len(done), ", checkpoints and a distributed checkpoint" if spread else " and checkpoints"))


def net():
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.emb = nn.Embedding(7, 5)
            self.conv = nn.Conv2d(1, 2, 3).to(memory_format=torch.channels_last)
            self.bn = nn.BatchNorm1d(5)
            self.out = nn.Linear(5, 7, bias=False)
            self.out.weight = self.emb.weight
            self.list = nn.ModuleList([nn.Linear(2, 2), nn.Sequential(nn.LayerNorm(2))])
            self.plain = torch.ones(3)
            self.register_buffer("kept", torch.arange(6).reshape(2, 3).t())
            self.register_buffer("tmp", torch.zeros(2), persistent=False)
            self.register_parameter("none", None)

    # A class that pickle finds by name.
    globals()["Net"] = Net
    Net.__qualname__ = "Net"
    return Net()


def modules(andiron, tmp, out):
    import torch

    model = net()
    for legacy in (False, True):
        path = os.path.join(tmp, "module.pt")
        torch.save(model, path, _use_new_zipfile_serialization=not legacy)
        run = convert(andiron, path, out)
        check(run.returncode == 0, "a module", run.stderr)
        same("a module", out, model.state_dict())
    try:
        from safetensors.torch import save_model
    except ImportError:
        return
    theirs = os.path.join(tmp, "theirs.safetensors")
    save_model(model, theirs, {"format": "pt"})
    with open(theirs, "rb") as a, open(out, "rb") as b:
        want, got = header(a.read()), header(b.read())
    check(want[0] == got[0] and set(want[1]) == set(got[1]), "save_model notes", want[0], "we", got[0])


def optimizers(andiron, tmp, out):
    import torch

    model = torch.nn.Linear(3, 2)
    opt = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    opt.step()
    path = os.path.join(tmp, "ckpt.pt")
    torch.save({"epoch": 3, "state_dict": model.state_dict(), "optimizer": opt.state_dict()}, path)
    run = convert(andiron, path, out, "--select", "state_dict")
    check(run.returncode == 0, "a checkpoint", run.stderr)
    same("a checkpoint", out, model.state_dict())


RANK = """
import os, sys, torch, torch.distributed as dist, torch.distributed.checkpoint as dcp
from torch.distributed.device_mesh import init_device_mesh
try:
    from torch.distributed.tensor import distribute_tensor, Shard, Replicate
except ImportError:
    from torch.distributed._tensor import distribute_tensor, Shard, Replicate
rank, folder = int(sys.argv[1]), sys.argv[2]
dist.init_process_group("gloo", init_method="file://" + folder + ".init", rank=rank, world_size=2)
mesh = init_device_mesh("cpu", (2,))
state = {
    "rows": distribute_tensor(torch.arange(35.0).reshape(7, 5), mesh, [Shard(0)]),
    "columns": distribute_tensor(torch.arange(35).reshape(7, 5), mesh, [Shard(1)]),
    "all": distribute_tensor(torch.arange(6).to(torch.bfloat16), mesh, [Replicate()]),
    "step": 3,
}
dcp.save(state, checkpoint_id=folder)
dist.barrier()
os._exit(0)  # some builds of gloo never come back from destroy_process_group
"""


def distributed(andiron, tmp, out):
    """A checkpoint of two processes, one tensor cut along rows, one along columns."""
    import torch

    folder = os.path.join(tmp, "dist")
    env = dict(os.environ, GLOO_SOCKET_IFNAME="lo", MASTER_ADDR="127.0.0.1")
    ranks = [subprocess.Popen([sys.executable, "-W", "ignore", "-c", RANK, str(r), folder], env=env) for r in range(2)]
    check([r.wait(timeout=180) for r in ranks] == [0, 0], "the distributed checkpoint was not written")
    run = convert(andiron, folder, out)
    check(run.returncode == 0, "a distributed checkpoint", run.stderr)
    same("a distributed checkpoint", out, {
        "rows": torch.arange(35.0).reshape(7, 5), "columns": torch.arange(35).reshape(7, 5), "all": torch.arange(6).to(torch.bfloat16)})


if __name__ == "__main__":
    verb, args = sys.argv[1], sys.argv[2:]
    if verb == "golden":
        golden(*args)
        read(args[2])
    elif verb == "read":
        read(*args)
    else:
        with_torch(*args)
