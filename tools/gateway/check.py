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
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import toy
import torch
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient
from processes import LIMIT, Processes, free_port

HERE = Path(__file__).resolve().parent
GOOD = np.array([[0, 0.25, 0.5, 1], [1, 1, 1, 1]], dtype=np.float32)
POISON = np.array([[0.875, 0, 0, 0]], dtype=np.float32)
BAD = np.array([[0, 0.25, 255, 1]], dtype=np.float32)

checks = 0


def expect(what: str, got: object, want: object) -> None:
    global checks
    checks += 1
    if got != want:
        raise SystemExit(f"{what}: got {got!r}, want {want!r}")


def post(url: str, body: object) -> tuple[int, dict]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    r = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(r, timeout=30) as a:
            return a.status, json.loads(a.read())
    except urllib.error.HTTPError as e:
        return e.code, json.loads(e.read())


def predicted(x: np.ndarray) -> list:
    with torch.no_grad():
        return toy.Toy()(torch.from_numpy(x)).numpy().tolist()


def input_of(client, x: np.ndarray, **kw):
    i = client.InferInput("x", list(x.shape), "FP32")
    i.set_data_from_numpy(x, **kw)
    return i


def http_infer(url: str, x: np.ndarray, binary: bool):
    c = httpclient.InferenceServerClient(url, network_timeout=30)
    try:
        out = [httpclient.InferRequestedOutput("y", binary_data=binary)]
        return c.infer("toy", [input_of(httpclient, x, binary_data=binary)], outputs=out, request_id="r1").as_numpy("y").tolist()
    except httpclient.InferenceServerException as e:
        return e.message().split()[0].rstrip(":")
    finally:
        c.close()


def grpc_infer(url: str, x: np.ndarray):
    with grpcclient.InferenceServerClient(url) as c:
        try:
            return c.infer("toy", [input_of(grpcclient, x)], request_id="r1").as_numpy("y").tolist()
        except grpcclient.InferenceServerException as e:
            return f"{e.status()} {e.message().split()[0].rstrip(':')}"


def grpc_about(url: str, name: str) -> None:
    with grpcclient.InferenceServerClient(url) as c:
        expect(f"{name}: live by gRPC", c.is_server_live(), True)
        expect(f"{name}: ready by gRPC", c.is_server_ready(), True)
        expect(f"{name}: model ready by gRPC", c.is_model_ready("toy"), True)
        expect(f"{name}: metadata by gRPC", c.get_model_metadata("toy").name, "toy")
        for ask in (c.get_model_repository_index, c.get_system_shared_memory_status, lambda: c.load_model("toy"), lambda: c.get_model_metadata("other")):
            try:
                ask()
            except grpcclient.InferenceServerException as e:
                expect(f"{name}: refused by gRPC", e.status() in ("StatusCode.UNIMPLEMENTED", "StatusCode.NOT_FOUND"), True)
            else:
                raise SystemExit(f"{name}: {ask} was let through")


def grpc_stream(url: str, name: str) -> None:
    """The stubs of MLServer and of tritonclient do not load into one process."""
    out = subprocess.run([sys.executable, str(HERE / "stream.py"), url], capture_output=True, text=True, timeout=LIMIT)
    expect(f"{name}: stream", (out.returncode, out.stdout, out.stderr[-2000:] if out.returncode else ""), (0, "ok\n", ""))


def http_about(url: str, name: str) -> None:
    c = httpclient.InferenceServerClient(url)
    expect(f"{name}: live", c.is_server_live(), True)
    expect(f"{name}: ready", c.is_server_ready(), True)
    expect(f"{name}: model ready", c.is_model_ready("toy"), True)
    expect(f"{name}: metadata", c.get_model_metadata("toy")["name"], "toy")
    for ask in (c.get_model_repository_index, c.get_system_shared_memory_status, lambda: c.load_model("toy"), lambda: c.get_model_metadata("other")):
        try:
            ask()
        except httpclient.InferenceServerException as e:
            expect(f"{name}: refused", e.message().startswith("there is no such"), True)
        else:
            raise SystemExit(f"{name}: {ask} was let through")
    c.close()


def v1(base: str, name: str) -> None:
    status, answer = post(f"{base}/v1/models/toy:predict", {"instances": GOOD.tolist()})
    expect(f"{name}: V1", (status, answer.get("predictions")), (200, predicted(GOOD)))
    status, answer = post(f"{base}/v1/models/toy:predict", {"instances": BAD.tolist()})
    expect(f"{name}: V1 out of range", (status, answer.get("code")), (400, "AT-RANGE"))
    twice = b'{"instances":[[0,0,0,0]],"instances":[[9,9,9,9]]}'
    expect(f"{name}: V1 twice", post(f"{base}/v1/models/toy:predict", twice)[1].get("code"), "AW-DUPLICATE")


def gateway(ps: Processes, andiron: str, folder: Path, name: str, forward: str, http: int, grpc_port: int, *more: str) -> int:
    schema = folder / f"{name}.schema.yaml"
    schema.write_text(toy.SCHEMA % forward)
    port, admin = free_port(), free_port()
    ps.start(name, [andiron, "guard", "serve", "--schema", str(schema), "--backend", f"http://127.0.0.1:{http}", "--backend-grpc", f"http://127.0.0.1:{grpc_port}",
                    "--listen", f"127.0.0.1:{port}", "--admin-listen", f"127.0.0.1:{admin}", *more])
    ps.wait(name, f"http://127.0.0.1:{admin}/readyz")
    return port


def everything(port: int, name: str, binary: bool, stream: bool, old: bool) -> None:
    url = f"127.0.0.1:{port}"
    poisoned = "the"  # model's answer is not as its schema says
    for b in (False, True) if binary else (False,):
        expect(f"{name}: http, binary {b}", http_infer(url, GOOD, b), predicted(GOOD))
        expect(f"{name}: http, out of range", http_infer(url, BAD, b), "AT-RANGE")
        expect(f"{name}: http, poisoned", http_infer(url, POISON, b), poisoned)
    expect(f"{name}: gRPC", grpc_infer(url, GOOD), predicted(GOOD))
    expect(f"{name}: gRPC, out of range", grpc_infer(url, BAD), "StatusCode.INVALID_ARGUMENT AT-RANGE")
    if stream:
        grpc_stream(url, name)
    http_about(url, name)
    grpc_about(url, name)
    if old:
        v1(f"http://{url}", name)


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
                everything(gateway(ps, andiron, folder, name, forward, http, calls, "--bare-streams"), name, binary, stream=forward != "v2-json", old=False)
            http, calls = kserve(ps, kserve_python, folder)
            for forward in ("same", "v2-json", "v2-binary", "v2-grpc"):
                name = f"kserve-{forward}"
                everything(gateway(ps, andiron, folder, name, forward, http, calls), name, binary=True, stream=False, old=True)
        except BaseException:
            for log in sorted(folder.glob("*.log")):
                sys.stderr.write(f"== {log.name}\n{log.read_text(errors='replace')[-3000:]}\n")
            raise
        finally:
            ps.stop()
    print(f"gateway: {checks} checks against MLServer and KServe's server passed")


if __name__ == "__main__":
    main(*sys.argv[1:])
