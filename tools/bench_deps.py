#!/usr/bin/env python3
"""Times andiron deps scan, whole process, beside osv-scanner on the same files.

Makes the files once (bench_deps_data.py says what they are), builds osv-scanner
from the Go module proxy once, and runs both in turns. Prints medians, judges the
targets, and ends with 1 where one is missed. Of wall times the best run is judged,
because those of a busy machine are those of its other work. What each misses is
counted on records with one version each that is known to be affected: plain, and
as the builds +cu118 and +cpu of it.

ANDIRON_ADVISORIES may name a folder or an archive of real records, on which the
misses are then counted too.
"""

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import zipfile

import bench
import bench_deps_data as data

ROOT, CACHE, ANDIRON = bench.ROOT, bench.CACHE, bench.ANDIRON
WORK = os.path.join(bench.WORK, "deps")
# The newest that this Go builds; it takes 200 s of processor time and 1 GB.
PEER = "github.com/google/osv-scanner/v2/cmd/osv-scanner@v2.5.1"
PEER_BIN = os.path.join(CACHE, "osv-scanner-v2.5.1")
LOCALS = ("", "+cu118", "+cpu")
RUNS = 15
PEER_EACH = 3  # of so many runs of ours one is followed by one of the other
VULNERABLE, CLEAN, UNKNOWN = 1, 0, 3


def make_files():
    done = os.path.join(WORK, "done-2")
    if os.path.exists(done):
        return
    shutil.rmtree(WORK, ignore_errors=True)
    os.makedirs(WORK)
    maker = data.Maker()
    for name, records in (("full", maker.records), ("plain", maker.plain)):
        folder = os.path.join(WORK, name, "osv-scalibr", "PyPI")  # where osv-scanner looks
        os.makedirs(folder)
        data.write_zip(os.path.join(folder, "all.zip"), records)
    data.write_lock(os.path.join(WORK, "uv.lock"), maker)
    with open(os.path.join(WORK, "one.txt"), "w") as f:
        f.write("%s==1.0.0\n" % maker.names[0])
    # The records have fixed dates; with stale ones a scan is incomplete, and is not answered from the record.
    with open(os.path.join(WORK, "andiron.yaml"), "w") as f:
        f.write("version: 1\ndependencies:\n  max_age: 36500d\n")
    with open(os.path.join(WORK, "cases.json"), "w") as f:
        json.dump(maker.cases, f)
    open(done, "w").close()


def archive(name):
    return os.path.join(WORK, name, "osv-scalibr", "PyPI", "all.zip")


def peer():
    """The path of osv-scanner, or None with the reason printed."""
    program = os.path.join(PEER_BIN, "osv-scanner")
    if os.path.exists(program):
        return program
    print("bench: building %s, once" % PEER, file=sys.stderr)
    env = dict(os.environ, GOBIN=PEER_BIN, GOTOOLCHAIN="local", CGO_ENABLED="0")
    try:
        out = subprocess.run(["go", "install", "-trimpath", PEER], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=1800)
        why = out.stdout.strip().splitlines()[-1:] if out.returncode else []
    except (OSError, subprocess.TimeoutExpired) as err:
        why = [str(err)]
    if os.path.exists(program):
        return program
    print("bench: osv-scanner cannot be built, so that there is no comparison: %s" % " ".join(why))
    return None


def run(argv, codes, database=None):
    """One run: wall and processor time in seconds, peak in MB."""
    if database:
        os.environ["OSV_SCANNER_LOCAL_DB_CACHE_DIRECTORY"] = database
    wall, cpu, rss = bench.best(argv, codes, 1)
    return wall, cpu, rss


class Targets:
    def __init__(self):
        self.missed = 0

    def judge(self, what, got, most, unit):
        if got > most:
            self.missed += 1
            print("missed: %s is %.1f %s, wanted %g" % (what, got, unit, most))


