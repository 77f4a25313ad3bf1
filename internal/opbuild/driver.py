"""Has a project's setup.py build its extensions, in place, and says what came of it."""

import json
import os
import runpy
import sys

answer = sys.argv[1]
sys.path[0] = os.getcwd()  # as for python setup.py
sys.argv = ["setup.py", "build_ext", "--inplace"]

import setuptools  # noqa: E402, F401, I001 (it puts its own distutils in place, and so comes first)
from distutils import core  # noqa: E402

runpy.run_path("setup.py", run_name="__main__")
made = core._setup_distribution
if made is None:
    sys.exit("setup.py did not call setup()")
command = made.get_command_obj("build_ext")
command.ensure_finalized()
built = [
    {
        "name": command.get_ext_fullname(e.name),
        "file": os.path.abspath(command.get_ext_fullpath(e.name)),
        "sources": [os.path.abspath(s) for s in e.sources],
    }
    for e in command.extensions or []
]
with open(answer, "w", encoding="utf-8") as f:
    json.dump(built, f)
