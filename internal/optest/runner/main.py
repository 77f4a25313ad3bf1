"""andiron ops test starts this with a plan."""

from __future__ import annotations

import ctypes
import json
import os
import sys

ADDR_NO_RANDOMIZE = 0x0040000


def steady():
    """Addresses are the same in each run, so that what follows from them is as well."""
    if os.environ.get("ANDIRON_STEADY"):
        return
    os.environ.update(ANDIRON_STEADY="1", PYTHONHASHSEED="0")
    personality = ctypes.CDLL(None).personality
    if personality(0xFFFFFFFF) >= 0:
        personality(ADDR_NO_RANDOMIZE)
    os.execv(sys.executable, [sys.executable, os.path.abspath(__file__), *sys.argv[1:]])  # noqa: S606


def write(path, result):
    with open(path + ".part", "w", encoding="utf-8") as f:
        json.dump(result, f)
    os.replace(path + ".part", path)


def main(plan_path):
    with open(plan_path, encoding="utf-8") as f:
        plan = json.load(f)
    sys.path += plan["path"]
    {"discover": discover, "record": record, "drive": drive, "gpu": gpu, "watched": watched, "scripts": scripts}[
        plan["task"]
    ](plan)


def discover(plan):
    import torch

    from andiron_ops import discover as finder

    operators = finder.load(plan["libraries"], plan["modules"])
    sys.path.append(plan["dir"])  # a reference may be in the project
    write(
        plan["result"],
        {"v": 1, "operators": operators, "torch": torch.__version__, "python": sys.version.split()[0],
         "unusable": {name: why for name in plan["references"] if (why := finder.unusable(name))}},
    )  # fmt: skip


CRASHES = 40  # of tests, after which the others are not run


def record(plan):
    """Runs the tests in a process of their own, and again without the one that ended it."""
    crashed = []
    code = -1
    for _ in range(CRASHES):
        pid = os.fork()
        if pid == 0:
            os._exit(record_once(plan))
        _, status = os.waitpid(pid, 0)
        if not os.WIFSIGNALED(status):
            code = os.WEXITSTATUS(status)
            break
        crashed.append({"test": last(plan["result"] + ".begun"), "signal": os.WTERMSIG(status)})
    from andiron_ops import recorder

    result = recorder.collect(plan["result"] + ".calls")
    result.update(code=code, crashed=crashed, problems=list(lines(plan["result"] + ".problems")))
    write(plan["result"], result)


def lines(path):
    if os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            yield from dict.fromkeys(f.read().splitlines())


def last(path):
    return next(reversed([*lines(path), ""][:-1] or [""]))


def record_once(plan):
    ctypes.CDLL(None).prctl(1, 9)  # ends with its parent
    from andiron_ops import recorder

    code = 70
    try:
        problems = recorder.install(recorder.Recorder(plan["result"] + ".calls"), plan["libraries"], plan["modules"])
        os.chdir(plan["dir"])
        sys.path.append(plan["dir"])
        code = recorder.run_tests(plan["tests"], plan["result"] + ".begun")
    except BaseException as e:  # tests may end the process in any way
        problems = [f"{type(e).__name__}: {e}"]
    with open(plan["result"] + ".problems", "a", encoding="utf-8") as f:
        f.writelines(" ".join(p.split()) + "\n" for p in problems)
    sys.stdout.flush()
    return code


def loaded(plan):
    from andiron_ops import discover as finder

    sys.path.append(plan["dir"])  # a reference may be in the project
    finder.load(plan["libraries"], plan["modules"])
    for op in plan["operators"]:
        if op.get("declared"):
            op["args"] = finder.arguments(op["declared"])


def drive(plan):
    from andiron_ops import drive as driver

    loaded(plan)
    driver.start(plan)


def gpu(plan):
    from andiron_ops import gpu as on_gpu

    write(plan["result"], on_gpu.facts())


def watched(plan):
    """Makes calls under compute-sanitizer."""
    from andiron_ops import gpu as on_gpu
    from andiron_ops import oracle

    loaded(plan)
    on_gpu.watched(plan, [oracle.Operator(op) for op in plan["operators"]])


def scripts(plan):
    """Scripts of what others found."""
    from andiron_ops.cases import key
    from andiron_ops.script import script

    loaded(plan)
    made = []
    for f in plan["found"]:
        name = f"{f['kind']}-{key(f['case'])[:8]}.py"
        text = script(plan["operators"][f["op"]], f, name, plan)
        made.append({"name": name, "text": text})
    write(plan["result"], {"v": 1, "scripts": made})


if __name__ == "__main__":
    steady()
    main(sys.argv[1])
