"""Runs all cases of all operators, and writes down what came of each."""

from __future__ import annotations

import contextlib
import copy
import ctypes
import gc
import json
import math
import os
import re
import select
import sys
import tempfile
import time
import traceback

import torch

from andiron_ops import cases as making
from andiron_ops import gpu, oracle, recipe
from andiron_ops.child import Child, limit, outlived_by
from andiron_ops.oracle import steadied
from andiron_ops.script import script

CRASHES = {"cpu": 25, "cuda": 5}  # of one operator; on a GPU each costs a start of CUDA
HANGS = {"cpu": 3, "cuda": 2}
SHRINKS = 80
RESTARTS = 12  # of those on a GPU that take a process of their own
WATCHED = 40  # calls of one operator that compute-sanitizer looks at
WATCHED_ELEMENTS = 1 << 12
SEQUENCE = 64
OWN = 4 << 30  # bytes that this process may take for itself
EACH = 3 << 30  # bytes that one operator is given: a case, and the process that makes it
BLIND = 400
PAGE = 4096
LONG = (2000, 40_000, 400_000, 3_000_000)  # elements of tensors that are split among threads
ERRORS = 6  # kinds of exceptions whose path is searched for leaks
SIZE = 1 << 20  # a number above this may well take its time
POOL = 1 << 20  # bytes of the calls that the next run begins with, of one operator

# Exceptions that say how the operator is written, and not what is wrong with its arguments.
UNCLEAR = re.compile(
    r"INTERNAL ASSERT FAILED|bad[_ ]optional[_ ]access|unknown (?:C\+\+ )?exception|_M_range_check|"
    r"CUDA error: (?!an illegal|unspecified launch|misaligned|device-side)|"
    r"^(?:vector|basic_string|map|array|unordered_map)::|vector<bool>::|std::bad_(?:cast|any|variant|function)", re.I
)  # fmt: skip
SANITIZER = re.compile(r"^SUMMARY: (.*)$|^(\S+:\d+(?::\d+)?: runtime error: .*)$|(==\d+==\s*ERROR: .*)", re.M)
REFUSED = re.compile(
    r"AddressSanitizer: (?:requested allocation size|allocation-size-too-big|out of memory|out-of-memory|calloc-overflow|allocator is trying)"
)
OUT_OF_MEMORY = re.compile(r"MemoryError|bad_alloc|allocate memory|out of memory")
ABORT = re.compile(
    r"^(?:\*\*\* )?((?:free|malloc|realloc|corrupted|double free|munmap_chunk|terminate called|stack smashing|\S*Assertion).*)$|"
    r"^.*(Assertion .* failed.*)$", re.M
)  # fmt: skip


class Stop(Exception):  # noqa: N818 (it is no error)
    """The time is up, or nobody listens any more."""


class Driver:
    """Has each operator tested in a process of its own, as many at once as there is room for.

    All of them begin as this process is: what one operator does to memory is nothing to
    the next, and the same seed makes the same calls however many run beside each other.
    """

    def __init__(self, plan):
        self.plan = plan
        self.end = time.monotonic() + plan["seconds"]
        self.parent = os.getppid()
        self.out = open(plan["events"], "w", encoding="utf-8")  # noqa: SIM115

    def event(self, **e):
        line = json.dumps(e)
        self.out.write(line + "\n")
        self.out.flush()
        if e["event"] == "progress":
            print(line, flush=True)

    def run(self):
        waiting = list(self.plan["operators"])
        total, running = len(waiting), {}
        at_once = room(self.plan["jobs"])
        share = max(self.plan["seconds"] * at_once / max(total, 1) * 3, 5)
        while os.getppid() == self.parent:  # else nobody listens any more, and all end with this process
            while waiting and len(running) < at_once and time.monotonic() < self.end:
                done = total - len(waiting) - len(running)
                self.event(event="progress", operator=waiting[0]["name"], done=done, total=total)
                one = Beside(self.plan, waiting.pop(0), min(self.end, time.monotonic() + share))
                running[one.events] = one
            if not running:
                break
            for fd in select.select(list(running), [], [], 0.5)[0]:
                if running[fd].ended():
                    self.taken(running.pop(fd))
        for left in waiting:
            self.cut(left, "the time was up before its turn")
        self.event(event="end")

    def taken(self, one):
        """Writes down what a process said of its operator."""
        whole, _, _ = b"".join(one.said).rpartition(b"\n")
        if whole:
            self.out.write(whole.decode() + "\n")
        if not whole[whole.rfind(b"\n") + 1 :].startswith(b'{"event": "row"'):
            self.cut(one.op, f"the runner failed: its process ended with status {one.status}")

    def cut(self, op, why):
        self.event(event="row", operator=op["name"], overload=op["overload"], cut=why)


