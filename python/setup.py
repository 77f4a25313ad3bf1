"""Builds the one wheel that carries the andiron binary for this platform.

The binary is Go, and its sources are the repository that this folder stands in.
So a wheel is built from a checkout, which is what ``pip install ./python`` does,
or from a finished binary that the variable ANDIRON_BINARY names at build time. At
run time no variable names a binary.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.sdist import sdist
from setuptools.errors import ExecError

# setuptools puts its own copy in place of the module that Python 3.12 removed.
from distutils.command.build_scripts import build_scripts  # isort: skip

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
NAME = "andiron.exe" if os.name == "nt" else "andiron"


class BuildBinary(build_scripts):
    """Puts the binary where scripts go, as it is: what runs is Go, not a wrapper."""

    def run(self) -> None:
        target = Path(self.build_dir) / NAME
        target.parent.mkdir(parents=True, exist_ok=True)
        if given := os.environ.get("ANDIRON_BINARY"):
            shutil.copyfile(given, target)
        else:
            build_go(target.resolve(), self.distribution.get_version())
        target.chmod(0o755)

    def get_source_files(self) -> list[str]:
        return []


class PlatformWheel(bdist_wheel):  # type: ignore[misc] # setuptools is not typed here
    """Tags the wheel py3-none-PLATFORM: any Python 3, one kind of machine."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.root_is_pure = False

    def get_tag(self) -> tuple[str, str, str]:
        return "py3", "none", platform_tag(super().get_tag()[2])


class NoSdist(sdist):  # type: ignore[misc]
    """A source archive of this folder alone could not be built."""

    def run(self) -> None:
        raise ExecError(
            "andiron has no sdist of its own: the wheel carries a binary built from the Go sources "
            "in the repository around this folder; build a wheel from a checkout instead"
        )


def platform_tag(default: str) -> str:
    machine = re.fullmatch(r"linux_(x86_64|aarch64|i686|armv7l|ppc64le|s390x|riscv64)", default)
    if machine is None:
        return default
    # The binary is static, so any C library will do.
    return f"manylinux_2_17_{machine[1]}.manylinux2014_{machine[1]}.musllinux_1_1_{machine[1]}"


def build_go(target: Path, version: str) -> None:
    if not (REPOSITORY / "go.mod").is_file():
        raise ExecError(
            f"no Go sources in {REPOSITORY}: build from a checkout of andiron, "
            "or let ANDIRON_BINARY name a finished binary for this platform"
        )
    # Whatever else is built on this machine, the binary must run on it.
    env = {key: value for key, value in os.environ.items() if key not in ("GOOS", "GOARCH", "GOFLAGS")}
    env.update(CGO_ENABLED="0")
    # As make build does it: what is installed verifies Sigstore bundles, with a program that it has inside.
    flags = f"-s -w -X github.com/andiron-dev/andiron/internal/cli.release=v{version}"
    verifier = REPOSITORY / "internal" / "keyless" / "verifier.bin"
    for tags, file, package in (
        ("keyless,grpcnotrace", verifier, "./cmd/andiron-keyless"),
        ("keylessinside", target, "./cmd/andiron"),
    ):
        subprocess.run(  # noqa: S603 - the go command, no shell
            [
                go_command(), "build", "-trimpath", "-buildvcs=false",
                "-tags", tags, "-ldflags", flags, "-o", file, package,
            ],
            cwd=REPOSITORY, env=env, check=True,
        )  # fmt: skip


def go_command() -> str:
    usual = [shutil.which("go"), "/usr/local/go/bin/go", *map(str, Path("/usr/lib").glob("go-1.*/bin/go"))]
    for command in usual:
        if command and os.access(command, os.X_OK):
            return command
    raise ExecError("no go command on PATH: tools/env/go.sh installs one, or get it from https://go.dev/dl/")


setup(
    # Named so that setuptools runs BuildBinary; there is no such file here.
    scripts=["andiron"],
    cmdclass={"build_scripts": BuildBinary, "bdist_wheel": PlatformWheel, "sdist": NoSdist},
)
