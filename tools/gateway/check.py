"""Real servers behind the real gateway, asked by real clients.

check.py ANDIRON MLSERVER_PYTHON KSERVE_PYTHON starts MLServer and KServe's server
with a small torch model, andiron guard serve in front of each, and asks through it
with tritonclient. What does not agree with what the model says ends it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import common
import toy
from clients import everything
from common import HERE, expect, gateway, v1
from processes import LIMIT, Processes, free_port


def grpc_stream(url: str, name: str) -> None:
    """The stubs of MLServer and of tritonclient do not load into one process."""
    out = subprocess.run([sys.executable, str(HERE / "stream.py"), url], capture_output=True, text=True, timeout=LIMIT)
    expect(f"{name}: stream", (out.returncode, out.stdout, out.stderr[-2000:] if out.returncode else ""), (0, "ok\n", ""))


def mlserver(ps: Processes, python: str, folder: Path) -> tuple[int, int]:
    http, calls, metrics = free_port(), free_port(), free_port()
    models = folder / "mlserver" / "toy"
    models.mkdir(parents=True)
    settings = {"host": "127.0.0.1", "http_port": http, "grpc_port": calls, "metrics_port": metrics, "parallel_workers": 0, "gzip_enabled": False, "debug": False}
    (models.parent / "settings.json").write_text(json.dumps(settings))
    (models / "model-settings.json").write_text(json.dumps({"name": "toy", "implementation": "serve_mlserver.Runtime"}))
    env = {"TOY_SOURCE": str(HERE), "TOY_MODEL": str(folder / "mlserver.pt"), "PYTHONPATH": str(HERE)}
    ps.start("server-mlserver", [python, "-m", "mlserver.cli.main", "start", str(models.parent)], env)
    ps.wait("server-mlserver", f"http://127.0.0.1:{http}/v2/models/toy/ready")
    return http, calls


def kserve(ps: Processes, python: str, folder: Path) -> tuple[int, int]:
    http, calls = free_port(), free_port()
    env = {"TOY_SOURCE": str(HERE), "TOY_MODEL": str(folder / "kserve.pt")}
    ps.start("server-kserve", [python, str(HERE / "serve_kserve.py"), str(http), str(calls)], env)
    ps.wait("server-kserve", f"http://127.0.0.1:{http}/v2/models/toy/ready")
    return http, calls


def main(andiron: str, mlserver_python: str, kserve_python: str) -> None:
    with tempfile.TemporaryDirectory() as tmp:
        folder = Path(tmp)
        ps = Processes(folder)
        try:
            http, calls = mlserver(ps, mlserver_python, folder)
            for forward, binary in (("same", False), ("v2-json", True), ("v2-grpc", True)):
                name = f"mlserver-{forward}"
                port = gateway(ps, andiron, folder, name, [toy.SCHEMA % forward], http, calls, "--bare-streams")
                everything(port, name, binary)
                if forward != "v2-json":
                    grpc_stream(f"127.0.0.1:{port}", name)
            http, calls = kserve(ps, kserve_python, folder)
            for forward in ("same", "v2-json", "v2-binary", "v2-grpc"):
                name = f"kserve-{forward}"
                port = gateway(ps, andiron, folder, name, [toy.SCHEMA % forward], http, calls)
                everything(port, name, binary=True)
                v1(f"http://127.0.0.1:{port}", name)
        except BaseException:
            ps.show()
            raise
        finally:
            ps.stop()
    print(f"gateway: {common.checks} checks against MLServer and KServe's server passed")


if __name__ == "__main__":
    main(*sys.argv[1:])