class Beside:
    """The process that tests one operator, and what it said so far."""

    def __init__(self, plan, op, end):
        self.op, self.said, self.status = op, [], 0
        self.events, give = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            code = 70
            try:
                outlived_by(parent)
                with os.fdopen(give, "w", encoding="utf-8") as out:
                    OperatorRun(plan, op, end, out).whole()
                code = 0
            except BaseException:
                traceback.print_exc()
                sys.stderr.flush()
            finally:
                os._exit(code)
        os.close(give)

    def ended(self):
        """Takes what there is to read, and says whether that was all."""
        got = os.read(self.events, 1 << 20)
        self.said.append(got)
        if got:
            return False
        os.close(self.events)
        self.status = os.waitpid(self.pid, 0)[1]
        return True


def room(jobs):
    """How many operators are tested at once: each may take as much memory as its cases."""
    with open("/proc/meminfo", encoding="ascii") as f:
        free = int(re.search(r"^MemAvailable:\s+(\d+) kB", f.read(), re.M)[1]) << 10
    return max(1, min(jobs, free // EACH))


class OperatorRun:
    """One operator in one build."""

    def __init__(self, plan, op, end, out):
        self.plan, self.op, self.settings = plan, op, dict(plan["settings"], parent=os.getpid())
        self.end, self.out, self.parent = end, out, os.getppid()
        self.log = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
        self.child = None
        self.since = []  # the cases that the child has had
        self.counts = dict.fromkeys(("valid", "raised", "crashed", "limit", "seeds", "blind"), 0)
        self.asked, self.skipped = {}, {}
        self.found = {}
        self.crashes = self.hangs = self.slow = 0
        self.errors = {}
        self.left = set()  # ways out that were searched for leaks
        self.valid = []
        self.lost, self.failed = 0, ""  # calls that a fault of ours ended, and what the first was
        self.stage = "seeds"
        self.kept = []
        self.on_gpu = self.settings["device"] == "cuda"
        self.passed, self.broke = [], []

    def whole(self):
        """Tests it, as far as there is time, and says what was found."""
        cut = ""
        try:
            self.all()
        except Stop:
            cut = "its time was up"
        except Exception as e:  # a fault of ours is no reason to leave the others out
            traceback.print_exc()
            cut = f"the runner failed: {type(e).__name__}: {e}"
        self.finish(cut)

    def event(self, **e):
        self.out.write(json.dumps(e) + "\n")

    def make(self):
        return oracle.Worker(self.op, self.settings)

    def spent(self):
        device = self.settings["device"]
        return self.crashes >= CRASHES[device] or self.hangs >= HANGS[device]

    # Asking.

    def ask(self, case):
        """The answer to a case, by the child that is there or a new one."""
        if time.monotonic() > self.end or os.getppid() != self.parent:
            raise Stop
        if self.child is None or len(self.since) >= SEQUENCE * 4:
            self.renew()
        self.since.append(case)
        answer = self.child.ask(case, self.settings["case_seconds"])
        if answer["status"] == "crashed":
            self.child.pid = None
            self.child = None
        return answer

    def renew(self):
        if self.child is not None:
            self.child.close()
        self.child, self.since = Child(self.make, self.settings, self.log.fileno()), []

    def alone(self, case):
        """The answer of a child that has had nothing else."""
        self.renew()
        answer = self.ask(case)
        if self.child is not None:
            self.child.close()
            self.child = None
        return answer

    def case(self, case, made):
        """Asks a case, counts how it ended and keeps what was found."""
        answer = self.ask(case)
        ask = case.get("ask", "call")
        if answer["status"] == "crashed":
            self.crash(case, answer)
            return answer
        if ask == "call":
            self.counts[answer["status"]] += 1
        if self.on_gpu and ask == "call" and answer["status"] == "valid" and len(self.passed) < 4 * WATCHED:
            self.passed.append(case)
        if answer["status"] == "raised":
            self.raised(case, answer)
        elif ask != "call":
            if answer.get("skipped"):
                self.skipped.setdefault(ask, answer["skipped"])
            else:
                self.asked[ask] = self.asked.get(ask, 0) + 1
        for f in answer["found"]:
            self.oracle(case, f)
        if self.settings["sanitizer"]:
            self.printed(case, answer.get("phase", ""))
        if made.learned(case, answer):
            self.kept.append(case)
        return answer

    def raised(self, case, answer):
        kind, message = answer["type"], answer["message"]
        skeleton = f"{kind}: {making.skeleton(message)}"
        if OUT_OF_MEMORY.search(f"{kind}: {message}"):
            return
        if skeleton not in self.errors and not case.get("ask"):
            self.errors[skeleton] = case
        m = UNCLEAR.search(message)
        if m and not case.get("ask") and not large(case):
            self.find(
                case,
                steadied({"kind": "unclear", "detail": f"{kind}: {first_line(message)}", "key": m.group().lower()}),
                shrink=True,
            )

    def printed(self, case, phase):
        """What a sanitizer or valgrind says of a call that came back."""
        if self.child is None:
            return
        output = self.child.printed()
        for kind, text, block in remarks(output):
            own = touched if kind == "poison" else extension_frame
            frame = own(block, self.settings["sources"])
            if frame:
                found = steadied({"kind": kind, "detail": text, "output": block, "phase": phase})
                found["key"] = f"{found['detail']} {frame}"
                self.find(case, found, shrink=False)

    # Findings.

    def crash(self, case, answer):
        how = self.how_on_gpu(case, answer)
        if (
            how in ("memory", "output", "agreement")
            or how == "signal SIGXFSZ"
            or (how == "time" and (large(case) or case.get("ask")))
        ):
            if case.get("ask"):
                self.skipped.setdefault(case["ask"], f"it took more {how} than a case may")
            else:
                self.counts["limit"] += 1
                self.slow += how == "time"
            return
        if how == "exit code 70":
            said = exception(answer["output"])
            if OUT_OF_MEMORY.search(said):
                self.counts["limit"] += 1
                return
            self.lost += 1  # the worker itself failed
            self.failed = self.failed or said
            return
        if REFUSED.search(answer["output"]):
            self.counts["limit"] += 1  # without the sanitizer it is an exception: there is no such memory
            return
        self.counts["crashed"] += 1
        self.crashes += 1
        sequence = list(self.since)
        found = {
            "kind": "hang" if how == "time" else "crash",
            "phase": answer["phase"],
            "how": how,
            "output": answer["output"],
        }
        if how == "time":
            self.hangs += 1
            found["detail"] = f"the call does not come back within {self.settings['case_seconds']} seconds"
            found["key"] = "hang"
        else:
            found["key"], found["detail"] = nature(answer, self.settings["sources"])
            steadied(found)
        if case.get("device") and "andiron tripwire: " in answer["output"]:
            found["kind"], found["key"] = "device", "tripwire"
            found["detail"] = "the memory of a tensor of another device is touched"
        if (found["kind"], found["key"]) in self.found:
            self.found[found["kind"], found["key"]]["times"] += 1
            return
        if how != "time":
            case, found = self.confirmed(case, sequence, found)
        self.find(case, found, shrink=how != "time" and "sequence" not in case)

    def how_on_gpu(self, case, answer):
        """How a process ended that has calls on a GPU, which are made on the CPU as well."""
        if answer["phase"] == "agreement":
            self.skipped.setdefault("agreement", f"the same call on the CPU ends with {answer['how']}")
            self.settings = dict(self.settings, agreement=False)
            return "agreement"
        if answer["how"] == f"exit code {gpu.LOST}":
            answer["how"] = "an error of CUDA"
            self.broke.append(case)
        return answer["how"]

    def confirmed(self, case, sequence, found):
        """A crash comes of the last call, or of what earlier ones did to the memory."""
        again = self.alone(case)
        if again["status"] == "crashed" and again["how"] not in ("time", "memory"):
            return case, found
        n = 1
        while n < len(sequence):
            n = min(2 * n, len(sequence))
            several = {"ask": "sequence", "args": [], "sequence": sequence[-n:]}
            if any("ask" in c for c in several["sequence"]):
                break
            if self.alone(several)["status"] == "crashed":
                return self.fewer(several), found
        found["unsteady"] = True
        return case, found

    def fewer(self, several):
        """A sequence without the calls that it does not take."""
        left = list(several["sequence"])
        for c in list(left)[:-1]:
            shorter = [x for x in left if x is not c]
            if self.alone(dict(several, sequence=shorter))["status"] == "crashed":
                left = shorter
        return dict(several, sequence=left)

    def oracle(self, case, f):
        self.find(case, dict(f, key=f.get("test", "")), shrink="ask" not in case)

    def find(self, case, found, shrink):
        """Keeps a finding that is new, as small as it can be made."""
        key = (found["kind"], found["key"])
        if key in self.found:
            self.found[key]["times"] += 1
            return
        found.update(times=1, case=case)
        self.found[key] = found
        if shrink:
            with contextlib.suppress(Stop):
                self.shrink(found)

    def shrink(self, found):
        left = RESTARTS if self.on_gpu and found["kind"] == "crash" else SHRINKS
        tried = set()
        progress = True
        while progress and left > 0:
            progress = False
            for case in making.smaller(found["case"]):
                k = making.key(case)
                if k in tried:
                    continue
                tried.add(k)
                left -= 1
                if left < 0:
                    break
                better = self.same(case, found)
                if better is not None:
                    found.update(better, case=case)
                    progress = True
                    break

    def same(self, case, found):
        """What a smaller case shows, if it is the same."""
        answer = self.ask(case) if self.on_gpu and found["kind"] != "crash" else self.alone(case)
        if answer["status"] == "crashed":
            if found["kind"] not in ("crash", "device") or answer["how"] in ("time", "memory", "exit code 70"):
                return None
            key, detail = nature(answer, self.settings["sources"])
            if found["kind"] == "device":
                key, detail = ("tripwire", found["detail"]) if "andiron tripwire: " in answer["output"] else ("", "")
            if key != found["key"]:
                return None
            return steadied({"detail": detail, "output": answer["output"], "phase": answer["phase"]})
        if found["kind"] == "unclear" and answer["status"] == "raised":
            m = UNCLEAR.search(answer["message"])
            return (
                steadied({"detail": f"{answer['type']}: {first_line(answer['message'])}"})
                if m and m.group().lower() == found["key"]
                else None
            )
        for f in answer["found"]:
            if f["kind"] == found["kind"]:
                return {"detail": f["detail"], "values": f.get("values", "")}
        return None

    # The order of things.

    def all(self):
        seeds = self.seeds()
        self.counts["seeds"] = len(seeds)
        made = making.Cases(self.op, seeds, self.settings)
        if self.op["args"] is None and not seeds:
            self.skipped["call"] = "its signature is not known and no test calls it"
            return
        came_back = self.replay(made)
        for seed in seeds:
            self.seed(seed, made, came_back)
        if not seeds:
            self.blindly(made, came_back)
        if self.settings["only"] == "seeds":
            return
        self.stage = "questions"
        self.special(made)
        if self.settings["only"] != "threads":
            self.stage = "edges"
            self.error_paths()
            self.many(made)
            self.stage = "all"
            self.error_paths()

    def seeds(self):
        out = []
        for call in self.plan["seeds"].get(self.op["name"], []):
            case = making.bind(self.op, call)
            if case is not None:
                out.append(gpu.placed(case, self.settings["device"]))
        return out

    def seed(self, case, made, came_back):
        """Keeps a call to put questions to, if it comes back now or did in the replay."""
        k = making.key(case)
        if k in came_back:
            came_back.remove(k)
        elif not made.fresh(case) or self.spent() or self.case(case, made)["status"] != "valid":
            return
        self.valid.append(case)

    def replay(self, made):
        """Makes the calls of the corpus, and returns the keys of those that came back."""
        came_back = set()
        full = self.op["name"] + ("." + self.op["overload"] if self.op["overload"] else "")
        for case in self.plan["replay"].get(full, []):
            if case.get("device") == "tripwire" and not self.settings["tripwire"]:
                continue  # that device is of another run
            if self.spent():
                break
            case = gpu.placed(case, self.settings["device"])
            if case.get("sequence"):
                answer = self.ask(case)
                if answer["status"] == "crashed":
                    self.crash(case, answer)
            elif made.fresh(case) and self.case(case, made)["status"] == "valid":
                came_back.add(making.key(case))
        return came_back

    def blindly(self, made, came_back):
        self.counts["blind"] = 1
        for _ in range(BLIND):
            self.seed(gpu.placed(made.blind(), self.settings["device"]), made, came_back)
            if len(self.valid) >= 4:
                break
        made.seeds, made.pool = self.valid[:3], self.valid[:] or made.pool

    def special(self, made):
        """What needs calls of its own, on calls that are right."""
        asks = self.settings["asks"]
        for seed in self.valid[:2]:
            seed = dict(seed)
            for ask in asks:
                if self.spent():
                    return
                if ask == "threads":
                    self.threads(seed, made)
                elif ask == "device":
                    self.devices(seed, made)
                else:
                    self.case(dict(seed, ask=ask), made)

    def threads(self, seed, made):
        if not any(r["k"] == "tensor" and r["shape"] for r in seed["args"]):
            self.skipped.setdefault("threads", "no argument is a tensor with dimensions")
            return
        bigs = [b for b in (making.enlarged(seed, n) for n in LONG) if b is not None and made.small_enough(b)]
        if not bigs:
            self.skipped.setdefault("threads", "no larger call could be made")
            return
        before = self.counts["crashed"]
        answer = self.case(dict(seed, ask="threads", bigs=bigs), made)
        if answer["status"] == "raised":
            self.skipped.setdefault("threads", f"larger tensors are refused: {first_line(answer['message'])[:100]}")
        elif self.counts["crashed"] > before:
            self.asked["threads"] = self.asked.get("threads", 0) + 1

    def devices(self, seed, made):
        """Tensors whose memory nobody may touch, one by one and all together."""
        places = [i for i, r in enumerate(seed["args"]) if r["k"] == "tensor"]
        for some in [places, *([[i] for i in places] if len(places) > 1 else [])]:
            if not some or self.spent():
                continue
            case = copy.deepcopy(seed)
            case["device"] = "tripwire"
            for i in some:
                case["args"][i].update(device="tripwire", grad=False, layout="contiguous")
            self.case(case, made)
            self.asked["device"] = self.asked.get("device", 0) + 1

    def many(self, made):
        left = self.plan["cases"]
        for case in made.edges():
            if left <= 0 or self.spent():
                return
            if made.fresh(case) and not self.too_slow(case):
                left -= 1
                self.case(case, made)
        self.stage = "mutations"
        tries = 4 * left
        while left > 0 and tries > 0 and made.pool and not self.spent():
            tries -= 1
            case = made.mutation()
            if made.fresh(case) and not self.too_slow(case):
                left -= 1
                self.case(case, made)

    def too_slow(self, case):
        """Whether calls with numbers as large took more time than a case may, several times."""
        if self.slow < HANGS[self.settings["device"]] or not large(case):
            return False
        self.skipped.setdefault("call", "calls with large numbers, of which the first take longer than a case may")
        return True

    def error_paths(self):
        """What the ways out leave behind."""
        if "leak" not in self.settings["asks"]:
            return
        # A script that needs no tripwire device is the simpler one.
        for skeleton, case in sorted(self.errors.items(), key=lambda e: "device" in e[1])[:ERRORS]:
            if self.spent() or ("leak", "") in self.found:
                return
            if skeleton in self.left or large(case) or (self.stage == "edges" and "device" in case):
                continue
            self.left.add(skeleton)
            answer = self.ask(dict(case, ask="leak", times=15))
            if answer["status"] == "crashed":
                continue
            self.asked["leak"] = self.asked.get("leak", 0) + 1
            for f in answer["found"]:
                self.find(dict(case, ask="leak"), dict(f, key=f.get("test", ""), raised=True), shrink=False)

    # The end.

    def finish(self, cut):
        if self.child is not None:
            self.child.close()
            self.child = None
        for f in self.found.values():
            self.write(f)
        self.event(
            event="row", operator=self.op["name"], overload=self.op["overload"], counts=self.counts, asked=self.asked,
            skipped=self.skipped, pool=self.pool(), cut=cut, stage=self.stage, watched=self.watched(),
            broken=[c for c in self.broke if easy(c)], lost=self.lost, failed=self.failed,
        )  # fmt: skip

    def watched(self):
        """The calls that compute-sanitizer looks at: what is right, what was new, and edges."""
        if not self.on_gpu:
            return []
        new = [c for c in self.kept if any(c is p for p in self.passed)]
        out = list(self.errors.values())[:ERRORS]  # on a way out memory may be kept
        picked = {making.key(c): c for c in [*self.valid[:4], *out, *new, *self.passed] if easy(c)}
        return list(picked.values())[:WATCHED]

    def pool(self):
        """Calls whose answer was new, as far as there is room for them."""
        kept, room = [], POOL
        for case in self.kept[:32]:
            size = len(json.dumps(case))
            if size <= room:
                kept.append(case)
                room -= size
        return kept

    def write(self, f):
        f["title"] = f["detail"] if len(f["detail"]) < 100 else f["detail"][:97] + "..."
        name = f"{f['kind']}-{making.key(f['case'])[:8]}.py"
        text = script(self.op, f, name, self.plan)
        self.event(
            event="finding", operator=self.op["name"], overload=self.op["overload"], kind=f["kind"], key=f["key"], detail=f["detail"],
            times=f["times"], how=f.get("how", ""), phase=f.get("phase", ""), output=f.get("output", ""), case=f["case"], name=name, script=text,
            values=f.get("values", ""), unsteady=f.get("unsteady", False), calls=len(f["case"].get("sequence", [1])), raised=f.get("raised", False),
        )  # fmt: skip


def nature(answer, sources):
    """What kind of crash it was: a key that two of one kind share, and a sentence."""
    output = answer["output"]
    m = SANITIZER.search(output)
    summary = re.search(r"^SUMMARY: (\w+): (\S+)(?: (\S+?)(?::\d+)? in (\S+)| (\S+))?", output, re.M)
    if summary:
        frame = extension_frame(output, sources) or summary[3] or summary[5] or ""
        return f"{summary[2]} {frame}", first_line(runtime_error(output) or f"{summary[1]}: {summary[2]}")
    if m:
        text = runtime_error(output) or first_line(next(g for g in m.groups() if g))
        return re.sub(r"\d+", "#", text)[:120] + " " + extension_frame(output, sources), text
    m = re.search(f"^{gpu.SAID}(.*)$", output, re.M)
    if m:
        return gpu.nature(m[1]), f"the call ends what the process may ask of the GPU: {m[1]}"
    m = ABORT.search(output)
    said = next((g for g in m.groups() if g), "") if m else ""
    return f"{answer['how']}", f"the process ends with {answer['how']}" + (f": {first_line(said)}" if said else "")


def runtime_error(output):
    m = re.search(r"^\S+?:\d+(?::\d+)?: (runtime error: .*)$", output, re.M)
    return m[1] if m else ""


def extension_frame(output, sources):
    """The first place of a report that is in the project."""
    m = re.search(rf"[ (]({re.escape(sources)}/[^\s():]+:\d+)", " " + output)
    return m[1] if m else ""


def touched(report, sources):
    """The place in the project that looked at what nobody wrote, as valgrind says it.

    What a library without names of lines looks at is no fault of who called it: vector code
    reads what it drops again.
    """
    for line in report.splitlines()[1:]:
        m = re.match(r"==\d+== +(?:at|by) 0x[0-9A-F]+: .* \((?:(/[^()]+:\d+)|in [^()]*/vgpreload_[^()]*)\)$", line)
        if m is None:
            return ""
        if m[1] and m[1].startswith(sources + "/"):
            return m[1]
    return ""


def remarks(output):
    """What is said of calls that came back: a kind, a sentence, and the report."""
    for block in re.split(r"^(?=={18}$|==\d+== \S|\S+:\d+:\d+: runtime error)", output, flags=re.M):
        m = re.search(r"^WARNING: ThreadSanitizer: (.*?)(?: \(pid=\d+\))?$", block, re.M)
        if m:
            yield "race", m[1], block
        m = re.search(r"^==\d+== ((?:Invalid|Mismatched|Source and).*)$", block, re.M)
        if m:
            yield "crash", m[1], block
        m = re.search(r"^==\d+== ((?:Conditional jump|Use of uninitialised).*)$", block, re.M)
        if m:
            yield "poison", m[1], block
        m = re.search(r"runtime error: (.*)$", block, re.M)
        if m:
            yield "crash", "runtime error: " + m[1], block


def large(case):
    """Whether a case has numbers that may well take their time."""

    def of(r):
        if r["k"] == "list":
            return any(map(of, r["v"]))
        if r["k"] == "tensor":
            return r["layout"] == "huge" or math.prod(r["shape"]) > SIZE
        return r["k"] in ("int", "float") and not abs(float(r["v"])) <= SIZE

    several = case.get("sequence") or [case]
    return any(of(r) for c in several for r in [*c["args"], *c.get("kwargs", {}).values()])


def easy(case):
    """Whether a call is one that a slow tool is done with soon."""
    if case.get("ask") or large(case):
        return False
    given = [*case["args"], *case.get("kwargs", {}).values()]
    return all(math.prod(r["shape"]) <= WATCHED_ELEMENTS for r in recipe.tensors(given))


def first_line(text):
    return text.strip().splitlines()[0][:300] if text.strip() else ""


def exception(text):
    """What the last traceback of a text ends with, in one line."""
    _, _, last = text.rpartition("Traceback (most recent call last):")
    said = [line for line in last.splitlines() if line and not line[0].isspace()]
    return first_line("\n".join(said))


def start(plan):
    """What must stand before the first child is made, so that each has it."""
    torch.set_num_threads(1)
    settings = plan["settings"]
    if not settings["sanitizer"] and settings["device"] == "cpu":
        limit(OWN)
    if settings["tripwire"]:
        torch.ops.load_library(settings["tripwire"])
        torch.ops.andiron_tripwire.untraced()
        if "device" in settings["asks"]:
            torch.ops.andiron_tripwire.arm()
    symbolize(plan["libraries"] + [m for m in map(origin, plan["modules"]) if m])
    gc.collect()
    gc.freeze()  # what is there now is no question of a child, and each would look through it
    Driver(plan).run()


def origin(module):
    return getattr(sys.modules.get(module), "__file__", None)


def symbolize(libraries):
    """Has the sanitizer read what the names of functions and lines come from.

    Otherwise every process reads it that crashes, which takes longer than the crash.
    """
    read = getattr(ctypes.CDLL(None), "__sanitizer_symbolize_pc", None)
    if read is None:
        return
    read.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t]
    read.restype = None
    text = ctypes.create_string_buffer(1 << 12)
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
        for line in maps:
            addresses, rights, *rest = line.split(maxsplit=5)
            if "x" in rights and rest[-1].rstrip("\n") in libraries:
                begin, end = (int(a, 16) for a in addresses.split("-"))
                for at in range(begin, end, PAGE):  # a unit of compilation is larger
                    read(at + 1, b"%f %s:%l", text, len(text))