def row(name, runs):
    wall, cpu, rss = zip(*runs)
    print("%-46s %7.1f ms %7.1f ms %8.1f ms %6.1f MB" % (
        name, min(wall) * 1e3, statistics.median(wall) * 1e3, statistics.median(cpu) * 1e3, statistics.median(rss)))
    return min(wall) * 1e3, statistics.median(cpu) * 1e3, statistics.median(rss)


def scans(osv, targets):
    """Times the scan of a lock against all records, the index, and one package."""
    db = os.path.join(WORK, "full.db")
    make = [run([ANDIRON, "db", "import", "--db", db, archive("full")], {0}) for _ in range(3)]
    lock, one = os.path.join(WORK, "uv.lock"), os.path.join(WORK, "one.txt")
    ours, again, lean, theirs, single, start, folder = [], [], [], [], [], [], os.path.join(WORK, "full")
    for program in (ANDIRON, bench.LEAN):
        run([program, "deps", "scan", "--db", db, lock], {VULNERABLE})  # it is on record from now on
    for i in range(RUNS):
        ours.append(run([ANDIRON, "deps", "scan", "--no-record", "--db", db, lock], {VULNERABLE}))
        again.append(run([ANDIRON, "deps", "scan", "--db", db, lock], {VULNERABLE}))
        lean.append(run([bench.LEAN, "deps", "scan", "--db", db, lock], {VULNERABLE}))
        single.append(run([ANDIRON, "deps", "scan", "--no-record", "--db", db, one], {CLEAN, VULNERABLE, UNKNOWN}))
        start.append(run([ANDIRON, "version"], {0}))
        if osv and i % PEER_EACH == 0:
            theirs.append(run([osv, "scan", "source", "--offline", "--format", "json", "-L", lock], {1}, folder))
    print("%-46s %10s %10s %11s %9s" % ("", "best wall", "wall", "processor", "peak"))
    index = row("index of %d records" % data.RECORDS, make)
    wall, cpu, rss = row("uv.lock of %d packages" % data.LOCKED, ours)
    unchanged = row("the same, answered from the record", again)[0]
    row("the same, of the small build", lean)
    row("requirements file of one package", single)
    row("andiron version, for comparison", start)
    targets.judge("the index, wall", index[0] / 1e3, 3, "s")
    targets.judge("the lock, wall", wall, 100, "ms")
    targets.judge("the lock, processor", cpu, 60, "ms")
    targets.judge("the lock, peak", rss, 25, "MiB")
    targets.judge("the lock on record, wall", unchanged, 10, "ms")
    if theirs:
        their_cpu = row("osv-scanner, the same lock", theirs)[1]
        print("osv-scanner takes %.1f times the processor time" % (their_cpu / cpu))
        targets.judge("the processor time, as a share of osv-scanner's,", 100 * cpu / their_cpu, 5, "%")


