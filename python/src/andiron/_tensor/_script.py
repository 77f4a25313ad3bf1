"""The check as TorchScript, for models that are scripted or traced.

It has no libraries of ours at run time: what is saved with torch.jit.save checks by
itself, wherever it is loaded, and raises what TorchScript raises (torch.jit.Error), or
warns in shadow mode.
"""

# ruff: noqa: UP006

from __future__ import annotations

import warnings
from typing import Dict, List, Optional  # noqa: UP035  # TorchScript knows these

import torch


def integer(parts: List[int], i: int) -> int:
    """Return one of several integers, each of which is its upper and its lower 32 bits.

    The least number of 64 bits cannot be written in TorchScript.
    """
    return parts[2 * i] * 4294967296 + parts[2 * i + 1]


def integers(parts: List[int]) -> List[int]:
    return [integer(parts, i) for i in range(len(parts) // 2)]


def spell(at: int, shape: List[int]) -> str:
    """Spell the index of an element by its place in row-major order."""
    text = ""
    for i in range(len(shape)):
        n = shape[len(shape) - 1 - i]
        text = str(at % n) + ("" if text == "" else ", " + text)
        at = at // n
    return "[" + text + "]"


def offence(code: str, bad: torch.Tensor, got: str) -> str:
    """Describe elements of which some are bad."""
    first = int(bad.flatten().to(torch.int64).argmax())
    return (
        code
        + " at "
        + spell(first, bad.size())
        + (": got " + got if got != "" else "")
        + " ("
        + str(int(bad.sum()))
        + " of "
        + str(bad.numel())
        + ")"
    )


def first_of(y: torch.Tensor, bad: torch.Tensor) -> torch.Tensor:
    return y.flatten()[int(bad.flatten().to(torch.int64).argmax())]


def widened(x: torch.Tensor, wide: int, kind: int) -> torch.Tensor:
    """Return values exactly, in a type that TorchScript compares.

    kind: as in unlike. Of integers of 64 bits without a sign it is 2**63 less.
    """
    y = x.detach().to(wide)
    if kind == 3:
        y = y ^ (-9223372036854775807 - 1)
    return y


def unlike(
    x: torch.Tensor,
    wide: int,
    numbers: List[float],
    whole: List[int],
    listed: List[float],
    ids: List[int],
    code: str,
) -> str:
    """Compare values, and say what is wrong: TorchScript cannot look at bits.

    numbers: lower and upper bound and what is tiny, of a floating type.
    whole: kind (0 floating, 1 integer, 3 integer of 64 bits without a sign), whether there
        are bounds, whether NaN and infinities are allowed, how many values may be outside of
        the list, or -1 where there is none, and the bounds of an integer.
    listed, ids: the list of values of a floating type, and of an integer.
    code: of what is out of bounds.
    """
    if whole[1] == 0 and whole[4] < 0:
        return ""
    y = widened(x, wide, whole[0])
    found = outside(y, numbers, whole, code) if whole[1] == 1 else ""
    if found == "" and whole[4] >= 0:
        if whole[0] == 0:
            new = torch.isfinite(y) & ~torch.isin(y, torch.tensor(listed, dtype=y.dtype, device=y.device))
        else:
            new = ~torch.isin(y, torch.tensor(integers(ids), dtype=y.dtype, device=y.device))
        if int(new.sum()) > whole[4]:
            found = offence("AT-VALUE", new, "" if whole[0] == 3 else str(first_of(y, new).item()))
    return found


def outside(y: torch.Tensor, numbers: List[float], whole: List[int], code: str) -> str:
    """Say what is NaN, infinite, tiny or out of bounds."""
    if whole[0] == 0:
        ok = (y >= numbers[0]) & (y <= numbers[1]) & ((y == 0) | (y.abs() >= numbers[2]))
        if whole[2] == 1:
            ok = ok | torch.isnan(y)
        if whole[3] == 1:
            ok = ok | torch.isinf(y)
        return "" if bool(ok.all()) else explain(y, ok, numbers, whole, code)
    bad = (y < integer(whole[5:], 0)) | (y > integer(whole[5:], 1))
    if bool(bad.any()):
        return offence(code, bad, "" if whole[0] == 3 else str(int(first_of(y, bad))))
    return ""


def explain(y: torch.Tensor, ok: torch.Tensor, numbers: List[float], whole: List[int], code: str) -> str:
    """Say what is wrong with floating-point numbers of which some are not ok."""
    nan, inf = torch.isnan(y), torch.isinf(y)
    if whole[2] == 0 and bool(nan.any()):
        return offence("AT-NAN", nan, "")
    if whole[3] == 0 and bool(inf.any()):
        return offence("AT-INF", inf, "")
    tiny = (y != 0) & (y.abs() < numbers[2])
    if bool(tiny.any()):
        return offence("AT-TINY", tiny, str(float(first_of(y, tiny))))
    return offence(code, ~ok, str(float(first_of(y, ~ok))))


def slices(y: torch.Tensor, axis: int) -> torch.Tensor:
    """Return what lies at each place of an axis, or all, as a row."""
    if axis < 0:
        return y.reshape(1, -1)
    return y.transpose(0, axis).unsqueeze(-1).flatten(1)


def is_flat(x: torch.Tensor, wide: int, kind: int, flat: List[int]) -> bool:
    """Tell whether a slice has too much of one value. flat: 1, axis or -1, and the share as a fraction."""
    if flat[0] == 0 or x.numel() == 0:
        return False
    y = slices(widened(x, wide, kind), flat[1])
    each = y.size(1)
    # What has more than half of the elements is in the middle of them, sorted.
    counts = (y == y.median(dim=1)[0].unsqueeze(1)).sum(dim=1)
    return bool(each > 1) and int(counts.max()) > each // flat[3] * flat[2] + each % flat[3] * flat[2] // flat[3]


def within(values: torch.Tensor, low: List[float], high: List[float]) -> bool:
    least = torch.tensor(low, dtype=torch.float64, device=values.device)
    most = torch.tensor(high, dtype=torch.float64, device=values.device)
    return bool(((values >= least) & (values <= most)).all())


def statistics(x: torch.Tensor, axes: List[int], bands: List[List[float]], norm: List[float]) -> str:
    """Check means and deviations of channels, and norms.

    axes: that of the channels and that of the vectors, or -1.
    bands: bounds of the means and of the deviations, and which there are.
    norm: which one, and how far it may be from 1.
    """
    if axes[0] >= 0:
        y = slices(x.detach().to(torch.float64), axes[0])
        finite = torch.isfinite(y)
        count = finite.sum(dim=1)
        mean = torch.where(finite, y, torch.zeros_like(y)).sum(dim=1) / count
        apart = torch.where(finite, y - mean.unsqueeze(1), torch.zeros_like(y))
        std = ((apart * apart).sum(dim=1) / count).sqrt()
        if bands[4][0] == 1 and not within(mean, bands[0], bands[1]):
            return "AT-MEAN"
        if bands[4][1] == 1 and not within(std, bands[2], bands[3]):
            return "AT-STD"
    if axes[1] >= 0:
        norms = x.detach().to(torch.float64).abs().pow(norm[0]).sum(dim=axes[1]).pow(1.0 / norm[0])
        if not bool(((norms == 0) | ((norms - 1).abs() <= norm[1])).all()):
            return "AT-NORM"
    return ""


def check_sizes(
    x: torch.Tensor,
    sizes: List[List[int]],
    symbols: List[str],
    dims: Dict[str, int],
) -> str:
    """Check rank (sizes[2][0]), sizes, symbols, number of elements (sizes[2][1]) and of bytes (sizes[2][2])."""
    if x.dim() != sizes[2][0]:
        return "AT-RANK: got " + str(x.dim()) + " dimensions"
    for i in range(x.dim()):
        n = x.size(i)
        symbol = symbols[i]
        if n < sizes[0][i] or n > sizes[1][i]:
            return ("AT-SHAPE" if symbol == "" else "AT-DIM") + ", dimension " + str(i) + " is " + str(n)
        if symbol != "":
            if symbol in dims and dims[symbol] != n:
                return "AT-DIM, " + symbol + " is " + str(n) + " and " + str(dims[symbol])
            dims[symbol] = n
    if x.numel() > sizes[2][1]:
        return "AT-ELEMENTS: got " + str(x.numel())
    if x.numel() * x.element_size() > sizes[2][2]:
        return "AT-BYTES: got " + str(x.numel() * x.element_size())
    return ""


def operate(op: int, a: int, b: int) -> List[int]:
    """Return the value of an operation (2 +, 3 -, 4 *, 5 %), or nothing where it is not defined."""
    least = -9223372036854775807 - 1
    if op == 5:
        return [a % b] if b > 0 else []
    value, about = a + b, float(a) + float(b)
    if op == 3:
        value, about = a - b, float(a) - float(b)
    if op == 4:
        value, about = a * b, float(a) * float(b)
        if a == least or b == least or value == least:
            return []
    # What leaves 64 bits is off by a multiple of 2**64.
    return [value] if abs(float(value) - about) < 1e18 else []


def compare(op: int, a: int, b: int) -> bool:
    """Compare by the operators == != <= >= < >."""
    if op == 0:
        return a == b
    if op == 1:
        return a != b
    if op == 2:
        return a <= b
    if op == 3:
        return a >= b
    return a < b if op == 4 else a > b


def check_constraint(constraint: List[List[int]], names: List[str], dims: Dict[str, int]) -> bool:
    """Evaluate a comparison in postfix notation, if all its symbols have a size.

    Each step is a number (0, n), a symbol (1, place in names), an operation (2 to 5, 0) or
    the comparison (6, operator).
    """
    stack: List[int] = []
    for step in constraint:
        if step[0] == 0:
            stack.append(step[1])
        elif step[0] == 1:
            if names[step[1]] not in dims:
                return True
            stack.append(dims[names[step[1]]])
        else:
            b = stack.pop()
            a = stack.pop()
            if step[0] == 6:
                return compare(step[1], a, b)
            value = operate(step[0], a, b)
            if len(value) == 0:
                return False
            stack.append(value[0])
    return True


def check_elements(
    x: torch.Tensor,
    place: int,
    flat: List[int],
    axes: List[int],
    bands: List[List[float]],
    types: List[List[int]],
    numbers: List[List[float]],
    whole: List[List[int]],
    listed: List[List[float]],
    ids: List[List[int]],
    codes: List[str],
) -> str:
    """Check the type of a tensor, and what is in it. ``types`` has input, type and wider type of each row."""
    for j in range(len(types)):
        if types[j][0] == place and types[j][1] == x.dtype:
            found = unlike(x, types[j][2], numbers[j], whole[j], listed[j], ids[j], codes[place])
            if found != "":
                return found
            if is_flat(x, types[j][2], whole[j][0], flat):
                return "AT-FLAT"
            return statistics(x, axes, bands, numbers[j][3:])
    return "AT-DTYPE"


def check_limits(tensors: List[torch.Tensor], limits: List[int]) -> str:
    """Check what bounds all tensors together."""
    total = 0
    nbytes = 0
    for x in tensors:
        total += x.numel()
        nbytes += x.numel() * x.element_size()
    if total > limits[0]:
        return "AT-ELEMENTS: more than the schema allows"
    if nbytes > limits[1]:
        return "AT-BYTES: more than the schema allows"
    return ""


def check_constraints(
    names: List[str], constraints: List[List[List[int]]], texts: List[str], dims: Dict[str, int]
) -> str:
    for i in range(len(constraints)):
        if not check_constraint(constraints[i], names, dims):
            return "AT-CONSTRAINT: " + texts[i] + " does not hold for " + str(dims)
    return ""


def fail(what: str, shadow: int) -> None:
    if shadow == 1:
        warnings.warn("andiron would refuse: " + what)  # noqa: B028  # TorchScript has no levels
    else:
        raise ValueError(what)


def check_tensors(
    given: List[List[torch.Tensor]],
    bound: List[List[torch.Tensor]],
    wants: List[str],
    sizes: List[List[List[int]]],
    symbols: List[List[str]],
    flats: List[List[int]],
    axes: List[List[int]],
    bands: List[List[List[float]]],
    types: List[List[int]],
    numbers: List[List[float]],
    whole: List[List[int]],
    listed: List[List[float]],
    ids: List[List[int]],
    codes: List[str],
    names: List[str],
    constraints: List[List[List[int]]],
    texts: List[str],
    bound_symbols: List[List[str]],
    limits: List[int],
) -> List[torch.Tensor]:
    """Check tensors, each a list of one or, where it may be left out, of none, and hand them on.

    bound: tensors that were checked before, and fixed the sizes of bound_symbols.
    """
    tensors: List[torch.Tensor] = []
    for some in given:
        tensors.extend(some)
    dims = sizes_of(bound, bound_symbols)
    found = check_limits(tensors, limits)
    for i in range(len(given)):
        for x in given[i]:
            if found == "":
                found = named(wants[i], check_sizes(x, sizes[i], symbols[i], dims))
    if found == "":
        found = check_constraints(names, constraints, texts, dims)
    for i in range(len(given)):
        for x in given[i]:
            if found == "":
                wrong = check_elements(x, i, flats[i], axes[i], bands[i], types, numbers, whole, listed, ids, codes)
                found = named(wants[i], wrong)
    if found != "":
        fail(found, limits[2])
    return tensors


def check_traced(
    given: List[torch.Tensor],
    bound: List[torch.Tensor],
    wants: List[str],
    sizes: List[List[List[int]]],
    symbols: List[List[str]],
    flats: List[List[int]],
    axes: List[List[int]],
    bands: List[List[List[float]]],
    types: List[List[int]],
    numbers: List[List[float]],
    whole: List[List[int]],
    listed: List[List[float]],
    ids: List[List[int]],
    codes: List[str],
    names: List[str],
    constraints: List[List[List[int]]],
    texts: List[str],
    bound_symbols: List[List[str]],
    limits: List[int],
) -> List[torch.Tensor]:
    """Do the same for what a trace has, which takes lists within lists for constants."""
    return check_tensors(
        [[x] for x in given],
        [[x] for x in bound],
        wants,
        sizes,
        symbols,
        flats,
        axes,
        bands,
        types,
        numbers,
        whole,
        listed,
        ids,
        codes,
        names,
        constraints,
        texts,
        bound_symbols,
        limits,
    )


def named(want: str, wrong: str) -> str:
    return wrong if wrong == "" else want + wrong


def sizes_of(bound: List[List[torch.Tensor]], symbols: List[List[str]]) -> Dict[str, int]:
    """Return the sizes that symbols have in tensors that were checked, or let through in shadow mode."""
    dims: Dict[str, int] = {}
    for i in range(len(bound)):
        for x in bound[i]:
            for j in range(min(x.dim(), len(symbols[i]))):
                if symbols[i][j] != "":
                    dims[symbols[i][j]] = x.size(j)
    return dims


def present(x: Optional[torch.Tensor]) -> List[torch.Tensor]:  # noqa: UP045
    """Return a tensor as a list, which is empty where there is none."""
    return [] if x is None else [x]


def flush(x: torch.Tensor, place: int, types: List[List[int]], tiny: List[float]) -> torch.Tensor:
    """Replace tiny values by zeros. types, tiny: rows as those of check_elements, and what is tiny in each."""
    for j in range(len(types)):
        if types[j][0] == place and types[j][1] == x.dtype:
            wide = x.detach().to(types[j][2])
            if x.element_size() == 1:  # torch selects among no eight bits, and no gradient goes through them
                return torch.where(wide.abs() < tiny[j], torch.zeros_like(wide), wide).to(x.dtype)
            return torch.where(wide.abs() < tiny[j], torch.zeros_like(x), x)
    return x
