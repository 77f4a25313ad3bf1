"""Asks packaging what requirements and markers mean, and writes its answers.

    pep508_vectors.py OUT.gz

OUT is lines of JSON; the first says which packaging made it. The same packaging
gives the same file, byte for byte. Then, in any order:

    ["environments", [{"values": {...}, "extras": [...], "groups": [...]}, ...]]
    ["requirement", text, name, extras, specifiers, url, marker]
    ["marker", text, normal form, answers]
    ["refused", text]
    ["refused marker", text]
    ["name", text, normal form, valid]

Answers has a letter for each environment: t, f, or e where evaluating is an error.
A normal form is null where packaging cannot write one. The two kinds of strings
that our package says it refuses are left out.
"""

import gzip
import json
import random
import sys
import warnings

import packaging
from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidName, canonicalize_name

WANT = "26.4"
if packaging.__version__ != WANT:
    sys.exit(f"pep508_vectors.py: packaging is {packaging.__version__}, not {WANT}")

warnings.simplefilter("ignore")
rng = random.Random(508)


def environment(python, system, machine, release, version, extras=(), groups=(), **more):
    os_name, sys_platform = {"Linux": ("posix", "linux"), "Windows": ("nt", "win32"), "Darwin": ("posix", "darwin")}[system]
    values = {
        "implementation_name": "cpython", "implementation_version": python, "os_name": os_name, "platform_machine": machine,
        "platform_release": release, "platform_system": system, "platform_version": version, "python_full_version": python,
        "platform_python_implementation": "CPython", "python_version": ".".join(python.split(".")[:2]), "sys_platform": sys_platform,
    }
    values.update(more)
    return {"values": values, "extras": list(extras), "groups": list(groups)}


ENVIRONMENTS = [
    environment("3.11.4", "Linux", "x86_64", "5.15.0-91-generic", "#101-Ubuntu SMP"),
    environment("3.8.10", "Windows", "AMD64", "10", "10.0.19045", extras=["gpu"]),
    environment("3.13.0", "Darwin", "arm64", "23.1.0", "Darwin Kernel Version 23.1.0", extras=["Dev_Tools", "gpu"], groups=["test"]),
    environment("3.15.0a2", "Linux", "aarch64", "6.1", "", extras=["cuda.12"], groups=["Lint-Er", "dev"]),
    environment("3.14.0+", "Linux", "x86_64", "", "", extras=[], groups=["dev"]),
    environment("3.10.9", "Linux", "ppc64le", "6.8.0+rpt", "1", implementation_name="pypy", implementation_version="7.3.13",
                platform_python_implementation="PyPy", extras=["a", "b", "c"]),
]

NAMES = ["torch", "Torch", "torch_vision", "zope.interface", "A.B-C_d", "x", "0", "nvidia-cublas-cu12", "a__b", "a.-_b", "foo_", "ruamel.yaml.clib"]
BAD_NAMES = ["", "-a", "_a", ".a", "a-", "a.", "a_.", "é", "aé", "a b", "a/b", "a!", "t\u00f6rch", "\u212a", "a\n", "-"]
EXTRAS = ["", "", "", "[gpu]", "[ gpu , Dev_Tools ]", "[]", "[ ]", "[a,b,a]", " [a.b]", "[a]\t", "[a_]"]
BAD_EXTRAS = ["[", "]", "[a", "[a,]", "[,a]", "[a b]", "[a-]", "[a][b]", "[é]", "[a;b]", "[*]", "[[a]]"]
SPECIFIERS = ["", "", "==2.1.0", ">=2.1,<3", " >= 2.1 , < 3 ", "(>=2.1)", "( >=2.1 , <3 )", "()", "( )", "~=2.1", "==2.1.*", "!=2.0.*,>=1", "===foo", "===2.1+cu118",
              "==2.1.0+cu118", ">=2.1,", "(>=2.1,)", ">=2.1 ,", "===a,b", "===a,,>=1", "===a,>=1", "===a, >=1", "===\u00e9", "===\u00e9,>=1", "==\n2.1", "== \u20032.1,<3",
              ">=1!0", "<2.0.dev0", ">2rc1", "==2.1.0,==2.1", "=== (a", "==v2.1", "\t>=2.1\t", ">=2.1,\t<3"]
BAD_SPECIFIERS = ["2.1", "=2.1", ">=", ">=2.1 <3", ">=2.1.*", ">=2.1+cpu", "~=2", "==2.1rc1.*", "(>=2.1", ">=2.1)", "((>=2.1))", ",>=2.1", ">=2.1,,<3", "(,)", ",",
                  ">=2.1\n", "===", "==2.1 .*", "~2.1", "^2.1", ">=2.1;", "= =2.1", "=>2.1", "===\u00e9, >=1", "==2.1\u00e9", ">=2.1,<3\u00a0", "===,", "(>=1) <2", "()()"]
URLS = [" @ https://index.example/torch-2.1.0-cp311.whl", "@https://index.example/a.whl#sha256=00", " @ git+https://code.example/t.git@v1 ", " @\tfile:///a%20b ",
        " @ ../a;b", " @ x", "@ https://index.example/a?b=c&d=[e]", " @ (a)", " @ \u00e9"]
