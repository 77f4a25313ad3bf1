"""What the checks of the gateway have in common: the numbers, and starting it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import toy
import torch
from processes import Processes, free_port

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


def v1(base: str, name: str) -> None:
    status, answer = post(f"{base}/v1/models/toy:predict", {"instances": GOOD.tolist()})
    expect(f"{name}: V1", (status, answer.get("predictions")), (200, predicted(GOOD)))
    status, answer = post(f"{base}/v1/models/toy:predict", {"instances": BAD.tolist()})
    expect(f"{name}: V1 out of range", (status, answer.get("code")), (400, "AT-RANGE"))
    twice = b'{"instances":[[0,0,0,0]],"instances":[[9,9,9,9]]}'
    expect(f"{name}: V1 twice", post(f"{base}/v1/models/toy:predict", twice)[1].get("code"), "AW-DUPLICATE")


def gateway(ps: Processes, andiron: str, folder: Path, name: str, schemas: list[str], http: int, grpc_port: int | None, *more: str) -> int:
    """Starts a gateway with schemas in front of a server, and returns its port."""
    flags = ["--backend", f"http://127.0.0.1:{http}"]
    if grpc_port is not None:
        flags += ["--backend-grpc", f"http://127.0.0.1:{grpc_port}"]
    for i, text in enumerate(schemas):
        schema = folder / f"{name}-{i}.schema.yaml"
        schema.write_text(text)
        flags += ["--schema", str(schema)]
    port, admin = free_port(), free_port()
    ps.start(name, [andiron, "guard", "serve", *flags, "--listen", f"127.0.0.1:{port}", "--admin-listen", f"127.0.0.1:{admin}", *more])
    ps.wait(name, f"http://127.0.0.1:{admin}/readyz")
    return port
