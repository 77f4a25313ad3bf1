"""Makes what bench_deps.py measures with: advisories, a lock, and requirements.

All of it is generated, always the same, and shaped like what OSV publishes for
PyPI: three fifths of the records are about malware, each in a package of its own.
Of the others half list the commits of a repository before the versions, one in
seven ends at the last version that is affected, and one in twelve gives the
versions one by one and no range of them. Most have a twin of another source.
"""

import io
import json
import os
import random
import zipfile

RECORDS = 25_000
VULNERABILITIES = 5_200
TWINS = 4_600
PACKAGES = 2_000
LOCKED = 300
VULNERABLE = 60  # of those; more than most projects have
CASES = 2_700

_FIRST = """aio async auto azure base bio block cache cloud core data deep django docker edge env fast feature file flask
gpu graph grid http hyper image infer io json kube lake lang light log mesh meta metric mini ml model multi neural node
num open opti pan paste pipe plot proto py quant query ray rest rich scale sci secure serve smart spark sql stat stream
table task tensor text time token torch train tune type url vector vision web work xml yaml zarr zip""".split()
_LAST = """adapter agent api audit auth bench box bridge builder cache cli client codec common config connector core
dataset driver engine export flow forms gateway hub index kit layers loader manager metrics models nn ops parser plus
pool proxy queue registry router runner schema sdk server session stack store sync tools trainer types utils validator
vault view watch worker""".split()
_WORDS = """a an the of in to and or when with where before after through without that which allows attacker remote
local crafted malformed untrusted input request response header archive file path parser decoder buffer tensor shape
model service denial execution arbitrary code traversal overflow read write memory exhaustion injection validation
missing improper incorrect check limit loop recursion cookie token session redirect server client user version release
patched upgrade workaround affected function method argument value large negative empty integer string""".split()


def package_names(rng, count):
    """Names as people give them, each once."""
    pairs = ["%s-%s" % (a, b) for a in _FIRST for b in _LAST]
    pairs += ["%s%s" % (a, b) for a in _FIRST for b in _LAST]
    pairs += ["%s-%s-%s" % (a, b, c) for a in ("py", "lib", "open") for b in _FIRST for c in _LAST]
    return rng.sample(pairs, count)


def releases(rng):
    """The versions of a package, in order."""
    out, major, minor = [], rng.randrange(3), 0
    for _ in range(rng.randrange(12, 60)):
        step = rng.random()
        if step < 0.08:
            major, minor = major + 1, 0
        elif step < 0.5:
            minor += 1
        patch = 0 if step < 0.5 else rng.randrange(1, 4)
        version = "%d.%d.%d" % (major, minor, patch)
        if out and out[-1] == version:
            version += ".post1"
        if not out or _key(version) > _key(out[-1]):
            out.append(version)
    return out


def _key(version):
    return tuple(int(p) for p in version.replace(".post", ".").split("."))


def prose(rng, words):
    return " ".join(rng.choice(_WORDS) for _ in range(words)).capitalize() + "."


class Maker:
    """The records, and what is known of them because they were made."""

    def __init__(self):
        self.rng = random.Random(4)
        names = package_names(self.rng, PACKAGES + RECORDS - VULNERABILITIES - TWINS)
        self.names, self.bad = names[:PACKAGES], names[PACKAGES:]
        self.releases = {n: releases(self.rng) for n in self.names}
        self.records = []
        self.plain = []  # the records without their twins and without malware
        self.cases = []  # an id, a package, and a version that is affected
        self.affected = {n: set() for n in self.names}
        for n in range(VULNERABILITIES):
            self.vulnerability(n)
        for n, name in enumerate(self.bad):
            self.malware(n, name)
        self.rng.shuffle(self.records)

    def vulnerability(self, n):
        rng = self.rng
        # A few packages have many, most have one or two.
        name = self.names[int(PACKAGES * rng.random() ** 2)]
        versions = self.releases[name]
        first = rng.choice((0, 0, rng.randrange(len(versions) - 4)))
        last = rng.randrange(first + 1, len(versions) - 1)
        listed = versions[first:last + 1]
        self.affected[name].update(listed)
        introduced = "0" if first == 0 else versions[first]
        kind = rng.random()
        end = {"last_affected": versions[last]} if kind < 0.15 else {"fixed": versions[last + 1]}
        ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": introduced}, end]}]
        commits = {"type": "GIT", "repo": "https://git.example/%s" % name, "events": [{"introduced": "0"}, {"fixed": "%040x" % rng.getrandbits(160)}]}
        if rng.random() < 0.52:
            ranges.insert(0, commits)
        if kind > 0.92:
            ranges = [commits]
        cve = "CVE-%d-%d" % (2019 + n % 8, 10000 + n)
        record = self.record("PYSEC-%d-%d" % (2019 + n % 8, n + 1), name, ranges, listed, [cve])
        self.records.append(record)
        if n < CASES:
            self.plain.append(record)
            self.cases.append((record["id"], name, rng.choice(listed)))
        if n < TWINS:
            ranges = [r for r in ranges if r["type"] == "ECOSYSTEM"] or [{"type": "ECOSYSTEM", "events": [{"introduced": introduced}, end]}]
            ghsa = "GHSA-" + "-".join("".join(rng.choice("23456789cfghjmpqrvwx") for _ in range(4)) for _ in range(3))
            self.records.append(self.record(ghsa, name, ranges, [], [cve, record["id"]]))

    def malware(self, n, name):
        versions = ["%d.%d.%d" % (self.rng.randrange(3), self.rng.randrange(9), i) for i in range(self.rng.randrange(1, 4))]
        ranges = [] if n % 2 else [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]
        self.records.append(self.record("MAL-%d-%d" % (2022 + n % 5, n + 1), name, ranges, versions, []))

    def record(self, name_of, package, ranges, versions, aliases):
        rng = self.rng
        day = "2026-%02d-%02dT%02d:00:00Z" % (rng.randrange(1, 11), rng.randrange(1, 29), rng.randrange(24))
        entry = {"package": {"ecosystem": "PyPI", "name": package, "purl": "pkg:pypi/" + package}, "versions": versions}
        if ranges:
            entry["ranges"] = ranges
        record = {
            "schema_version": "1.7.0", "id": name_of, "modified": day, "published": day, "aliases": aliases,
            "summary": prose(rng, 9)[:-1], "details": prose(rng, 120 if aliases else 90), "affected": [entry],
            "references": [{"type": "WEB", "url": "https://advisories.example/%s/%d" % (name_of, i)} for i in range(3)],
        }
        if aliases:
            vector = "CVSS:3.1/AV:N/AC:%s/PR:N/UI:%s/S:U/C:%s/I:%s/A:H" % tuple(rng.choice(c) for c in ("LH", "NR", "NLH", "NLH"))
            record["severity"] = [{"type": "CVSS_V3", "score": vector}]
        return record