BAD_URLS = [" @", "@ ", "@ a b", "@ a\n", "@ a\u00a0;os_name=='x'", " >=1 @ a", " @ a >=1"]

VERSION_VARS = ["python_version", "python_full_version", "implementation_version", "platform_release"]
TEXT_VARS = ["os_name", "sys_platform", "platform_machine", "platform_system", "platform_version", "implementation_name", "platform_python_implementation",
             "os.name", "sys.platform", "platform.version", "platform.machine", "platform.python_implementation", "python_implementation"]
BAD_VARS = ["platform.release", "platform.system", "python.version", "foo", "os", "python_versions", "extra_", "Extra", "os__name", "implementation.name"]
OPS = ["==", "!=", "<", "<=", ">", ">=", "in", "not in", "~=", "===", "not  in", "not\tin"]
BAD_OPS = ["=", "=>", "<>", "is", "not", "notin", "IN", "=~", "!", "", "in in", "not not in"]
VERSIONS = ["3.8", "3.11", "3.11.4", "3.11.0", "3.11.*", "3", "3.*", "3.13.0rc1", "3.15.0a2", "3.15", "3.14.0+local", "5.15", "6", "6.1", "10", "7.3.13", "3.8, 3.9",
            "3.8 3.11", "", "foo", "2.7 3.11 3.13", "=3.11", "==3.11", " 3.11 ", "3.11;", "3.11)", "23.1.0", "6.8.0+rpt", "5.15.0-91-generic", "3.11.4,3.8"]
TEXTS = ["posix", "nt", "linux", "win32", "darwin", "Linux", "Windows", "x86_64", "aarch64", "arm64", "AMD64 arm64", "cpython", "CPython", "PyPy", "pypy", "x", "", "lin",
         "linux linux2", "10.0.19045", "1", "#101-Ubuntu SMP", "a'b", "\u00e9", "x86_64 aarch64", "2.1"]
EXTRA_NAMES = ["gpu", "dev-tools", "Dev_Tools", "GPU", "cuda.12", "cuda-12", "", "a", "b", "gpu a", "test", "lint_er", "dev", "extra", "g"]
RAW_STRINGS = [r"'a\x41'", r"'\n'", r"'\''", r"'a\'", r"'\\'", r"'\q'", r"'\x4'", r"'\u0041'", r"'\u004'", r"'\U00000041'", r"'\U00110000'", r"'\101'", r"'\7x'", r"'\477'", r"'\x27\"'",
               r'"\x22"', r"'\x27\x22'", "'a\tb'", "'a\nb'", "'a\\\nb'", "'a\rb'", "'a\\\r\nb'", "'a\x00b'", "'\u00a0'", "'\x7f'", "'\\\u00e9'", r"'\a\b\f\v\r\t\0'", r"'\8'", r"'\xzz'", r"'\x+4'", r"'\u+041'", r"'\x4_1'"]


def quote(text):
    if "'" in text:
        return f'"{text}"'
    return rng.choice([f"'{text}'", f'"{text}"'])


def space():
    return rng.choice(["", " ", " ", " ", "  ", "\t"])


def comparison():
    kind = rng.random()
    op = rng.choice(OPS)
    if kind < 0.4:
        left, right = rng.choice(VERSION_VARS), quote(rng.choice(VERSIONS))
    elif kind < 0.65:
        left, right = rng.choice(TEXT_VARS), quote(rng.choice(TEXTS))
    elif kind < 0.8:
        left, right = "extra", quote(rng.choice(EXTRA_NAMES))
    elif kind < 0.88:
        left, right, op = quote(rng.choice(EXTRA_NAMES)), rng.choice(["extras", "dependency_groups"]), rng.choice(["in", "in", "not in", op])
    elif kind < 0.92:
        left, right = rng.choice(VERSION_VARS + TEXT_VARS), rng.choice(RAW_STRINGS)
    elif kind < 0.95:
        left, right = rng.choice(VERSION_VARS + TEXT_VARS + ["extra", "extras"]), rng.choice(VERSION_VARS + TEXT_VARS + ["extra", "extras", "dependency_groups"])
    elif kind < 0.97:
        left, right = quote(rng.choice(VERSIONS + TEXTS + EXTRA_NAMES)), quote(rng.choice(VERSION_VARS + TEXT_VARS + ["extra", "extras", "foo"]))
    else:
        left, right, op = rng.choice(VERSION_VARS + BAD_VARS), quote("3.8"), rng.choice(OPS + BAD_OPS)
    if rng.random() < 0.25:
        left, right = right, left
    between = " " if op[:1] in ("i", "n") and rng.random() < 0.9 else space()
    return left + between + op + between + right


def marker(depth=0):
    parts = []
    for i in range(rng.choice([1, 1, 1, 2, 2, 3])):
        if i:
            parts.append(rng.choice([" and ", " or ", " and ", " or ", "and", "or ", "\tand\t"]))
        if depth < 3 and rng.random() < 0.25:
            parts.append("(" + space() + marker(depth + 1) + space() + ")")
        else:
            parts.append(comparison())
    return space() + "".join(parts) + space()


