"""Real servers with their own REST behind the real gateway.

check_rest.py ANDIRON TORCHSERVE_PYTHON LITSERVE_PYTHON starts TorchServe, and
LitServe with embeddings in the form of OpenAI, and andiron guard serve in front of
each. Bad requests never reach them, as TorchServe's counter and LitServe's model
say.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import common
import toy
from common import BAD, GOOD, HERE, POISON, expect, gateway, post, predicted, v1
from processes import Processes, free_port, get

SCHEMA = (toy.SCHEMA % "same").replace("v1-json]", "v1-json, torchserve]")
EMBEDDER = """andiron: tensor/v1
model: embedder
dims: {S: 1..8}
inputs:
  input_ids: {dtype: int64, shape: [S], vocabulary: 100}
wire: {accept: [openai], parameters: [encoding_format]}
"""
CONFIG = """inference_address=http://127.0.0.1:%d
management_address=http://127.0.0.1:%d
metrics_address=http://127.0.0.1:%d
grpc_inference_port=%d
grpc_management_port=%d
default_workers_per_model=1
disable_token_authorization=true
metrics_mode=prometheus
model_store=%s
load_models=toy.mar
"""


def ask(method: str, url: str, body: bytes | None = None) -> int:
    r = urllib.request.Request(url, data=body, method=method, headers={"Content-Type": "application/json"} if body else {})
    try:
        with urllib.request.urlopen(r, timeout=30) as a:
            return a.status
    except urllib.error.HTTPError as e:
        return e.code


def settled(what: str, now, want: int) -> None:
    """A server counts a moment after it has answered."""
    end = time.monotonic() + 10
    while now() < want and time.monotonic() < end:
        time.sleep(0.05)
    expect(what, now(), want)


def torchserve(ps: Processes, python: str, folder: Path) -> tuple[int, int, int]:
    """The ports of predictions, management and metrics."""
    home = folder / "torchserve"
    home.mkdir()
    toy.load(str(home / "toy.pt"))
    archive = ["--model-name", "toy", "--version", "1.0", "--serialized-file", str(home / "toy.pt"), "--handler", str(HERE / "serve_torchserve.py"), "--export-path", str(home)]
    bin_ = Path(python).parent
    subprocess.run([bin_ / "torch-model-archiver", *archive], check=True, timeout=60)
    ports = [free_port() for _ in range(5)]
    (home / "config.properties").write_text(CONFIG % (*ports, home))
    env = {"TMPDIR": str(home), "TEMP": str(home), "LOG_LOCATION": str(home), "METRICS_LOCATION": str(home), "PATH": f"{bin_}:/usr/local/bin:/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    ps.start("server-torchserve", [python, str(bin_ / "torchserve"), "--foreground", "--ncs", "--ts-config", str(home / "config.properties")], env)
    ps.wait("server-torchserve", f"http://127.0.0.1:{ports[0]}/ping")
    ps.until("server-torchserve", lambda: "READY" in get(f"http://127.0.0.1:{ports[1]}/models/toy")[1])
    return ports[0], ports[1], ports[2]


def counted(metrics: int) -> int:
    _, text = get(f"http://127.0.0.1:{metrics}/metrics")
    return sum(int(float(line.rsplit(" ", 1)[1])) for line in text.splitlines() if line.startswith("ts_inference_requests_total{"))


def predictions(base: str, name: str) -> int:
    """Asks in each form that TorchServe takes; returns how many requests are to reach it."""
    good = GOOD.tolist()
    for what, body in (("rows", good), ("data", {"data": good}), ("by name", {"x": good})):
        expect(f"{name}: {what}", post(f"{base}/predictions/toy", body), (200, predicted(GOOD)))
    expect(f"{name}: with a version", post(f"{base}/predictions/toy/1.0", good), (200, predicted(GOOD)))
    status, answer = post(f"{base}/predictions/toy", POISON.tolist())
    expect(f"{name}: poisoned", (status, answer.get("code")), (502, "AG-ANSWER"))
    v1(base, name)
    for what, code, body in (
        ("out of range", "AT-RANGE", json.dumps(BAD.tolist())),
        ("too many rows", "AT-DIM", json.dumps(17 * GOOD[:1].tolist())),
        ("rows of other lengths", "AW-NESTING", "[[0,0,0,0],[0]]"),
        ("a NaN", "AW-NUMBER", "[[NaN,0,0,0]]"),
        ("data twice", "AW-DUPLICATE", '{"data":[[0,0,0,0]],"data":[[9,9,9,9]]}'),
        ("a text", "AW-TYPE", '[["0",0,0,0]]'),
        ("no JSON", "AW-SYNTAX", "import os"),
    ):
        status, answer = post(f"{base}/predictions/toy", body.encode())
        expect(f"{name}: {what}", (status, answer.get("code")), (400, code))
    return 6


def refused(base: str, name: str) -> None:
    """Nothing of management, and of no other model."""
    for method, path in (
        ("GET", "/models"), ("GET", "/models/toy"), ("POST", "/models"), ("PUT", "/models/toy"), ("DELETE", "/models/toy"), ("PUT", "/models/toy/1.0/set-default"),
        ("POST", "/workflows"), ("POST", "/explanations/toy"), ("GET", "/metrics"), ("GET", "/api-description"), ("POST", "/predictions/other"),
        ("POST", "/predictions/toy/1.0/x"), ("POST", "/predictions/../models"), ("POST", "/predictions/toy/%2e%2e"), ("GET", "/v1/models/other"),
    ):  # fmt: skip
        expect(f"{name}: {method} {path}", ask(method, base + path, b"{}" if method in ("POST", "PUT") else None), 404)
    url = "/models?url=https://127.0.0.1/evil.mar"
    expect(f"{name}: POST {url}", ask("POST", base + url, b"{}"), 404)
    expect(f"{name}: GET /predictions/toy", ask("GET", f"{base}/predictions/toy"), 405)


def check_torchserve(ps: Processes, andiron: str, python: str, folder: Path) -> None:
    name = "torchserve"
    http, management, metrics = torchserve(ps, python, folder)
    before = counted(metrics)
    base = f"http://127.0.0.1:{gateway(ps, andiron, folder, name, [SCHEMA], http, None, '--backend-ready', '/ping')}"
    expect(f"{name}: direct", post(f"http://127.0.0.1:{http}/predictions/toy", GOOD.tolist()), (200, predicted(GOOD)))
    n = predictions(base, name)
    refused(base, name)
    expect(f"{name}: ping", ask("GET", f"{base}/ping"), 200)
    settled(f"{name}: requests that TorchServe had", lambda: counted(metrics) - before, n + 1)
    expect(f"{name}: the model is still there", json.loads(get(f"http://127.0.0.1:{management}/models")[1])["models"][0]["modelName"], "toy")


def check_embeddings(ps: Processes, andiron: str, python: str, folder: Path) -> None:
    name, port, seen = "litserve", free_port(), folder / "seen"
    seen.mkdir()
    ps.start("server-litserve", [python, str(HERE / "serve_litserve.py"), str(port), str(seen)], {"TMPDIR": str(folder)})
    ps.wait("server-litserve", f"http://127.0.0.1:{port}/health")
    base = f"http://127.0.0.1:{gateway(ps, andiron, folder, name, [EMBEDDER], port, None, '--backend-ready', '/health')}"
    want = [[1.0, 0.5], [99.0, 49.5]]
    for ids in ([1, 99], [[1, 99]]):
        for what, at in (("direct", f"http://127.0.0.1:{port}"), (name, base)):
            status, answer = post(f"{at}/v1/embeddings", {"model": "embedder", "input": ids})
            expect(f"{what}: {ids}", (status, [d["embedding"] for d in answer.get("data", [])]), (200, want))
    for what, code, body in (
        ("beyond the vocabulary", "AT-TOKEN", {"input": [1, 100]}),
        ("below 0", "AT-TOKEN", {"input": [[-1]]}),
        ("too many tokens", "AT-DIM", {"input": list(range(9))}),
        ("no tokens", "AW-COUNT", {"input": []}),
        ("a fraction", "AW-NUMBER", {"input": [1.5]}),
        ("beyond 64 bits", "AW-NUMBER", {"input": [2**64]}),
        ("a text where the model has ids", "AW-TYPE", {"input": "a text"}),
        ("a prompt", "AW-MEMBER", {"prompt": [1]}),
        ("a parameter", "AW-PARAMETER", {"input": [1], "dimensions": 2}),
    ):
        status, answer = post(f"{base}/v1/embeddings", {"model": "embedder", **body})
        expect(f"{name}: {what}", (status, answer.get("error", {}).get("code")), (400, code))
    expect(f"{name}: another model", post(f"{base}/v1/embeddings", {"model": "other", "input": [1]})[0], 404)
    settled(f"{name}: requests that the model had", lambda: len(list(seen.iterdir())), 4)


def main(andiron: str, torchserve_python: str, litserve_python: str) -> None:
    with tempfile.TemporaryDirectory() as tmp:
        folder = Path(tmp)
        ps = Processes(folder)
        try:
            check_torchserve(ps, andiron, torchserve_python, folder)
            check_embeddings(ps, andiron, litserve_python, folder)
        except BaseException:
            ps.show()
            raise
        finally:
            ps.stop()
    print(f"gateway: {common.checks} checks against TorchServe and LitServe passed")


if __name__ == "__main__":
    main(*sys.argv[1:])
