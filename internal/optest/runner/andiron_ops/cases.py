"""Which cases an operator is called with: seeds, then edges of each, then mutations of
what was new. The same seed makes the same cases, as long as the answers are the same.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
import random
import re

from andiron_ops import recipe

SMALL = (0, 1, -1, 2, -2, 3, 7, 64, 1000)
LARGE = (2**15, 2**29, 2**30, 2**31 - 1, 2**31, 2**32, 2**32 + 1, -(2**31), -(2**31) - 1, 2**33)
EXTREME = (2**63 - 1, -(2**63))
REAL = (0.0, -0.0, 1.0, -1.0, 0.5, 1e-45, 1e-300, 1e38, 1e300, "inf", "-inf", "nan")
LAYOUTS = ("transposed", "strided", "offset", "expanded")
DTYPES = ("float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool", "complex64")
TYPE = r"\b(?:Complex)?(?:Float|Double|Half|BFloat16|Int|Long|Short|Char|Byte|Bool)\b"
LARGEST = 1 << 22  # elements of a tensor that is made for a case, but for those without memory of their own


def key(case):
    """A name for a case by what it is."""
    return hashlib.sha256(json.dumps(case, sort_keys=True).encode()).hexdigest()[:16]


def skeleton(message):
    """A message without its numbers, so that two of one check are the same."""
    line = message.splitlines()[0] if message else ""
    return re.sub(r"0x[0-9a-f]+|-?\d[\d.e+]*", "#", re.sub(TYPE, "T", line))[:160]


def bind(op, call):
    """A recorded call as a case of an operator, or None where it is of another overload."""
    args, kwargs = list(call["args"]), dict(call.get("kwargs", {}))
    if op["args"] is None:
        return {"args": args, "kwargs": kwargs}
    want = [a for a in op["args"] if not a["keyword"]]
    if len(args) > len(want):
        return None
    for a in want[len(args) :]:
        if a["name"] in kwargs:
            args.append(kwargs.pop(a["name"]))
        elif a["default"]:
            break
        else:
            return None
    if any(r["k"] == "tensor" and r["dtype"] not in recipe.DTYPES for r in recipe.tensors([*args, *kwargs.values()])):
        return None
    if not all(fits(r, a["type"]) for r, a in zip(args, want)):
        return None
    return {"args": args, "kwargs": kwargs}


def fits(r, kind):
    """Whether an argument is of the type that a schema names. In doubt it is."""
    if kind.startswith("Optional["):
        return r["k"] == "none" or fits(r, kind[9:-1])
    if kind.startswith("List["):
        return r["k"] == "list"
    if kind == "Tensor":
        return r["k"] == "tensor"
    if kind == "int":
        return r["k"] in ("int", "bool", "dtype", "device")
    if kind == "float":
        return r["k"] in ("float", "int")
    return True


def blind(op, rng):
    """A call made up from the schema alone."""
    n = rng.choice((1, 3, 4, 5))
    shapes = [[n], [n, n], [n, 3], [2, n, n], [1, 3, n, n], []]
    shape = rng.choice(shapes)

    def of(kind, name):
        if kind.startswith("Optional["):
            return {"k": "none"} if rng.random() < 0.5 else of(kind[9:-1], name)
        if kind.startswith("List["):
            return {"k": "list", "v": [of(kind[5:-1].split(",")[0], name) for _ in range(rng.choice((1, 2, 2, 3)))]}
        if kind == "Tensor":
            mine = shape if rng.random() < 0.7 else rng.choice(shapes)
            index = re.search(r"ind|idx|ptr|offset|label|faces|ids|len", name)
            dtype = (
                "int64"
                if index and rng.random() < 0.8
                else rng.choice(("float32", "float32", "float64", "int64", "uint8", "bool"))
            )
            return recipe.tensor(
                dtype, list(mine), {"how": "random", "seed": rng.randrange(1000), "low": 0, "high": max(n - 1, 0)}
            )
        if kind == "int":
            return {"k": "int", "v": rng.choice((0, 1, 2, 3, n))}
        if kind in ("float", "number", "Scalar"):
            return {"k": "float", "v": rng.choice((0.5, 1.0, 2.0))}
        if kind == "bool":
            return {"k": "bool", "v": rng.random() < 0.5}
        if kind == "str":
            return {"k": "str", "v": rng.choice(("", "sum", "mean", "none"))}
        return {"k": "none"}

    args = [of(a["type"], a["name"]) for a in op["args"] or [] if not a["keyword"]]
    kwargs = {a["name"]: of(a["type"], a["name"]) for a in op["args"] or [] if a["keyword"] and not a["default"]}
    return {"args": args, "kwargs": kwargs}


class Cases:
    """The cases of one operator, one after the other."""

    def __init__(self, op, seeds, settings):
        self.op = op
        self.rng = random.Random(f"{settings['seed']} {op['name']} {op['overload']}")  # noqa: S311
        self.seeds = seeds
        self.extreme = settings["oracles"]  # 64-bit overflow of numbers that nobody has is no finding of a sanitizer
        self.pool = [copy.deepcopy(s) for s in seeds]
        self.done = set()
        self.known = set()
        self.device = settings["device"]

    def fresh(self, case):
        """Whether nobody has had this case."""
        k = key(case)
        if k in self.done or not self.small_enough(case):
            return False
        self.done.add(k)
        return True

    def small_enough(self, case):
        return all(
            r["layout"] == "huge" or recipe.weight(r["shape"]) <= LARGEST
            for r in recipe.tensors([*case["args"], *case.get("kwargs", {}).values()])
        )

    def learned(self, case, answer):
        """A case whose answer is new is mutated in turn. Says whether it is."""
        what = (
            answer["status"],
            answer.get("type"),
            skeleton(answer.get("message", "")),
            str(len(answer.get("signature", []))),
        )
        if answer["status"] == "valid":
            what += ("".join(re.sub(r"\d+", "#", s) for s in answer.get("signature", [])),)
        if (
            what in self.known
            or len(self.pool) > 64
            or case.get("ask")
            or any(r["layout"] == "huge" for r in recipe.tensors(case["args"]))
        ):
            return False
        self.known.add(what)
        self.pool.append(case)
        return True

    def edges(self):
        """Each argument of each seed on its edges, the first seeds first."""
        for number, seed in enumerate(self.seeds[:3]):
            every = list(self.edges_of(seed))
            # Of later seeds only some: they differ in little.
            yield from every if number == 0 else self.rng.sample(every, min(len(every), 40))

    def edges_of(self, seed):
        per_argument = [list(self.edges_at(seed, i)) for i in range(len(seed["args"]))]
        for i in range(max(map(len, per_argument), default=0)):
            for edges in per_argument:
                if i < len(edges):
                    yield edges[i]
        numbers = [i for i, r in enumerate(seed["args"]) if r["k"] == "tensor"]
        for i in numbers:
            for j in numbers:
                if i < j and seed["args"][i]["dtype"] == seed["args"][j]["dtype"]:
                    yield dict(copy.deepcopy(seed), same=[[i, j]])
        yield from self.together(seed, numbers)

    def together(self, seed, numbers):
        """All tensors changed in one way."""
        if not numbers:
            return
        sizes = sorted({s for i in numbers for s in seed["args"][i]["shape"]})
        for size in sizes:
            for to in (0, 1, size + 1, 2 * size, 300):
                yield resized(seed, size, to)
        for layout in LAYOUTS:
            yield self.with_tensors(seed, numbers, {"layout": layout})
        for dtype in ("float64", "float32", "float16", "int64"):
            if any(seed["args"][i]["dtype"] in recipe.FLOATS for i in numbers):
                yield self.with_tensors(
                    seed, [i for i in numbers if seed["args"][i]["dtype"] in recipe.FLOATS], {"dtype": dtype}
                )
        for v in (0, "nan", "inf", -1):
            yield self.with_tensors(seed, numbers, {"fill": {"how": "const", "v": v}})

    def with_tensors(self, seed, numbers, change):
        case = copy.deepcopy(seed)
        for i in numbers:
            replace(case["args"][i], change)
        return case

    def edges_at(self, seed, i):
        r = seed["args"][i]
        made = self.edges_of_argument(r, seed)
        kind = self.op["args"][i]["type"] if self.op["args"] and i < len(self.op["args"]) else ""
        if kind.startswith("Optional[") and r["k"] != "none":
            made = [{"k": "none"}, *made]
        if kind == "Optional[Tensor]" and r["k"] == "none":
            made = [
                dict(recipe.tensor(d, s, {"how": "random", "seed": 5}), device=self.device)
                for d in ("float32", "int64")
                for s in ([], [1], [3], [0])
            ]
        for new in made:
            case = copy.deepcopy(seed)
            case["args"][i] = new
            yield case

    def edges_of_argument(self, r, seed):
        if r["k"] == "tensor":
            return list(self.edges_of_tensor(r))
        if r["k"] in ("int", "float", "bool", "str", "list"):
            return list(self.edges_of_plain(r, seed))
        return []

    def edges_of_plain(self, r, seed):  # noqa: C901 (one branch for each kind)
        if r["k"] == "int":
            sizes = {
                s + d for t in recipe.tensors(seed["args"]) for s in [*t["shape"], len(t["shape"])] for d in (-1, 0, 1)
            }
            near = [
                *SMALL[:3],
                r["v"] + 1,
                r["v"] - 1,
                *sorted(sizes),
                *[-s for s in sorted(sizes)],
                *SMALL[3:],
                *LARGE,
            ]
            for v in dict.fromkeys([*near, *(EXTREME if self.extreme else ())]):
                if v != r["v"]:
                    yield {"k": "int", "v": v}
        elif r["k"] == "float":
            for v in REAL:
                yield {"k": "float", "v": v}
        elif r["k"] == "bool":
            yield {"k": "bool", "v": not r["v"]}
        elif r["k"] == "str":
            for s in ("", "x" * 300, r["v"].upper(), "\N{SNOWMAN}"):
                yield {"k": "str", "v": s}
        elif r["k"] == "list":
            yield {"k": "list", "v": []}
            yield {"k": "list", "v": r["v"] * 2}
            yield {"k": "list", "v": r["v"][:-1]}
            yield {"k": "list", "v": r["v"] * 40}
            for i, e in enumerate(r["v"][:4]):
                for new in self.edges_of_argument(e, seed):
                    yield {"k": "list", "v": [*r["v"][:i], new, *r["v"][i + 1 :]]}

    def edges_of_tensor(self, r):
        """The edges of a tensor, some of each kind first."""
        kinds = [self.edges_of_elements(r), self.edges_of_shape(r), self.edges_of_layout(r), self.edges_of_dtype(r)]
        while kinds:
            for kind in list(kinds):
                edge = next(kind, None)
                if edge is None:
                    kinds.remove(kind)
                else:
                    yield edge

    def edges_of_layout(self, r):
        shape = r["shape"]
        for layout in (*LAYOUTS, *(["channels_last"] if len(shape) == 4 else [])):
            yield dict(r, layout=layout)
        yield dict(r, device="meta")
        if r["device"] == "cuda":
            yield dict(r, device="cpu", grad=False)

    def edges_of_shape(self, r):
        shape = r["shape"]
        for d in range(len(shape)):
            for size in (0, 1, shape[d] - 1, shape[d] + 1, 2 * shape[d] + 1):
                if size >= 0 and size != shape[d]:
                    yield dict(r, shape=[*shape[:d], size, *shape[d + 1 :]])
        for other in (
            [],
            [0],
            [1],
            [*shape, 1],
            [1, *shape],
            shape[1:],
            [0] * len(shape),
            [math.prod(shape)],
            [1] * 9,
            [1] * 40,
            [300],
        ):
            if other != shape:
                yield dict(r, shape=other)
        if math.prod(shape[1:]) < 1 << 20:
            yield dict(
                r, shape=[2**31 + 8, *shape[1:]] if shape else [2**31 + 8], layout="huge", fill={"how": "const", "v": 0}
            )

    def edges_of_dtype(self, r):
        for dtype in DTYPES:
            if dtype != r["dtype"]:
                yield dict(r, dtype=dtype, fill=converted(r, dtype))

    def edges_of_elements(self, r):
        if r["dtype"] in recipe.WHOLE:
            n = math.prod(r["shape"])
            for v in (0, -1, 1, n, n - 1, 2 * n + 1, 1 << 20, -(1 << 20), 2**31, -(2**31), 2**31 - 1):
                yield dict(r, fill={"how": "const", "v": v})
            for low, high in ((0, max(n - 1, 0)), (-3, 3), (0, 1000), (-(1 << 30), 1 << 30)):
                yield dict(r, fill={"how": "random", "seed": 7, "low": low, "high": high})
            yield dict(r, fill={"how": "random", "seed": 7, "low": 0, "high": max(n - 1, 0), "sorted": True})
            yield with_element(r, -1, 1 << 16)
            yield with_element(r, 0, -(1 << 16))
        elif r["dtype"] != "bool":
            for v in ("nan", "inf", "-inf", 0, -1, 1, 1e30, -1e30, 1000):
                yield dict(r, fill={"how": "const", "v": v})
            for seed in (1, 2):
                yield dict(r, fill={"how": "random", "seed": seed})
            yield with_element(r, -1, "nan")
            yield with_element(r, 0, "inf")
            yield with_element(r, 0, 1e9)

    def mutation(self):
        """A case of the pool with a few changes."""
        case = copy.deepcopy(self.rng.choice(self.pool))
        for _ in range(self.rng.choice((1, 1, 2, 3))):
            if not case["args"]:
                break
            if self.rng.random() < 0.25:
                sizes = [s for r in recipe.tensors(case["args"]) if r["layout"] != "huge" for s in r["shape"]]
                if sizes:
                    case = resized(case, self.rng.choice(sizes), self.rng.choice((0, 1, 2, 3, 5, 8, 17, 64, 257)))
                continue
            i = self.rng.randrange(len(case["args"]))
            r = case["args"][i]
            if r["k"] == "tensor" and self.rng.random() < 0.4:
                self.jiggle(r)
                continue
            if self.small_enough(case):
                edges = [e for e in self.edges_at(case, i) if e["args"][i].get("layout") != "huge"]
                case = self.rng.choice(edges) if edges else case
        case.pop("same", None)
        return case

    def jiggle(self, r):
        """Other elements of the same kind."""
        seed = self.rng.randrange(1 << 30)
        if r["layout"] == "huge":
            return
        if r["dtype"] in recipe.WHOLE:
            high = self.rng.choice((1, 3, 9, max(math.prod(r["shape"]) - 1, 0)))
            r["fill"] = {
                "how": "random",
                "seed": seed,
                "low": self.rng.choice((0, 0, 0, -1)),
                "high": high,
                "sorted": self.rng.random() < 0.5,
            }
        else:
            r["fill"] = {"how": "random", "seed": seed}

    def blind(self):
        return blind(self.op, self.rng)


def replace(r, change):
    """Changes a tensor in place, with its elements as the new dtype has them."""
    if change.get("dtype", r["dtype"]) != r["dtype"]:
        r["fill"] = converted(r, change["dtype"])
    r.update(change)


def converted(r, dtype):
    """The elements of a tensor in another dtype. Those with noughts and ones beyond it are made up."""
    if r["layout"] == "huge" or r["fill"]["how"] != "bytes":
        return r["fill"]
    if recipe.weight(r["shape"]) > LARGEST:
        return {"how": "const", "v": 1}
    t = recipe.elements(dict(r, layout="contiguous"))
    if t.is_complex() and not dtype.startswith("complex"):
        t = t.real
    return recipe.values(t.to(recipe.DTYPES[dtype]))


def with_element(r, at, v):
    """The tensor with one element changed."""
    n = recipe.weight(r["shape"])
    if math.prod(r["shape"]) == 0 or n > 4096:
        return dict(r, fill={"how": "const", "v": v})
    t = recipe.elements(dict(r, layout="contiguous")).reshape(-1).clone()
    t[at] = recipe.constant(r["dtype"], v)
    return dict(r, fill=recipe.values(t))


def resized(case, size, to):
    """Every dimension of a size gets another, so that what belongs together stays so."""
    case = copy.deepcopy(case)
    for r in recipe.tensors(case["args"]):
        if r["layout"] != "huge":
            r["shape"] = [to if s == size else s for s in r["shape"]]
    return case


def enlarged(case, least=200_000):
    """The case with its first dimension as long as it takes to be split among threads."""
    shapes = [r["shape"] for r in recipe.tensors(case["args"]) if r["shape"]]
    if not shapes:
        return None
    big = max(shapes, key=math.prod)
    size = next((s for s in big if s > 0), 0)
    if not size:
        return None
    same = sum(s == size for s in big)
    rest = max(math.prod(s for s in big if s != size), 1)
    to = max(int((least / rest) ** (1 / same)), size)
    return resized(case, size, to)


def smaller(case):
    """Simpler cases than this, the simplest first."""
    for i, r in enumerate(case["args"]):
        for new in smaller_argument(r):
            out = copy.deepcopy(case)
            out["args"][i] = new
            yield out
    for size in sorted(
        {s for r in recipe.tensors(case["args"]) if r["layout"] != "huge" for s in r["shape"] if s > 1}, reverse=True
    ):
        for to in dict.fromkeys((1, 2, size // 2, size - 1)):
            if 0 < to < size:
                yield resized(case, size, to)


def smaller_argument(r):  # noqa: C901 (one branch for each kind)
    if r["k"] == "tensor":
        if r["layout"] not in ("contiguous", "huge"):
            yield dict(r, layout="contiguous")
        if r["fill"]["how"] != "const" and r["layout"] != "huge":
            yield dict(r, fill={"how": "const", "v": 0})
            yield dict(r, fill={"how": "const", "v": 1})
        for d, s in enumerate(r["shape"]):
            if s > 1 and r["layout"] != "huge":
                yield dict(r, shape=[*r["shape"][:d], s // 2, *r["shape"][d + 1 :]])
        if r.get("grad"):
            yield dict(r, grad=False)
    elif r["k"] == "int" and r["v"] not in (0, 1):
        yield {"k": "int", "v": 0}
        yield {"k": "int", "v": 1}
        if abs(r["v"]) > 3:
            yield {"k": "int", "v": int(r["v"] / 2)}
    elif r["k"] == "float" and r["v"] not in (0.0, 1.0):
        yield {"k": "float", "v": 0.0}
        yield {"k": "float", "v": 1.0}
    elif r["k"] == "list" and r["v"]:
        yield {"k": "list", "v": r["v"][: len(r["v"]) // 2]}