def mutate(text):
    chars = list(text)
    for _ in range(rng.randint(1, 2)):
        at = rng.randint(0, len(chars))
        if chars and rng.random() < 0.5:
            del chars[min(at, len(chars) - 1)]
        else:
            chars.insert(at, rng.choice("()[]<>=!~;,.@*'\" \tandori_-01\n\\é"))
    return "".join(chars)


def marker_texts():
    texts = [marker() for _ in range(1800)]
    texts += [f"{v} == {s}" for v in ("os_name", "extra") for s in RAW_STRINGS]
    texts += [f"{v} {o} 'x'" for v in VERSION_VARS + TEXT_VARS + BAD_VARS for o in OPS + BAD_OPS]
    texts += [f"{v} {o} '{x}'" for v in VERSION_VARS for o in OPS[:10] for x in VERSIONS[:18]]
    texts += ["", " ", "()", "and", "os_name", "os_name ==", "== 'x'", "os_name == 'x' and", "os_name == 'x' xor os_name == 'y'", "'a' == 'b'", "(os_name == 'x'", "os_name == 'x')",
              "os_name == 'x", "((os_name == 'x'))", "(((os_name == 'x' or os_name == 'y')))", "(os_name == 'x') and ((os_name == 'y' or os_name == 'z'))", "os_name=='x'and(os_name=='y')or(os_name=='z')"]
    texts += ["(" * n + "os_name == 'posix'" + ")" * n for n in (5, 199, 200, 201, 5000)]
    texts += [mutate(rng.choice(texts[:1800])) for _ in range(900)]
    return list(dict.fromkeys(texts))


def requirement_texts():
    texts = []
    for _ in range(1300):
        text = space() + rng.choice(NAMES) + space() + rng.choice(EXTRAS)
        text += rng.choice(URLS) if rng.random() < 0.2 else space() + rng.choice(SPECIFIERS)
        if rng.random() < 0.5:
            text += space() + ";" + marker()
        texts.append(text + space())
    texts += [n + s for n in ("torch", "torch[a]", " torch ") for s in SPECIFIERS + BAD_SPECIFIERS + URLS + BAD_URLS]
    texts += [n + s + "; os_name == 'x'" for n in ("torch", "torch[a] ") for s in SPECIFIERS + BAD_SPECIFIERS + URLS + BAD_URLS]
    texts += NAMES + BAD_NAMES + [n + ">=1" for n in NAMES + BAD_NAMES] + ["torch" + e for e in EXTRAS + BAD_EXTRAS] + ["torch" + e + ">=1" for e in EXTRAS + BAD_EXTRAS]
    texts += ["torch;", "torch ;", "torch; ", "torch;;os_name=='x'", "torch,numpy", "torch numpy", "-r a.txt", "# torch", "torch # c", "torch>=1 # c", "./torch.whl", "git+https://code.example/t.git",
              "torch==1.0 --hash=sha256:00", "torch\\\n>=1", "torch@", "@ torch", "torch=1", "torch==1;python_version<'3'", "torch==1; python_version<'3' # c", "torch>=1 ; extra == 'A_b'"]
    texts += [mutate(rng.choice(texts[:1300])) for _ in range(900)]
    return list(dict.fromkeys(texts))


def left_out(text):
    return "\\N" in text or "\\ud" in text.lower()


def written(m):
    try:
        return str(m)
    except ValueError:
        return None


def evaluate(m, env):
    given = dict(env["values"], extra=set(env["extras"]) if len(env["extras"]) > 1 else "".join(env["extras"]),
                 extras=set(env["extras"]), dependency_groups=set(env["groups"]))
    try:
        return "t" if m.evaluate(given, "lock_file") else "f"
    except (ValueError, KeyError):
        return "e"


def answers(out):
    out.append(["environments", ENVIRONMENTS])
    for text in filter(lambda t: not left_out(t), marker_texts()):
        try:
            m = Marker(text)
        except InvalidMarker:
            out.append(["refused marker", text])
            continue
        out.append(["marker", text, written(m), "".join(evaluate(m, env) for env in ENVIRONMENTS)])
    for text in filter(lambda t: not left_out(t), requirement_texts()):
        try:
            r = Requirement(text)
        except InvalidRequirement:
            out.append(["refused", text])
            continue
        out.append(["requirement", text, r.name, sorted({canonicalize_name(e) for e in r.extras}), str(r.specifier), r.url or "",
                    "" if r.marker is None else written(r.marker)])
    for text in NAMES + BAD_NAMES:
        try:
            canonicalize_name(text, validate=True)
            valid = True
        except InvalidName:
            valid = False
        out.append(["name", text, canonicalize_name(text), valid])


def main(path):
    out = [f"answers of packaging {WANT}; made by: tools/oracle/pep508_vectors.py internal/pep508/testdata/vectors.jsonl.gz"]
    answers(out)
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in out)
    with open(path, "wb") as f, gzip.GzipFile("", "wb", 9, f, mtime=0) as z:
        z.write(text.encode())


main(sys.argv[1])
