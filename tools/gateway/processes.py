"""Starts servers, waits for them, and ends them again."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

LIMIT = 90  # seconds for a server to come up


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as r:
            return r.status, r.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()
    except OSError as e:
        return 0, str(e)


class Processes:
    """What was started, and is ended by its own process id."""

    def __init__(self, logs: Path) -> None:
        self.logs, self.all = logs, []

    def start(self, name: str, argv: list[str], env: dict[str, str] | None = None) -> subprocess.Popen:
        log = open(self.logs / f"{name}.log", "wb")
        p = subprocess.Popen(argv, stdout=log, stderr=log, env={**os.environ, **(env or {})}, start_new_session=True)
        self.all.append((name, p))
        return p

    def wait(self, name: str, url: str) -> None:
        self.until(name, lambda: get(url)[0] == 200)

    def until(self, name: str, ready: Callable[[], bool]) -> None:
        end = time.monotonic() + LIMIT
        p = dict(self.all)[name]
        while time.monotonic() < end:
            if ready():
                return
            if p.poll() is not None:
                break
            time.sleep(0.2)
        sys.stderr.write((self.logs / f"{name}.log").read_text(errors="replace")[-4000:])
        raise SystemExit(f"{name} did not come up")

    def show(self) -> None:
        """Writes the ends of all logs, for who has to find out why."""
        for log in sorted(self.logs.glob("*.log")):
            sys.stderr.write(f"== {log.name}\n{log.read_text(errors='replace')[-3000:]}\n")

    def stop(self) -> None:
        """Asks each to end, which then ends what it started itself; what is left of
        its group after a while is killed."""
        for _, p in reversed(self.all):
            p.terminate()
        for _, p in reversed(self.all):
            with contextlib.suppress(subprocess.TimeoutExpired):
                p.wait(30)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(p.pid, signal.SIGKILL)
            p.wait()
