# Runs program.py in each folder that the argument names, with the file that it is made
# for and with one that would make "ran", and says what came of it. Where there is a
# folder sdk, a file is vouched for before it is loaded, and is refused before that.
import contextlib
import io
import json
import os
import pathlib
import runpy
import subprocess
import sys

import numpy
import torch

root = os.getcwd()
sdk = os.path.isdir("sdk")
if sdk:
    sys.path.insert(0, os.path.join(root, "sdk"))
    os.environ["PATH"] = os.path.join(root, "sdk", "bin") + os.pathsep + os.environ["PATH"]


class Payload:
    def __reduce__(self):
        return pathlib.Path.touch, (pathlib.Path("ran"),)


def run():
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            runpy.run_path("program.py")
    except Exception as error:
        print(os.path.basename(os.getcwd()), repr(error), file=sys.stderr)
        return None
    return out.getvalue().strip()


def make(code):
    exec(code, {"torch": torch, "numpy": numpy, "Payload": Payload})


def vouch():
    command = ["andiron", "trust", "add", "--reason", "made by this test", "in.bin"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def tried(honest, hostile):
    got = {"refused": False, "raised": False, "ran": False}
    make(honest)
    if sdk:
        got["refused"] = run() is None
        vouch()
    got["good"] = run()
    if hostile:
        make(hostile)
        got["raised"] = run() is None
        got["ran"] = os.path.exists("ran")
        if got["ran"]:
            os.rmdir("ran") if os.path.isdir("ran") else os.remove("ran")
    return got


result = {}
for name, given in json.loads(sys.argv[1]).items():
    os.chdir(os.path.join(root, name))
    result[name] = tried(*given)
print(json.dumps(result))
