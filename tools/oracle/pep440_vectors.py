"""Asks packaging what versions and specifiers mean, and writes its answers.

    pep440_vectors.py OUT.gz

OUT is lines of JSON; the first says which packaging made it. The same packaging
gives the same file, byte for byte. Then, in any order:

    ["version", text, normal form, rank, public, local, pre, post, epoch, release]
    ["refused", text]
    ["candidates", [version, ...]]
    ["specifiers", text, normal form, prereleases, answers]
    ["refused specifiers", text]
    ["overlaps", text, introduced, fixed, last, answer]

Versions of one rank are equal, one of a lower rank is before one of a higher.
Answers has a digit for each candidate v: 1 if contains(v, prereleases=True), 2 if
contains(v, prereleases=False), 4 if contains(v), added up. Overlaps says whether
some version that text allows is not before introduced, before fixed, and not after
last, of which each may be null. It is asked of specifiers without local parts and
without ===, since our answer is about public versions.
"""

import gzip
import json
import random
import sys

import packaging
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

WANT = "26.4"
if packaging.__version__ != WANT:
    sys.exit(f"pep440_vectors.py: packaging is {packaging.__version__}, not {WANT}")

rng = random.Random(440)

RELEASES = [
    "0", "0.0", "0.1", "0.9.1", "1", "1.0", "1.0.0", "1.0.1", "1.7.1", "1.8.0", "1.10", "1.10.0", "1.11.0", "1.12.1",
    "1.13", "1.13.0", "1.13.1", "2", "2.0", "2.0.0", "2.0.1", "2.1", "2.1.0", "2.1.2", "2.2.0", "2.3.1", "2.4.1",
    "2.5.0", "2.6.0", "2.7", "2.7.0", "2.7.1", "2.10.0", "2.11.0", "2.14.0", "10.0", "2024.3.1", "20240101",
    "0.0.0.0.1", "1.2.3.4.5.6", "1.0.0.0.0.0", "9223372036854775807", "9223372036854775808.1",
    "18446744073709551615", "18446744073709551616", "1." + "9" * 60, "1." + "1" + "0" * 60, "3." + "0" * 40 + "7",
]
LOCALS = ["", "", "+cpu", "+cu118", "+cu121", "+cu9", "+rocm6.0", "+rocm6.0.1", "+cu118.post1", "+git123abc",
          "+1", "+01", "+10", "+9", "+abc.1", "+ABC-1_x", "+1.abc", "+0", "+00.0", "+99999999999999999999999", "+a", "+1a"]
PRES = ["", "", "", "a0", "a1", "a", "b2", "b10", "rc1", "rc2", "RC1", ".rc.1", "-alpha-1", "_beta_2", "c3", "pre4",
        "preview5", ".PREVIEW", "alpha", "Beta01", "rc" + "9" * 30, "a.", "rc-", "a_0"]
POSTS = ["", "", "", ".post1", ".post0", "post2", "-1", "-01", ".post", "_rev3", "r4", ".R5", "-post-6", ".post.7",
         ".post" + "8" * 25, "-0", ".post10", "rev"]
DEVS = ["", "", "", ".dev0", ".dev1", "dev2", "-dev-3", "_DEV", ".dev20240101", ".dev.", ".dev" + "7" * 22, ".dev10"]
EPOCHS = ["", "", "", "", "", "0!", "1!", "01!", "2!", "99999999999999999999!"]
PREFIX = ["", "", "", "", "", "v", "V", " ", "\t", "\n v", "\u00a0", "\u2003", "\x1c"]
SUFFIX = ["", "", "", "", "", " ", "\n", "\r\n", "\x1f", "\u3000"]
BAD = ["", " ", ".", "1.", ".1", "1..2", "v", "vv1", "1!", "!1", "1!!1", "1!2!3", "-1", "+1", "1+", "1+.", "1+a..b",
       "1+a-", "1+é", "1+a+b", "1 0", "1 .0", "1. 0", "1.0 rc1", "a1", "1.0.rc1.rc2", "1.0rc1a1", "1.0.dev1.dev2",
       "1.0.dev1.post1", "1.0.post1.post2", "1.0.post1rc1", "1.0--1", "1.0.-1", "1.0-", "1.0_", "1.0.x", "1.0*",
       "1.0.*", "==1.0", "langchain==0.1", "1.0+cu118+x", "latest", "2.1.0-cuda", "1.0-1-2", "1,0", "1.0\x00",
       "\u0661.0", "1.\u0660", "\uff11", "1.0.po\u017ft1", "1.0+\u212a", "v\u200b1", "\ufeff1.0", "1e5", "0x1", "1_0",
       "1.0alphabet", "1.0ar", "1.0posted", "1.0devel", "1.0rcrc", "1.0.post-", "1.0.post--1", "1.0a--1", "1.0a..1",
       "1.0a-.dev", "1.0a-1-2", "1.0-a-1-2.dev-3", "1.0-r", "1.0-rc-r-dev", "1.0r-1", "1.0c.r.dev.", "1.0.rev.1", "1.0.re1"]
ALPHABET = "0123456789.0123456789.-_+!vabcdeprtos *\n" + "rc" * 3