def requirements(targets):
    """Times the reading of 10,000 requirement lines, in the process that reads them."""
    out = subprocess.run(
        ["go", "test", "-run", "^$", "-bench", "^BenchmarkRequirements$", "-count", "5", "./internal/manifest"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    times = [float(t) / 1e6 for t in re.findall(r"([0-9.]+) ns/op", out)]
    if not times:
        sys.exit("bench: no figure of BenchmarkRequirements:\n" + out)
    print("%-46s %7.1f ms %7.1f ms" % ("10,000 requirement lines, read", min(times), statistics.median(times)))
    targets.judge("10,000 requirement lines", min(times), 20, "ms")


def found(argv, codes, names):
    """The names under which each package and version is reported."""
    out = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if out.returncode not in codes:
        sys.exit("bench: %r ended with exit code %d: %s" % (argv[:4], out.returncode, out.stderr[-500:]))
    have = {}
    for name, version, ids in names(json.loads(out.stdout)):
        have.setdefault((name, version), set()).update(ids)
    return have


def names_of_ours(report):
    for f in report["findings"]:
        if f["rule"] in ("DEP001", "DEP002") and f["outcome"] == "present" and "advisory" in f:
            yield f["package"]["name"], f["package"]["version"], [f["advisory"]["id"], *f["advisory"]["aliases"]]


def names_of_theirs(report):
    for result in report["results"]:
        for p in result["packages"]:
            for v in p["vulnerabilities"]:
                yield p["package"]["name"].lower(), p["package"]["version"], [v["id"], *v.get("aliases", [])]


def misses(what, database, cases, osv, targets):
    """Counts the cases that are not reported, plain and as builds."""
    db = os.path.join(WORK, what + ".db")
    run([ANDIRON, "db", "import", "--db", db, archive(database)], {0})
    os.environ["OSV_SCANNER_LOCAL_DB_CACHE_DIRECTORY"] = os.path.join(WORK, database)
    for local in LOCALS:
        folder = os.path.join(WORK, what + "-cases" + local)
        files = data.write_cases(folder, cases, local)
        tools = {"andiron": ([ANDIRON, "deps", "scan", "--no-record", "--format", "json", "--db", db, folder], {VULNERABLE}, names_of_ours)}
        if osv:
            locks = [a for f in files for a in ("-L", f)]
            tools["osv-scanner"] = ([osv, "scan", "source", "--offline", "--no-resolve", "--format", "json", *locks], {1}, names_of_theirs)
        line = "%-46s" % ("misses of %d, %s, %s" % (len(cases), what, local or "plain"))
        for tool, (argv, codes, names) in tools.items():
            have = found(argv, codes, names)
            missed = [c for c in cases if c[0] not in have.get((c[1], c[2] + local), ())]
            line += "  %s %d (%.1f %%)" % (tool, len(missed), 100 * len(missed) / len(cases))
            if tool == "andiron" and missed:
                targets.judge("misses of %s%s, such as %s," % (what, local, missed[0]), len(missed), 0, "")
        print(line)


def real_cases(source):
    """Takes a version that is affected from each real record of PyPI that lists any."""
    records = []
    if os.path.isdir(source):
        for folder, _, files in os.walk(source):
            for f in sorted(files):
                if f.endswith(".json"):
                    with open(os.path.join(folder, f)) as file:
                        records.append(json.load(file))
    else:
        with zipfile.ZipFile(source) as z:
            records = [json.loads(z.read(n)) for n in z.namelist() if n.endswith(".json")]
    folder = os.path.join(WORK, "real", "osv-scalibr", "PyPI")
    os.makedirs(folder, exist_ok=True)
    data.write_zip(os.path.join(folder, "all.zip"), records)
    cases = []
    for r in records:
        for a in r.get("affected", []):
            # Spelled as both tools print it; what is no version of PEP 440 nobody can install.
            versions = [v for v in a.get("versions", []) if re.fullmatch(r"[0-9]+(\.[0-9]+)*((a|b|rc)[0-9]+)?(\.post[0-9]+)?", v)]
            if "withdrawn" not in r and versions and a["package"]["ecosystem"] == "PyPI":
                name = re.sub(r"[-_.]+", "-", a["package"]["name"]).lower()
                cases.append((r["id"], name, versions[len(versions) // 2]))
                break
    return cases


def main():
    if not os.path.exists(ANDIRON):
        sys.exit("bench: %s is missing: run make bench" % ANDIRON)
    make_files()
    osv, targets = peer(), Targets()
    # What is on record is answered only with a secret, which has to be in a folder that is the user's alone.
    private = os.path.join(WORK, "cache")
    os.makedirs(os.path.join(private, "andiron"), mode=0o700, exist_ok=True)
    os.environ.setdefault("GOCACHE", subprocess.run(["go", "env", "GOCACHE"], check=True, capture_output=True, text=True).stdout.strip())
    os.environ["XDG_CACHE_HOME"] = private
    print("deps: load %.1f on %d processors" % (os.getloadavg()[0], os.cpu_count()))
    scans(osv, targets)
    requirements(targets)
    with open(os.path.join(WORK, "cases.json")) as f:
        misses("generated", "plain", [tuple(c) for c in json.load(f)], osv, targets)
    if source := os.environ.get("ANDIRON_ADVISORIES"):
        misses("real", "real", real_cases(source), osv, targets)
    return 1 if targets.missed else 0


if __name__ == "__main__":
    sys.exit(main())
