"""What is asked of one call, in the process that makes it.

Each question compares calls that must agree: with other bytes in fresh memory, with the
same elements lying otherwise, with other dtypes, with more threads. None needs to know
what the operator computes.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import math
import os
import re
import time
import warnings

import torch

from andiron_ops import gpu, recipe

SLOW = 0.05  # seconds of a call, after which it is large enough
ENOUGH = 3  # seconds of calls with four threads
WRITTEN = 1 << 22  # elements of an argument that is looked at after the call
M_PERTURB = -6
PATTERNS = (0x11, 0xEE)
# Relative and absolute tolerances by dtype, those of torch.testing.
TOLERANCE = {
    torch.float16: (1e-3, 1e-3), torch.bfloat16: (1.6e-2, 1e-2), torch.float32: (1e-4, 1e-5), torch.float64: (1e-7, 1e-7),
    torch.complex64: (1e-4, 1e-5), torch.complex128: (1e-7, 1e-7),
}  # fmt: skip

libc = ctypes.CDLL(None)


class Mallinfo2(ctypes.Structure):
    _fields_ = [
        (n, ctypes.c_size_t) for n in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost",
        )
    ]  # fmt: skip


def in_use():
    """Bytes that the C library has given out, or None where it does not say."""
    if not hasattr(libc, "mallinfo2"):
        return None
    libc.mallinfo2.restype = Mallinfo2
    m = libc.mallinfo2()
    return m.uordblks + m.hblkhd


def perturb(pattern):
    libc.mallopt(M_PERTURB, pattern)


class Raised(Exception):  # noqa: N818 (it is what the call raised)
    def __init__(self, error):
        super().__init__(str(error))
        self.kind, self.text = type(error).__name__, str(error)


class Operator:
    """An operator that can be called with recipes."""

    def __init__(self, op, on_gpu=False):
        self.op = op
        self.args = op["args"]
        self.on_gpu = on_gpu
        self.left = ""  # an error of CUDA that a call left behind
        self.wrote = False  # what the last call gave has arguments in it
        if op["kind"] == "torch":
            space, _, name = op["name"].partition("::")
            packet = getattr(getattr(torch.ops, space), name)
            self.function = getattr(packet, op["overload"] or "default")
            self.packet = packet
        else:
            module, _, name = op["name"].rpartition(".")
            self.function = self.packet = getattr(importlib.import_module(module), name)

    def arguments(self, case):
        made, bases = [], []
        for r in case["args"]:
            v, b = recipe.read(r)
            made.append(v)
            bases.append(b)
        keywords = {}
        for name, r in case.get("kwargs", {}).items():
            keywords[name], b = recipe.read(r)
            bases.append(b)
        for i, j in case.get("same", []):
            made[j], bases[j] = made[i], bases[i]
        return made, keywords, bases

    def call(self, made, keywords, seed=0):
        torch.manual_seed(seed)
        error = None
        try:
            out = self.function(*made, **keywords)
        except Exception as e:  # whatever it is, it is what a caller would see
            error = Raised(e)
        if self.on_gpu:
            self.left = gpu.settled() or self.left
        if error is not None:
            raise error
        return out

    def run(self, case, seed=0):
        made, keywords, _ = self.arguments(case)
        return self.seen(self.call(made, keywords, seed), made, keywords)

    def seen(self, out, made, keywords):
        """What a call gives: its result, and the arguments that it may write to where they are not in it."""
        if self.args is None:
            may = [*made, *keywords.values()] if out is None else []
        else:
            values = {**{a["name"]: v for a, v in zip(self.args, made)}, **keywords}
            may = [
                values[a["name"]]
                for a in self.args
                if a["name"] in values and (a["write"] or (a["write"] is None and out is None))
            ]
        given = flat(out)
        wrote = [
            e for e in flat(may)
            if isinstance(e, torch.Tensor) and e.device.type in ("cpu", "cuda") and e.numel() <= WRITTEN and not any(e is g for g in given)
        ]  # fmt: skip
        self.wrote = bool(wrote)
        return (out, *wrote) if wrote else out

    def again(self, case):
        """A function that calls with a large case: its elements are made once, and put back each time."""
        made, keywords, bases = self.arguments(case)
        bases = [b for group in bases for b in group if b is not None]
        before = [b.detach().clone() for b in bases]

        def run():
            with torch.no_grad():
                for b, old in zip(bases, before):
                    b.set_(old.clone()) if b.shape != old.shape else b.copy_(old)
            return self.seen(self.call(made, keywords), made, keywords)

        return run


def flat(v):
    """All that a result holds, in order."""
    if isinstance(v, (list, tuple)):
        return [e for item in v for e in flat(item)]
    if isinstance(v, dict):
        return [e for key in sorted(v, key=str) for e in flat(v[key])]
    return [v]


def kept(v):
    """A copy of a result that nothing changes any more, on the CPU."""

    def copied(t):
        if t.device.type == "cuda":
            return t.detach().cpu()
        # An operator may give back what it was given, and nobody copies memory of the tripwire device.
        return t.detach().clone() if t.device.type in ("cpu", "meta") else t

    return [copied(e) if isinstance(e, torch.Tensor) else e for e in flat(v)]


def shape_of(v):
    """What a result is, without its elements."""
    return [f"{str(e.dtype)[6:]}{list(e.shape)}" if isinstance(e, torch.Tensor) else type(e).__name__ for e in flat(v)]


def raw(t):
    t = t.resolve_conj().resolve_neg()
    return torch.empty(t.numel(), dtype=t.dtype).copy_(t.reshape(-1)).view(torch.uint8) if t.numel() else t.reshape(-1)


def identical(a, b):
    """Two results have the same bytes; one not-a-number is as good as another."""
    if len(a) != len(b):
        return False
    for x, y in zip(a, b):
        if isinstance(x, torch.Tensor) and isinstance(y, torch.Tensor):
            if x.dtype != y.dtype or x.shape != y.shape or x.device != y.device:
                return False
            if x.device.type != "cpu" or torch.equal(raw(x), raw(y)):
                continue
            if not (x.is_floating_point() or x.is_complex()) or not bool(((x == y) | ((x != x) & (y != y))).all()):
                return False
        elif not (x == y or (x != x and y != y)):
            return False
    return True


def close(a, b, loose=1.0):
    """Two results agree as numbers do, whatever their dtypes."""
    if len(a) != len(b):
        return False
    return all(close_values(x, y, loose) for x, y in zip(a, b))


def close_values(x, y, loose):
    if isinstance(x, torch.Tensor) and isinstance(y, torch.Tensor):
        if x.shape != y.shape:
            return False
        if not (x.is_floating_point() or x.is_complex() or y.is_floating_point() or y.is_complex()):
            return torch.equal(x.to(torch.int64), y.to(torch.int64))
        rel, least = (max(t) for t in zip(TOLERANCE.get(x.dtype, (0, 0)), TOLERANCE.get(y.dtype, (0, 0))))
        wide = torch.complex128 if x.is_complex() or y.is_complex() else torch.float64
        x, y = x.to(wide), y.to(wide)
        finite = torch.isfinite(x) & torch.isfinite(y)
        if not bool((finite | (x == y) | ((x != x) & (y != y))).all()):
            return False
        x, y = x[finite], y[finite]
        # What is summed in another order is off by a part of the largest.
        size = float(torch.maximum(x.abs(), y.abs()).max()) if x.numel() else 0.0
        return bool(((x - y).abs() <= (least + rel * size) * loose).all())
    if isinstance(x, (int, float, complex)) and isinstance(y, (int, float, complex)):
        return x == y or (x != x and y != y) or abs(x - y) <= 1e-4 * loose * max(abs(x), abs(y), 1e-3)
    return type(x) is type(y) and (not isinstance(x, str) or x == y)


def difference(a, b):
    """Where two results differ first, in words."""
    for i, (x, y) in enumerate(zip(a, b)):
        what = f"result {i}" if len(a) > 1 else "the result"
        if isinstance(x, torch.Tensor) and isinstance(y, torch.Tensor):
            if x.shape != y.shape:
                return f"{what} has shape {list(x.shape)} and {list(y.shape)}"
            wide = torch.complex128 if x.is_complex() else torch.float64
            d = (x.to(wide) != y.to(wide)) & ~((x != x) & (y != y))
            if bool(d.any()):
                at = d.reshape(-1).nonzero()[0].item()
                return f"{what} at {at} is {x.reshape(-1)[at].item()} and {y.reshape(-1)[at].item()}"
        elif x != y:
            return f"{what} is {x!r} and {y!r}"
    return "the bytes differ"


# What differs from run to run in what a sanitizer or an exception says: addresses, and what lay in memory.
UNSTEADY = re.compile(r"(?<=load of value )-?[\d.e+]+|\b0x[0-9a-fA-F]+")


def steadied(found):
    """The finding with a detail that is the same in the next run; what was seen in this one stands beside it."""
    said = found["detail"]
    found["detail"] = UNSTEADY.sub("#", said)
    found["values"] = found.get("values", "") if said == found["detail"] else said
    return found


class Worker:
    """Answers for one operator."""

    def __init__(self, op, settings):
        self.on_gpu = settings["device"] == "cuda"
        if self.on_gpu:
            gpu.start()
        self.operator = Operator(op, self.on_gpu)
        self.op = op
        self.settings = settings
        self.found = []
        self.say = lambda phase: None

    def find(self, kind, detail, **more):
        self.found.append(steadied({"kind": kind, "detail": detail, **more}))

    def answer(self, case):
        """Makes the calls of a case, and says how they ended."""
        self.found = []
        do = getattr(self, "do_" + case.get("ask", "call"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                out = do(case)
            except Raised as e:
                return {"status": "raised", "type": e.kind, "message": e.text[:2000], "found": self.found}
            except MemoryError:
                return {"status": "raised", "type": "MemoryError", "message": "", "found": self.found}
            finally:
                if self.on_gpu:
                    gpu.settled()
        return {"status": "valid", **(out or {}), "found": self.found}

    # An ordinary case: the call, and what can be asked of every call.

    def do_call(self, case):
        oracles = self.settings["oracles"]
        self.perturb(PATTERNS[0] if oracles else 0)
        made, keywords, bases = self.operator.arguments(case)
        before = [[b.clone() if b is not None else None for b in group] for group in bases]
        self.operator.left = ""
        out = self.operator.call(made, keywords)
        if self.operator.left:
            self.find(
                "cuda-error", f"the operator comes back, and leaves an error of CUDA behind: {self.operator.left}"
            )
            return {"signature": []}
        if self.on_gpu and any(e.numel() > gpu.ELEMENTS for e in flat(out) if isinstance(e, torch.Tensor)):
            return {"signature": shape_of(out)}
        first = kept(self.operator.seen(out, made, keywords))
        result = {"signature": shape_of(out)}
        if not oracles:
            return result
        if any(e.device.type != "cpu" for e in first if isinstance(e, torch.Tensor)) or any(
            r["layout"] == "huge" for r in recipe.tensors(case["args"])
        ):
            return result
        self.mutation(bases, before)
        steady = self.poison(case, first)
        if steady:
            self.layout(case, first)
            self.reference(case, first)
            self.agreement(case, first)
        perturb(0)
        return result

    def perturb(self, pattern):
        perturb(pattern)
        if self.on_gpu and pattern:
            gpu.perturb(pattern)

    def agreement(self, case, first):
        """The same numbers on the CPU, where there is a kernel for them."""
        if not self.on_gpu or not self.settings.get("agreement", True):
            return
        on_cpu = gpu.placed(case, "cpu")
        try:
            made, keywords, _ = self.operator.arguments(on_cpu)
            if not gpu.moderate([*made, *keywords.values()]):
                return
            self.say("agreement")
            want = kept(self.operator.seen(self.operator.call(made, keywords), made, keywords))
            again = kept(self.operator.run(on_cpu, seed=1))
        except Raised:
            return  # it has none, or one that takes less
        if close(want, again) and not (shape_of(first) == shape_of(want) and close(first, want, 10)):
            self.find("agreement", "the GPU gives another result than the CPU", values=difference(first, want))

    def mutation(self, bases, before):
        for a, group, old in zip(self.op["args"] or [], bases, before):
            if a["write"] is not False:  # it is written to, or nothing says
                continue
            for b, o in zip(group, old):
                if b is not None and (b.shape != o.shape or not identical(kept(b), kept(o))):
                    self.find(
                        "mutation",
                        f"argument {a['name']!r} is not the same after the call, and the schema does not say so",
                    )

    def poison(self, case, first):
        """Fresh memory holds one pattern, then another; no result may depend on it."""
        self.say("poison")
        runs = [first]
        for pattern in (PATTERNS[1], PATTERNS[0], PATTERNS[1]):
            self.perturb(pattern)
            try:
                runs.append(kept(self.operator.run(case)))
            except Raised as e:
                self.find(
                    "determinism", "the same call once returned and once raised", values=f"{e.kind}: {e.text[:200]}"
                )
                return False
        a, b, c, d = runs
        # Which of two it is depends on what lies there in this run: it is one fault.
        if identical(a, c) and identical(b, d):
            if identical(a, b):
                return True
            values = difference(a, b)
        elif not close(a, b) or not close(a, c):
            same = "" if close(a, c) and close(b, d) else ", and it changes from call to call"
            values = difference(a, b if not close(a, b) else c) + same
        else:
            return True
        self.find("poison", "the result depends on memory that nobody wrote", values=values)
        return False

    def layout(self, case, first):
        """The same elements lie one after the other."""
        if all(r["layout"] == "contiguous" for r in recipe.tensors(case["args"])) or any(
            r["layout"] == "huge" for r in recipe.tensors(case["args"])
        ):
            return
        if self.operator.wrote and any(r["layout"] == "expanded" for r in recipe.tensors(case["args"])):
            return  # several elements are one place, and what is written last stays
        self.say("layout")
        try:
            plain = kept(self.operator.run(flattened(case)))
        except Raised:
            return  # it takes no such tensors at all
        if shape_of(plain) == shape_of(first) and close(first, plain):
            return
        # An operator that answers about strides may depend on them, and on nothing else.
        other = with_other_values(case)
        try:
            a, b = kept(self.operator.run(other)), kept(self.operator.run(flattened(other)))
        except Raised:
            a, b = None, None
        if a is not None and close(a, first) and close(b, plain):
            return
        what = ", ".join(sorted({r["layout"] for r in recipe.tensors(case["args"])} - {"contiguous"}))
        self.find(
            "layout",
            "the result of a tensor that lies otherwise is not that of its contiguous copy",
            values=f"{what}: {difference(first, plain)}",
        )

    def reference(self, case, first):
        name = self.op.get("reference")
        if not name:
            return
        self.say("reference")
        module, _, attr = name.rpartition(".")
        made, keywords, _ = self.operator.arguments(case)
        try:
            out = getattr(importlib.import_module(module), attr)(*made, **keywords)
            want = kept(self.operator.seen(out, made, keywords))
        except Exception as e:
            self.find(
                "reference-raised",
                f"{name} raises where the operator does not",
                values=f"{type(e).__name__}: {e}"[:200],
            )
            return
        if not close(first, want):
            self.find("reference", f"the result is not that of {name}", values=difference(first, want))

    def do_sequence(self, case):
        """Several calls, one after the other, of which the last may not come back."""
        perturb(0)
        for one in case["sequence"]:
            self.do_quietly(one)
        return {"asked": 1}

    def do_quietly(self, one):
        with contextlib.suppress(Raised):
            self.do_call(one)

    # What is asked with calls of its own.

    def do_dtype(self, case):
        """The same numbers as float32 and as float64, or in 32 and in 64 bits."""
        perturb(0)
        differ, detail, asked = 0, "", 0
        for seed in (11, 12, 13):
            narrow = with_values(case, seed, positive=seed == 13)
            wide = widened(narrow)
            if wide is None:
                return {"skipped": "no tensor has a wider dtype"}
            try:
                a = kept(self.operator.run(narrow))
                b = kept(self.operator.run(wide))
            except Raised:
                continue
            asked += 1
            if not close(a, b, 100):
                differ, detail = differ + 1, difference(a, b)
        if asked and differ == asked and asked > 1:
            self.find("dtype", "the same numbers in a wider dtype give another result", values=detail)
        return {"asked": asked}

    def do_threads(self, case):
        """One thread and four give the same result, on tensors large enough to be split."""
        perturb(0)
        torch.set_num_threads(1)
        big, error = None, None
        for n, larger in enumerate(case["bigs"]):
            self.say(f"threads {n}")
            try:
                run = self.operator.again(larger)
                begin = time.monotonic()
                want = kept(run())
            except Raised as e:
                error = error or e
                continue
            big, again = n, run
            if time.monotonic() - begin > SLOW:
                break
        if big is None:
            raise error
        self.say(f"threads {big}")
        want = kept(again())
        if not close(want, kept(again())):
            return {"skipped": "the result changes from call to call with one thread", "phase": f"threads {big}"}
        torch.set_num_threads(4)
        begin = time.monotonic()
        for n in range(self.settings["thread_rounds"]):
            if n >= 3 and time.monotonic() - begin > ENOUGH:
                break
            got = kept(again())
            if self.settings["oracles"] and not (shape_of(got) == shape_of(want) and close(got, want, 10)):
                self.find(
                    "threads",
                    "the result of four threads is not that of one",
                    values=difference(got, want),
                    phase=f"threads {big}",
                )
                break
        return {"asked": 1, "phase": f"threads {big}"}

    def do_leak(self, case):
        """What the C library has given out does not grow from call to call, or the GPU."""
        if self.on_gpu:
            return self.leak_on_gpu(case)
        if in_use() is None:
            return {"skipped": "this C library does not say how much it has given out"}
        perturb(0)
        made, keywords, _ = self.operator.arguments(case)
        written = any(a["write"] for a in self.op["args"] or [])  # then it may well grow

        def calls(n):
            for _ in range(n):
                with contextlib.suppress(Raised):
                    self.operator.call(*(self.operator.arguments(case)[:2] if written else (made, keywords)))
            gc.collect()
            return in_use()

        n = case.get("times", 100)  # an exception takes its time
        rounds, at = [], calls(n // 2)
        for _ in range(3):
            now = calls(n)
            rounds.append(now - at)
            at = now
        least = min(rounds)
        if least >= 8 * n:
            self.find("leak", "each call keeps memory", values=f"{least // n} bytes or more of each call")
        return {"asked": 1}

    def leak_on_gpu(self, case):
        made, keywords, _ = self.operator.arguments(case)

        def call():
            with contextlib.suppress(Exception):  # on its way out it may keep something as well
                self.operator.function(*made, **keywords)

        least = gpu.kept_memory(call)
        if least:
            self.find("leak", "each call keeps tensors on the GPU", values=f"{least} bytes or more of each call")
        return {"asked": 1}

    def do_leakloop(self, case):
        """Calls that the leak checker of the sanitizers looks at afterwards."""
        made, keywords, _ = self.operator.arguments(case)
        for _ in range(10):
            with contextlib.suppress(Raised):
                self.operator.call(made, keywords)
        del made, keywords
        gc.collect()
        check = getattr(ctypes.CDLL(None), "__lsan_do_recoverable_leak_check", None)
        if check is None:
            return {"skipped": "the build has no LeakSanitizer"}
        check()
        # Python and torch keep much; what counts is what the extension asked for.
        for record in re.split(r"\n\s*\n", os.pread(2, 32 << 20, 0).decode("utf-8", "replace")):
            if re.match(r"\s*(?:Direct|Indirect) leak of", record) and self.settings["sources"] in record:
                size = " ".join(record.split("\n")[0].split()).rstrip(":").removesuffix(" allocated from")
                self.find("leak", "LeakSanitizer: memory is lost", values=size, output=record)
                break
        return {"asked": 1}

    def do_gradient(self, case):
        perturb(0)
        double = doubled(case)
        if double is None:
            return {"skipped": "no argument is a tensor of floating-point numbers"}
        try:
            return self.gradient(double)
        except Raised as e:
            refused = e
        try:
            return self.gradient(mapped(case, asked_for), narrow=True)
        except Raised:
            return {"skipped": f"it takes no float64: {refused.text[:120]}"}

    def gradient(self, double, narrow=False):
        verdicts = []
        for seed in (21, 22):
            self.say("gradient")
            made, keywords, _ = self.operator.arguments(nudged(double, seed))
            out = self.operator.call(made, keywords)
            outs = [e for e in flat(out) if isinstance(e, torch.Tensor) and (e.is_floating_point() or e.is_complex())]
            if not outs:
                return {"skipped": "no result is a tensor of floating-point numbers"}
            if not all(bool(torch.isfinite(e.detach()).all()) for e in outs):
                return {"skipped": "the result is not finite"}
            if not any(e.requires_grad and not only_warns(e) for e in outs):
                verdicts.append(self.silent(made, keywords, 1e-2 if narrow else 1e-5))
            elif narrow:
                return {"skipped": "it takes no float64"}
            else:
                verdicts.append(self.checked(made, keywords))
        if all(v[0] == "wrong" for v in verdicts):
            self.find(verdicts[0][1], verdicts[0][2], big=nudged(double, 21))
        return {"skipped": verdicts[0][2]} if verdicts[0][0] == "skipped" else {"asked": 1}

    def silent(self, made, keywords, step):
        """The result has no gradient, though it changes with the arguments."""
        for i, x in enumerate(made):
            if not isinstance(x, torch.Tensor) or not x.requires_grad:
                continue
            slopes = []
            for h in (step, 2 * step):
                with torch.no_grad():
                    moved = list(made)
                    moved[i] = x.detach() + h
                    lower = list(made)
                    lower[i] = x.detach() - h
                    a = [e for e in flat(self.operator.call(moved, keywords)) if isinstance(e, torch.Tensor)]
                    b = [e for e in flat(self.operator.call(lower, keywords)) if isinstance(e, torch.Tensor)]
                if len(a) != len(b) or any(p.shape != q.shape for p, q in zip(a, b)):
                    return "skipped", "", "the shape of the result depends on the elements"
                slopes.append([(p - q).double() / (2 * h) for p, q in zip(a, b) if p.is_floating_point()])
            for p, q in zip(*slopes):
                smooth = (
                    torch.isfinite(p)
                    & torch.isfinite(q)
                    & ((p - q).abs() <= 10 * step**0.5 * q.abs() + 1e-6)
                    & (p.abs() > 1e-2)
                )
                if bool(smooth.any()):
                    return (
                        "wrong",
                        "no-gradient",
                        "the result has no gradient, and nothing refuses to make one, though it changes smoothly with the argument",
                    )
        return "right", "", ""

    def checked(self, made, keywords):
        inputs = [v for v in made if isinstance(v, torch.Tensor) and v.requires_grad]

        def function(*given):
            left = iter(given)
            return tuple(
                e for e in flat(self.operator.function(*[next(left) if any(v is x for x in inputs) else v for v in made], **keywords))
                if isinstance(e, torch.Tensor) and (e.is_floating_point() or e.is_complex()) and e.requires_grad
            )  # fmt: skip

        for name, check in (("gradcheck", torch.autograd.gradcheck), ("gradgradcheck", torch.autograd.gradgradcheck)):
            if name == "gradgradcheck" and not self.settings.get("second", True):
                break
            self.say(name)
            try:
                check(function, inputs, raise_exception=True, nondet_tol=1e-9)
            except Exception as e:
                text = " ".join(str(e).split())
                if any(w in text for w in WRONG):
                    return "wrong", name, f"{name} says: {re.split(r',? numerical: ?', text)[0][:300]}"
                return "skipped", "", f"{name}: {type(e).__name__}: {text[:160]}"
        return "right", "", ""

    def do_opcheck(self, case):
        opcheck = getattr(torch.library, "opcheck", None)
        if opcheck is None:
            return {"skipped": f"torch {torch.__version__} has no torch.library.opcheck; it came with 2.4"}
        if self.op["kind"] != "torch":
            return {"skipped": "it is bound by pybind11, and opcheck takes operators with a schema"}
        perturb(0)
        made, keywords, _ = self.operator.arguments(case)
        result = opcheck(self.operator.function, tuple(made), keywords, raise_exception=False)
        for test, verdict in result.items():
            if verdict != "SUCCESS":
                said = " ".join(str(verdict).split())
                what = re.split(r" ?(?:Mismatched elements|Greatest absolute|Expected -?[\d.])", said)[0]
                self.find("opcheck", f"{test}: {what[:400]}", test=test, values=said[len(what) :][:400].strip())
        return {"asked": 1}


# What an exception of gradcheck says where the gradient is wrong, and not merely missing.
WRONG = (
    "Jacobian mismatch", "Numerical gradient for function expected to be zero", "not reentrant", "returned an incorrect number of gradients",
    "returned an invalid gradient", "modified by an inplace operation", "grad is", "not consistent with the numerical",
)  # fmt: skip


def only_warns(result):
    """Whether the gradient is what torch 2.1 and later put where no kernel makes one: it is
    none at all, and backward() warns of it once."""
    return result.grad_fn is not None and "WarnNotImplemented" in result.grad_fn.name()


def mapped(case, change):
    """A case whose tensors are changed."""

    def of(r):
        if r["k"] == "tensor":
            return change(dict(r))
        return dict(r, v=[of(e) for e in r["v"]]) if r["k"] == "list" else r

    return dict(case, args=[of(r) for r in case["args"]], kwargs={k: of(r) for k, r in case.get("kwargs", {}).items()})


def flattened(case):
    """The case with contiguous tensors of the same elements."""

    def change(r):
        if r["layout"] == "expanded" and r["shape"] and r["shape"][0] > 0:
            t, _ = recipe.read_tensor(dict(r, grad=False))
            r["fill"] = recipe.values(t.contiguous())
        r["layout"] = "contiguous"
        return r

    return mapped(case, change)


def with_values(case, seed, positive=False):
    """The case with other floating-point numbers. Whole numbers may be indices, and stay."""
    n = iter(range(1000))

    def change(r):
        if r["dtype"] in recipe.FLOATS or r["dtype"].startswith("complex"):
            r["fill"] = {"how": "random", "seed": 100 * seed + next(n), "positive": positive}
        return r

    return mapped(case, change)


def with_other_values(case):
    """The case with other elements, whole numbers among those that are there."""

    def change(r):
        if r["dtype"] not in recipe.WHOLE and r["dtype"] != "bool":
            return r
        t = recipe.elements(r)
        t = ~t if r["dtype"] == "bool" else t.reshape(-1).flip(0).roll(1).reshape(t.shape)
        r["fill"] = recipe.values(t)
        return r

    return mapped(with_values(case, 3), change)


def nudged(case, seed):
    """The case with floating-point numbers near those that it has, and no two the same."""
    n = iter(range(1000))

    def change(r):
        if r["dtype"] not in recipe.FLOATS:
            return r
        t = recipe.elements(r).double()
        if bool(torch.isfinite(t).all()) and t.numel():
            size = float(t.std()) if t.numel() > 1 else 0.0
            size = size or float(t.abs().max()) or 1.0
            g = torch.Generator().manual_seed(100 * seed + next(n))
            r["fill"] = recipe.values(
                (t + 0.1 * size * torch.randn(t.shape, generator=g, dtype=torch.float64)).to(recipe.DTYPES[r["dtype"]])
            )
        return r

    return mapped(case, change)


def widened(case):
    wide = {"float32": "float64", "int32": "int64"}
    changed = []

    def change(r):
        if r["dtype"] in wide:
            t, _ = recipe.read_tensor(dict(r, grad=False, layout="contiguous"))
            if r["dtype"] == "int32" and t.numel() and int(t.min()) < 0:
                return r
            r["dtype"] = wide[r["dtype"]]
            r["fill"] = recipe.values(t.to(recipe.DTYPES[r["dtype"]]))
            changed.append(r)
        return r

    out = mapped(case, change)
    return out if changed else None


def asked_for(r):
    """The tensor with a gradient asked for."""
    if r["dtype"] in recipe.FLOATS and r["device"] in ("cpu", "cuda") and r["layout"] != "huge":
        r["grad"] = True
    return r


def doubled(case):
    """The case in float64, small, with gradients asked for."""
    found = []

    def change(r):
        if (
            r["dtype"] in recipe.FLOATS
            and r["device"] in ("cpu", "cuda")
            and r["layout"] != "huge"
            and math.prod(r["shape"]) <= 512
        ):
            found.append(r)
            t = recipe.read_tensor(dict(r, grad=False))[0].contiguous().double()
            r.update(dtype="float64", grad=True, layout="contiguous", fill=recipe.values(t))
        return r

    out = mapped(case, change)
    return out if found else None