def write_zip(path, records):
    """Writes an archive as OSV publishes it."""
    with zipfile.ZipFile(path + ".tmp", "w", zipfile.ZIP_DEFLATED) as z:
        for r in records:
            info = zipfile.ZipInfo(r["id"] + ".json", (2026, 11, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            z.writestr(info, json.dumps(r))
    os.rename(path + ".tmp", path)


def write_lock(path, maker):
    """Writes a uv.lock whose packages all are in the database, some at a version that is affected."""
    rng = random.Random(5)
    by_affected = sorted((n for n in maker.names if maker.affected[n]), key=lambda n: (-len(maker.affected[n]), n))
    rng.shuffle(by_affected)
    names = sorted(by_affected[:LOCKED])
    old = set(rng.sample(names, VULNERABLE))
    version = {}
    for n in names:
        clean = [v for v in maker.releases[n] if v not in maker.affected[n]]
        version[n] = rng.choice(sorted(maker.affected[n])) if n in old else clean[-1]
    out = io.StringIO()
    out.write('version = 1\nrevision = 3\nrequires-python = ">=3.11"\n\n[[package]]\nname = "vision-service"\nversion = "1.0.0"\nsource = { virtual = "." }\n')
    out.write("dependencies = [\n%s]\n" % "".join('    { name = "%s" },\n' % n for n in names[::7]))
    for i, n in enumerate(names):
        write_package(out, rng, n, version[n], sorted(rng.sample(names[i + 1:], min(rng.randrange(7), len(names) - i - 1))))
    with open(path, "w") as f:
        f.write(out.getvalue())


def write_package(out, rng, name, version, needs):
    host = "https://files.example/packages"
    out.write('\n[[package]]\nname = "%s"\nversion = "%s"\nsource = { registry = "https://index.example/simple" }\n' % (name, version))
    if needs:
        out.write("dependencies = [\n")
        for n in needs:
            marker = ", marker = \"sys_platform == 'linux'\"" if rng.random() < 0.2 else ""
            out.write('    { name = "%s"%s },\n' % (n, marker))
        out.write("]\n")

    def file(name):
        digest = "%064x" % rng.getrandbits(256)
        return '{ url = "%s/%s/%s/%s", hash = "sha256:%s", size = %d, upload-time = "2026-03-0%dT10:11:12.345Z" }' % (
            host, digest[:2], digest[2:60], name, digest, rng.randrange(10_000, 9_000_000), rng.randrange(1, 10))

    flat = name.replace("-", "_")
    out.write("sdist = %s\nwheels = [\n" % file("%s-%s.tar.gz" % (flat, version)))
    tags = ["py3-none-any"]
    if rng.random() < 0.4:
        tags = ["cp3%d-cp3%d-%s" % (v, v, p) for v in (11, 12, 13, 14) for p in ("manylinux_2_17_x86_64.manylinux2014_x86_64", "macosx_11_0_arm64", "win_amd64")]
    for tag in tags:
        out.write("    %s,\n" % file("%s-%s-%s.whl" % (flat, version, tag)))
    out.write("]\n")


def write_cases(folder, cases, local):
    """Writes the cases as requirements files, a package once in each."""
    os.makedirs(folder, exist_ok=True)
    files = []
    for _, name, version in cases:
        for f in files:
            if name not in f:
                f[name] = version
                break
        else:
            files.append({name: version})
    paths = []
    for i, f in enumerate(files):
        paths.append(os.path.join(folder, "requirements-%03d.txt" % i))
        with open(paths[-1], "w") as out:
            out.writelines("%s==%s%s\n" % (n, v, local) for n, v in f.items())
    return paths
