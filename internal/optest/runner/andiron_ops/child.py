"""A process that makes the calls of one operator, so that a crash ends it and nothing else."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import sys
import time
import traceback

PR_SET_PDEATHSIG = 1
TAIL = 48 << 10  # bytes of what a child printed that are kept
ANSWER = 1 << 20
OUTPUT = 64 << 20
TICK = 0.1


def outlived_by(parent):
    """This process ends with its parent at the latest."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def bound(settings):
    """Puts the limits of a child in force."""
    outlived_by(settings["parent"])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT, OUTPUT))
    # CUDA and the sanitizers take addresses by the terabyte.
    if settings["memory"] and not settings["sanitizer"] and settings["device"] == "cpu":
        limit(settings["memory"])


def limit(more):
    """Lets this process take so many bytes of addresses more than it has."""
    with open("/proc/self/statm", encoding="ascii") as f:
        most = int(f.read().split()[0]) * resource.getpagesize() + more
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard == resource.RLIM_INFINITY or most < hard:
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def emptied(log):
    """Begins the log anew. All who write to it share the place where they are."""
    os.ftruncate(log, 0)
    os.lseek(log, 0, os.SEEK_SET)


def serve(make, settings, requests, answers, log):
    """What the child does: one answer for each request."""
    bound(settings)
    null = os.open(os.devnull, os.O_RDONLY)
    for have, want in ((null, 0), (log, 1), (log, 2)):
        os.dup2(have, want)

    def say(message):
        os.write(answers, json.dumps(message).encode() + b"\n")

    worker = make()
    worker.say = lambda phase: say({"phase": phase})
    with os.fdopen(requests, "rb") as lines:
        for line in lines:
            emptied(log)
            say({"answer": worker.answer(json.loads(line))})
    sys.stdout.flush()


def written(log, begin):
    """A log from a place on. The beginning says what went wrong, and the end how it ended."""
    size = os.fstat(log).st_size - begin
    if size <= TAIL:
        return os.pread(log, TAIL, begin).decode("utf-8", "replace")
    half = TAIL // 2
    ends = os.pread(log, half, begin) + b"\n...\n" + os.pread(log, half, begin + size - half)
    return ends.decode("utf-8", "replace")


class Child:
    """The parent's side."""

    def __init__(self, make, settings, log):
        self.settings, self.log = settings, log
        self.buffer = b""
        self.seen = 0  # bytes of the tool's log that are of earlier calls
        emptied(log)
        take, self.requests = os.pipe()
        self.answers, give = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            code = 70
            try:
                os.close(self.requests)
                os.close(self.answers)
                serve(make, settings, take, give, log)
                code = 0
            except BaseException:
                traceback.print_exc()
                sys.stderr.flush()
            finally:
                os._exit(code)
        os.close(take)
        os.close(give)
        # Valgrind keeps the stderr that it was started with, whatever becomes of ours, so that
        # it is told a file: this is what it makes of the name in this process.
        self.tool_log = f"{settings['tool_log']}.{self.pid}" if settings["tool_log"] else ""

    def ask(self, case, seconds):
        """The answer, or how the child ended instead."""
        self.seen = self.said()
        try:
            os.write(self.requests, json.dumps(case).encode() + b"\n")
        except OSError:
            return self.ended("", False, "")
        phase, end = "", time.monotonic() + seconds
        while True:
            while b"\n" in self.buffer:
                line, _, self.buffer = self.buffer.partition(b"\n")
                message = json.loads(line)
                if "answer" in message:
                    return message["answer"]
                phase = message["phase"]
            left = end - time.monotonic()
            if left <= 0:
                return self.ended(phase, True, "time")
            if not select.select([self.answers], [], [], min(left, TICK))[0]:
                if self.too_large():
                    return self.ended(phase, True, "memory")
                continue
            got = os.read(self.answers, 1 << 16)
            if not got:
                return self.ended(phase, False, "")
            self.buffer += got
            if len(self.buffer) > ANSWER:
                return self.ended(phase, True, "output")

    def too_large(self):
        try:
            with open(f"/proc/{self.pid}/statm", encoding="ascii") as f:
                return int(f.read().split()[1]) * resource.getpagesize() > self.settings["resident"]
        except (OSError, IndexError):
            return False

    def ended(self, phase, kill, limit):
        if kill:
            os.kill(self.pid, signal.SIGKILL)
        status = self.waited()
        how = (
            f"signal {signal.Signals(os.WTERMSIG(status)).name}"
            if os.WIFSIGNALED(status)
            else f"exit code {os.WEXITSTATUS(status)}"
        )
        if limit == "time":
            how = "time"
        output = self.printed()
        self.forget()
        return {"status": "crashed", "how": limit or how, "phase": phase, "output": output}

    def printed(self):
        """What was printed since the last request, and what the tool wrote to its own log."""
        return written(self.log, 0) + self.reported()

    def said(self):
        """How much valgrind has said."""
        return os.path.getsize(self.tool_log) if self.tool_log and os.path.exists(self.tool_log) else 0

    def reported(self):
        """What valgrind said since the last request."""
        if not self.said():
            return ""
        log = os.open(self.tool_log, os.O_RDONLY)
        try:
            return written(log, self.seen)
        finally:
            os.close(log)

    def forget(self):
        """Removes the tool's log, of which each process has one."""
        if self.tool_log and os.path.exists(self.tool_log):
            os.unlink(self.tool_log)

    def close(self):
        if self.pid is not None:
            self.waited()
            self.forget()

    def waited(self):
        for fd in (self.requests, self.answers):
            os.close(fd)
        end = time.monotonic() + 5
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > end:
                os.kill(self.pid, signal.SIGKILL)
                _, status = os.waitpid(self.pid, 0)
                break
            time.sleep(0.002)
        self.pid = None
        return status
