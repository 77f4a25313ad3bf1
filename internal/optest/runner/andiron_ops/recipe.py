"""Arguments as data: what a case is called with, so that it can be written down before
the call, sent to another process, made smaller, and printed as a script.

A recipe is a dict that JSON can hold. Of a tensor it says dtype, shape, elements, how
they lie in memory, and where. Nothing here is pickled.
"""

from __future__ import annotations

import base64
import math

import torch

DTYPES = {
    str(d)[6:]: d
    for d in (
        torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16,
        torch.int8, torch.uint8, torch.bool, torch.complex64, torch.complex128,
    )
}  # fmt: skip
FLOATS = ("float16", "bfloat16", "float32", "float64")
WHOLE = ("uint8", "int8", "int16", "int32", "int64")
LIMITS = {
    "uint8": (0, 255),
    "int8": (-128, 127),
    "int16": (-(2**15), 2**15 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
}

GAP = 77  # what lies between the elements of a tensor with gaps


def tensor(dtype, shape, fill, layout="contiguous"):
    return {
        "k": "tensor",
        "dtype": dtype,
        "shape": shape,
        "fill": fill,
        "layout": layout,
        "device": "cpu",
        "grad": False,
    }


def values(t):
    flat = torch.empty(t.numel(), dtype=t.dtype).copy_(t.reshape(-1))
    raw = bytes(flat.view(torch.uint8).tolist()) if flat.numel() else b""
    return {"how": "bytes", "v": base64.b64encode(raw).decode()}


def read(r):
    """Makes the argument of a recipe, and the tensors whose memory it lies in."""
    if r["k"] == "tensor":
        t, base = read_tensor(r)
        return t, [base]
    if r["k"] == "list":
        made = [read(e) for e in r["v"]]
        return [v for v, _ in made], [b for _, bases in made for b in bases]
    return read_plain(r), []


def read_plain(r):
    kind = r["k"]
    if kind == "none":
        return None
    if kind == "float":
        return float(r["v"])
    if kind == "complex":
        return complex(*map(float, r["v"]))
    if kind == "dtype":
        return getattr(torch, r["v"])
    if kind == "device":
        return torch.device(r["v"])
    return r["v"]


def elements(r):
    """The elements of a tensor in order."""
    dtype, shape, fill = DTYPES[r["dtype"]], r["shape"], r["fill"]
    n = math.prod(shape)
    if fill["how"] == "bytes":
        raw = bytearray(base64.b64decode(fill["v"]))
        have = torch.frombuffer(raw, dtype=dtype).clone() if raw else torch.empty(0, dtype=dtype)
        return fitted(have, n).reshape(shape)
    if fill["how"] == "list":
        return fitted(torch.tensor([constant(r["dtype"], v) for v in fill["v"]], dtype=dtype), n).reshape(shape)
    if fill["how"] == "const":
        return torch.full(shape, constant(r["dtype"], fill["v"]), dtype=dtype)
    g = torch.Generator().manual_seed(fill["seed"])
    if r["dtype"] in WHOLE:
        low, high = bounds(r["dtype"], fill)
        t = torch.randint(low, high + 1, shape, generator=g, dtype=dtype)
        return t.sort()[0] if fill.get("sorted") else t
    if r["dtype"] == "bool":
        return torch.randint(0, 2, shape, generator=g).bool()
    t = torch.randn(shape, generator=g, dtype=torch.float64)
    if fill.get("positive"):
        t = t.abs() + 0.1
    if r["dtype"].startswith("complex"):
        t = torch.complex(t, torch.randn(shape, generator=g, dtype=torch.float64))
    return t.to(torch.float32).to(dtype) if r["dtype"] == "float64" else t.to(dtype)


def weight(shape):
    """The elements of a tensor, or those that it would have without dimensions of none: strides count them."""
    return math.prod(max(s, 1) for s in shape)


def bounds(dtype, fill):
    low, high = LIMITS[dtype]
    high = min(high, 2**62)
    return max(low, min(high, fill.get("low", 0))), max(low, min(high, fill.get("high", 9)))


def constant(dtype, v):
    if dtype == "bool":
        return bool(float(v))
    if dtype in WHOLE:
        v = float(v) if isinstance(v, str) else v
        if isinstance(v, float) and not math.isfinite(v):
            v = 0
        return int(max(LIMITS[dtype][0], min(LIMITS[dtype][1], v)))
    most = 65504.0 if dtype == "float16" else math.inf if dtype in ("float64", "complex128") else 3e38
    v = float(v)
    return max(-most, min(most, v)) if math.isfinite(v) else v


def fitted(have, n):
    """n elements: the first, or all of them again and again. There is no memory behind the last."""
    if have.numel() == 0:
        return torch.zeros(n, dtype=have.dtype)
    if have.numel() < n:
        have = have.repeat(-(-n // have.numel()))
    return have if have.numel() == n else have[:n].clone()


def read_tensor(r):
    if r["device"] == "cuda":
        t, base = laid_out(r)
        moved = base.to("cuda")
        t = moved if t is base else moved.as_strided(t.shape, t.stride(), t.storage_offset())
        return asked_for(t, r), moved
    if r["device"] != "cpu":
        if r["device"] == "tripwire":
            return torch.ops.andiron_tripwire.tensor(r["shape"], strides(r), DTYPES[r["dtype"]]), None
        return torch.empty_strided(r["shape"], strides(r), dtype=DTYPES[r["dtype"]], device=r["device"]), None
    t, base = laid_out(r)
    return asked_for(t, r), base


def strides(r):
    """Those of a tensor whose elements are nowhere, as they would be on the CPU."""
    if math.prod(r["shape"]) >= 1 << 24:
        return [0] * len(r["shape"])
    return list(read_tensor(dict(r, device="cpu", grad=False))[0].stride())


def asked_for(t, r):
    """The tensor with a gradient asked for, if the recipe does."""
    return t.requires_grad_(True) if r.get("grad") and (t.is_floating_point() or t.is_complex()) else t


def laid_out(r):
    layout, shape = r["layout"], r["shape"]
    if layout == "huge":
        base = torch.full([1], constant(r["dtype"], r["fill"].get("v", 0)), dtype=DTYPES[r["dtype"]])
        return base.expand(shape), base
    x = elements(r)
    if layout == "transposed" and x.dim() > 1:
        base = x.transpose(0, -1).contiguous()
        return base.transpose(0, -1), base
    if layout == "strided" and x.dim() > 0:
        base = torch.full([*shape[:-1], 2 * shape[-1]], constant(r["dtype"], GAP), dtype=x.dtype)
        base[..., ::2] = x
        return base[..., ::2], base
    if layout == "offset":
        base = torch.full([x.numel() + 3], constant(r["dtype"], GAP), dtype=x.dtype)
        base[3:] = x.reshape(-1)
        return base[3:].view(shape), base
    if layout == "expanded" and x.dim() > 0 and shape[0] > 0:
        base = x[:1].clone()
        return base.expand(shape), base
    if layout == "channels_last" and x.dim() == 4:
        base = x.contiguous(memory_format=torch.channels_last)
        return base, base
    return x, x


def tensors(recipes):
    """All tensors among recipes, those in lists too."""
    for r in recipes:
        if r["k"] == "tensor":
            yield r
        elif r["k"] == "list":
            yield from tensors(r["v"])


def source(r):
    """Python that makes an argument."""
    if r["k"] == "list":
        return "[" + ", ".join(map(source, r["v"])) + "]"
    if r["k"] == "tensor":
        return source_of_tensor(r)
    v = read_plain(r)
    return f'torch.device("{v}")' if isinstance(v, torch.device) else listed(v)


SHOWN = 64


def source_of_tensor(r):
    dtype, shape = "torch." + r["dtype"], r["shape"]
    if r["device"] == "tripwire":
        return f"torch.ops.andiron_tripwire.tensor({shape}, {strides(r)}, {dtype})  # its memory cannot be touched"
    if r["device"] not in ("cpu", "cuda"):
        return f'torch.empty_strided({shape}, {strides(r)}, dtype={dtype}, device="{r["device"]}")'
    asked = r.get("grad") and r["dtype"] in (*FLOATS, "complex64", "complex128")
    return source_laid_out(r, dtype, ".cuda()" if r["device"] == "cuda" else "") + (
        ".requires_grad_()" if asked else ""
    )


def source_laid_out(r, dtype, on):
    """The same as laid_out makes: what lies around the elements shows what reads it."""
    shape, rank = r["shape"], len(r["shape"])
    if r["layout"] == "huge":
        return (
            f"torch.full([1], {listed(constant(r['dtype'], r['fill'].get('v', 0)))}, dtype={dtype}){on}.expand({shape})"
        )
    text = source_of_elements(r, dtype) + on
    gap = listed(constant(r["dtype"], GAP))
    if r["layout"] == "transposed" and rank > 1:
        text += ".transpose(0, -1).contiguous().transpose(0, -1)"
    elif r["layout"] == "strided" and rank > 0:
        text = f"torch.stack([{text}, torch.full({shape}, {gap}, dtype={dtype}){on}], -1).flatten(-2)[..., ::2]"
    elif r["layout"] == "offset":
        text = f"torch.cat([torch.full([3], {gap}, dtype={dtype}){on}, {text}.reshape(-1)])[3:].view({shape})"
    elif r["layout"] == "expanded" and rank > 0 and shape[0] > 0:
        text += f"[:1].clone().expand({shape})"
    elif r["layout"] == "channels_last" and rank == 4:
        text += ".contiguous(memory_format=torch.channels_last)"
    return text


def source_of_elements(r, dtype):
    n = math.prod(r["shape"])
    if n == 0:
        return f"torch.empty({r['shape']}, dtype={dtype})"
    if r["fill"]["how"] == "const":
        return f"torch.full({r['shape']}, {listed(constant(r['dtype'], r['fill']['v']))}, dtype={dtype})"
    flat = elements(r).reshape(-1)
    text = counted(flat) if n > SHOWN else ""
    if not text:
        part = flat[: period(flat)] if n > SHOWN else flat
        text = f"torch.tensor({listed(part.tolist())}, dtype={dtype})"
        if part.numel() > SHOWN:
            raw = base64.b64encode(bytes(part.contiguous().view(torch.uint8).tolist())).decode()
            text = f'torch.frombuffer(bytearray(base64.b64decode("{raw}")), dtype={dtype}).clone()'
        if part.numel() < n:
            text += f".repeat({-(-n // part.numel())})[:{n}].clone()"
    return text if len(r["shape"]) == 1 else f"{text}.reshape({r['shape']})"


def counted(flat):
    """Python that makes elements of which each is as much more than the one before, or nothing."""
    if flat.dtype not in (torch.float32, torch.float64) and str(flat.dtype)[6:] not in WHOLE:
        return ""
    first, second = flat[:2].tolist()
    step, end = second - first, first + (second - first) * flat.numel()
    least, most = LIMITS.get(str(flat.dtype)[6:], (-(2**24), 2**24))
    if not step or not all(least <= v <= most for v in (first, end)):
        return ""
    text = f"torch.arange({listed(first)}, {listed(end)}, {listed(step)}, dtype={flat.dtype})"
    return text if torch.equal(torch.arange(first, end, step, dtype=flat.dtype), flat) else ""


PERIODS = 64


def period(flat):
    """How many elements come again and again."""
    raw = flat.view(torch.uint8)
    data, size = bytes(raw.tolist()), flat.element_size()
    head, at = data[: SHOWN * size], 0
    for _ in range(PERIODS):
        at = data.find(head, at + 1)
        if at < 0:
            break
        if at % size == 0 and torch.equal(raw[at:], raw[:-at]):
            return at // size
    return flat.numel()


def listed(v):
    """Python for numbers, infinite ones too."""
    if isinstance(v, list):
        return "[" + ", ".join(map(listed, v)) + "]"
    if isinstance(v, float) and not math.isfinite(v):
        return f'float("{v}")'
    if isinstance(v, complex):
        return f"complex({listed(v.real)}, {listed(v.imag)})"
    return repr(v)