def pick_version():
    return (rng.choice(PREFIX) + rng.choice(EPOCHS) + rng.choice(RELEASES) + rng.choice(PRES)
            + rng.choice(POSTS) + rng.choice(DEVS) + rng.choice(LOCALS) + rng.choice(SUFFIX))


def mutate(text):
    chars = list(text)
    for _ in range(rng.randint(1, 3)):
        at = rng.randint(0, len(chars))
        if chars and rng.random() < 0.5:
            del chars[min(at, len(chars) - 1)]
        else:
            chars.insert(at, rng.choice(ALPHABET))
    return "".join(chars)


def version_texts():
    texts = [r + l for r in RELEASES for l in ("", "+cu118", "+cu121", "+cpu", "+rocm6.0")]
    texts += [f"2.1.0{p}{q}{d}" for p in ("", "a1", "rc1", "rc2") for q in ("", ".post0", ".post1") for d in ("", ".dev0", ".dev1")]
    texts += [pick_version() for _ in range(1700)]
    texts += BAD
    texts += [mutate(rng.choice(texts)) for _ in range(1500)]
    return list(dict.fromkeys(texts))


def answers_about_versions(out):
    valid = []
    for text in version_texts():
        try:
            valid.append((Version(text), text))
        except InvalidVersion:
            out.append(["refused", text])
    ranks, last = {}, None
    for v, text in sorted(valid, key=lambda pair: pair[0]):
        if last is None or last != v:
            last = v
            ranks[v] = len(ranks)
    for _ in range(100_000):  # sorted asks for few pairs: the ranks must say what == and < say of any
        a, b = rng.choice(valid)[0], rng.choice(valid)[0]
        assert (a < b, a == b) == (ranks[a] < ranks[b], ranks[a] == ranks[b]), (a, b)
    for v, text in valid:
        out.append(["version", text, str(v), ranks[v], v.public, v.local or "", v.is_prerelease, v.is_postrelease,
                    str(v.epoch), [str(n) for n in v.release]])


OPERANDS = [
    "0", "1", "1.0", "1.0.0", "1.13", "1.13.0", "1.13.1", "2.0", "2.0.0", "2.1", "2.1.0", "2.1.2", "2.7.1", "2.10",
    "2.1.0rc1", "2.1.0a1", "2.1.0.dev0", "2.1.0.dev1", "2.1.0.post0", "2.1.0.post1", "2.1.0rc1.post1",
    "2.1.0rc1.dev1", "2.1.0.post1.dev1", "2.1.0a1.post1.dev1", "v2.1", "2.01.0", "0!2.1.0", "1!2.1", "1!0", "2.1.0-1", "2.7.1rc1",
    "9223372036854775807", "1." + "9" * 30,
]
LOCAL_OPERANDS = ["2.1.0+cu118", "2.1+cu118", "2.1.0+CPU", "2.1.0rc1+cu118", "2.1.0.post1+cpu", "1.13.0+rocm6.0", "2.1.0+1", "2.1.0+01"]
WILD = ["0.*", "1.*", "1.0.*", "1.13.*", "1.13.0.*", "2.*", "2.1.*", "2.1.0.*", "2.1.0.0.*", "v2.1.*", "1!2.*", "0!2.01.*", "1." + "9" * 30 + ".*"]
CANDIDATES = [
    r + s + l
    for r in ("0", "1", "1.13", "1.13.0", "1.13.1", "2", "2.0", "2.0.1", "2.1", "2.1.0", "2.1.0.0", "2.1.0.1", "2.1.1", "2.2", "2.7.1", "3", "1!2.1")
    for s, locals_ in (("", ("", "+cu118", "+cpu")), ("a1", ("",)), ("rc1", ("", "+cu118")), (".dev0", ("", "+cpu")), (".dev1", ("",)),
                       (".post0", ("",)), (".post1", ("", "+cu118")), ("rc1.post1", ("",)), ("rc1.dev1", ("",)), (".post1.dev1", ("",)),
                       (".post1.dev0", ("+cpu",)), ("a1.post1.dev1", ("",)))
    for l in locals_
] + ["2.1.0+1", "2.1.0+cu118.1", "2.1.0+rocm6.0", "2.1.0rc2", "2.1.0b1", "2.1.0.post2", "2.1.0rc1.post2.dev0", "2.1.0rc1.dev2",
     "9223372036854775807", "9223372036854775808", "1." + "9" * 30, "1." + "1" + "0" * 30, "1.999999.0"]
BAD_SPECIFIERS = [
    "2.1", "=2.1", "=>2.1", "> =2.1", "~2.1", "^2.1", "~=2", "~=1!2", "~=2.1.*", "~=2.1+cu118", ">=2.1.*", ">2.1.*", "<2.*", "<=2.1.*",
    ">=2.1+cu118", "<2.1+cpu", "<=2.1+cpu", ">2.1+cpu", "==", "===", "!=", "== ", "=== ;", "===a b", "===a;b", "===a)", "==2.1.*.*", "==*",
    "==2.*.1", "==2.1rc1.*", "==2.1.post1.*", "==2.1.dev1.*", "==2.1+cu.*", "==2.1-1.*", "==2.1.", "==2.1..*", "==2. *", "==2.1 .*",
    ">=2.1 <3", ">=2.1;<3", ">=2.1,3", "==v", "==v 2", "== =2", "====2", "==2.1,foo", "!2", "<>2", "(>=2)", ">=\u0662", "==\u20032.1", "==2.1\u0000", "==2.1.*+cpu",
]


def specifier_texts():
    texts = ["", " ", ",", ", ,"]
    for op in ("==", "!=", ">=", "<=", ">", "<", "~=", "==="):
        texts += [op + o for o in OPERANDS]
        texts += [op + o for o in LOCAL_OPERANDS]
    texts += [op + w for op in ("==", "!=", "===") for w in WILD]
    texts += ["===foo", "===2.1.0\u0130", "===2.1.0+\u212a", "===2.1.0+CU118", "=== 2.1.0", "===V2.1", "===2.1.0;", "===\u00e9", " >= 2.1 , < 3 ", ">=2.1,", ",>=2.1", ">=2.1,,<3", ">=\n2.1", "== \u20032.1", "===a,b", "===a,==2"]
    singles = list(texts)
    for _ in range(260):
        texts.append(rng.choice([",", ", ", " ,"]).join(rng.choice(singles) for _ in range(rng.randint(2, 4))))
    texts += [">=2.1,<3", ">=1.13,!=2.1.*,<3", ">=2.0,!=2.1.0,!=2.1.1", "~=2.1,!=2.1.0", ">=2.1.0rc1,<2.2", ">=1.0,>=1.0.0", "==2.1,==2.1.0"]
    texts += BAD_SPECIFIERS
    texts += [mutate(rng.choice(singles)) for _ in range(500)]
    return list(dict.fromkeys(texts))


def answers_about_specifiers(out):
    candidates = [Version(c) for c in CANDIDATES]
    out.append(["candidates", [str(c) for c in candidates]])
    for text in specifier_texts():
        try:
            s = SpecifierSet(text)
        except InvalidSpecifier:
            out.append(["refused specifiers", text])
            continue
        answers = "".join(
            str(s.contains(c, prereleases=True) + 2 * s.contains(c, prereleases=False) + 4 * s.contains(c)) for c in candidates)
        out.append(["specifiers", text, str(s), s.prereleases is True, answers])


BOUNDS = ["0.dev0", "0", "1", "1.0", "1.13.0", "1.13.1", "2.0", "2.0.dev0", "2.0.0.post1", "2.1.0a1", "2.1.0rc1", "2.1.0rc1.post1", "2.1.0rc2.dev0", "2.1.0.dev0",
          "2.1.0.dev1", "2.1", "2.1.0.post0.dev0", "2.1.0.post0", "2.1.0.post1.dev0", "2.1.0.post1", "2.1.0.post2.dev0", "2.1.0.0.1", "2.1.1", "2.2.dev0", "2.2", "2.7.1rc1",
          "2.7.1", "3.dev0", "3", "1!0", "1!2.1", "1!2.2.dev0", "9223372036854775808", "1." + "9" * 30, "1.1" + "0" * 30 + ".dev0"]


def answers_about_overlaps(out):
    texts = []
    for text in specifier_texts():
        try:
            if "===" not in text and "+" not in text:
                texts.append((text, SpecifierSet(text)))
        except InvalidSpecifier:
            pass
    operands = [o for o in OPERANDS if not o.startswith("0")] + BOUNDS
    wild = WILD[:-1]
    for _ in range(500):  # narrow ones
        parts = [op + rng.choice(operands) for op in rng.choice([(">=", "<"), (">", "<="), (">", "<"), ("==",), (">=", "!=", "<="), ("!=", ">=", "!=", "<")])]
        parts += ["!=" + rng.choice(wild) for _ in range(rng.choice([0, 0, 1, 2]))]
        texts.append((",".join(parts), SpecifierSet(",".join(parts))))
    for text, s in texts:
        for _ in range(12):
            introduced = rng.choice([None, rng.choice(BOUNDS), rng.choice(BOUNDS)])
            fixed = rng.choice([None, rng.choice(BOUNDS), rng.choice(BOUNDS)])
            last = rng.choice([None, None, rng.choice(BOUNDS)])
            # < would leave out pre-releases of fixed.
            parts = [f">={introduced}"] * bool(introduced) + [f"<={fixed},!={fixed}"] * bool(fixed) + [f"<={last}"] * bool(last)
            out.append(["overlaps", text, introduced, fixed, last, not s.is_disjoint(SpecifierSet(",".join(parts)))])


def main(path):
    out = [f"answers of packaging {WANT}; made by: tools/oracle/pep440_vectors.py internal/pep440/testdata/vectors.jsonl.gz"]
    answers_about_versions(out)
    answers_about_specifiers(out)
    answers_about_overlaps(out)
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in out)
    with open(path, "wb") as f, gzip.GzipFile("", "wb", 9, f, mtime=0) as z:
        z.write(text.encode())


main(sys.argv[1])
