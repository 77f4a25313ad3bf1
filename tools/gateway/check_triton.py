"""Real Triton behind the real gateway, asked by tritonclient.

check_triton.py ANDIRON PYTRITON_PYTHON starts Triton with models of its Python
backend, andiron guard serve in front of it in each form, and asks both. Good
requests have the same answers as without the gateway; bad ones never reach Triton,
whose own counters say so.
"""

from __future__ import annotations

import json
import queue
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import clients
import common
import numpy as np
import toy
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient
from common import BAD, GOOD, HERE, POISON, expect, gateway, post, predicted
from processes import Processes, free_port, get

WORDS = """andiron: tensor/v1
model: words
dims: {B: 1..16, N: 1..8}
inputs:
  t: {dtype: bytes, shape: [B, N], text: {max_bytes: 16, utf8: strict, deny: [control]}}
outputs:
  n: {dtype: int64, shape: [B, N], range: [0, 16]}
wire: {accept: [v2-json, v2-binary, v2-grpc], forward_as: %s}
"""
MANY = toy.SCHEMA.replace("model: toy", "model: many") + "  parameters: [triton_enable_empty_final_response]\n"
TEXTS = np.array([["a", "été"], ["", "drei"]], dtype=object)


class Counter:
    """How many requests Triton says it had, answered or not."""

    def __init__(self, url: str) -> None:
        self.url, self.want = url, 0
        self.want = self.now()

    def now(self) -> int:
        status, text = get(self.url)
        if status != 200:
            raise SystemExit(f"Triton's metrics: status {status}: {text}")
        of = [line for line in text.splitlines() if line.startswith(("nv_inference_request_success{", "nv_inference_request_failure{"))]
        return sum(int(float(line.rsplit(" ", 1)[1])) for line in of)

    def grew(self, what: str, n: int) -> None:
        """Triton counts a moment after it has answered."""
        self.want += n
        end = time.monotonic() + 10
        while self.now() < self.want and time.monotonic() < end:
            time.sleep(0.05)
        expect(f"{what}: Triton's counter", self.now(), self.want)


def texts_of(client, url: str, texts: np.ndarray, **kw) -> object:
    i = client.InferInput("t", list(texts.shape), "BYTES")
    i.set_data_from_numpy(np.array([[t.encode() for t in row] for row in texts], dtype=object), **kw)
    c = client.InferenceServerClient(url)
    try:
        out = [client.InferRequestedOutput("n", **kw)]
        return c.infer("words", [i], outputs=out).as_numpy("n").tolist()
    except (grpcclient.InferenceServerException, httpclient.InferenceServerException) as e:
        return e.message().split()[0].rstrip(":")
    finally:
        c.close()


def words(direct: dict[str, str], url: str, name: str, count: Counter) -> None:
    want = [[len(t.encode()) for t in row] for row in TEXTS]
    ways = [(httpclient, "http", {"binary_data": True}), (httpclient, "http", {"binary_data": False}), (grpcclient, "grpc", {})]
    for client, way, kw in ways:
        expect(f"{name}: texts, direct, {way} {kw}", texts_of(client, direct[way], TEXTS, **kw), want)
        expect(f"{name}: texts, {way} {kw}", texts_of(client, url, TEXTS, **kw), want)
        for code, bad in (("AT-TEXT-SIZE", "a" * 17), ("AT-TEXT-CHAR", "a\x00b")):
            expect(f"{name}: {code}, {way} {kw}", texts_of(client, url, np.array([[bad]], dtype=object), **kw), code)
    count.grew(f"{name}: texts", 2 * len(ways))


def numbers(direct: dict[str, str], url: str, name: str, count: Counter) -> None:
    """The same answers as without the gateway, in all forms."""
    for binary in (False, True):
        expect(f"{name}: direct, binary {binary}", clients.http_infer(direct["http"], GOOD, binary), predicted(GOOD))
    expect(f"{name}: direct, gRPC", clients.grpc_infer(direct["grpc"], GOOD), predicted(GOOD))
    count.grew(f"{name}: direct", 3)
    # Of each form one is good and one lets the model answer with a NaN; the third is
    # out of range.
    clients.everything(int(url.rsplit(":", 1)[1]), name, binary=True)
    count.grew(f"{name}: through the gateway", 5)


def batches(url: str, name: str, count: Counter) -> None:
    """Triton puts requests that come at once into one batch; each gets its own answer."""
    rows = [np.array([[i / 16, 1, 0, i / 32]], dtype=np.float32) for i in range(12)]
    with ThreadPoolExecutor(len(rows)) as pool:
        got = list(pool.map(lambda x: clients.http_infer(url, x, True), rows))
    expect(f"{name}: at once", got, [predicted(x) for x in rows])
    count.grew(f"{name}: at once", len(rows))


def attacks(url: str, name: str, count: Counter) -> None:
    """What Triton or its neighbours read otherwise than it was meant."""
    entry = {"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [0, 0, 0, 1]}
    good = json.dumps({"inputs": [entry]})
    for what, code, old, new in [
        ("a NaN", "AW-NUMBER", "[0, 0, 0, 1]", "[NaN, 0, 0, 1]"),
        ("1e39 as FP32", "AW-NUMBER", "[0, 0, 0, 1]", "[1e39, 0, 0, 1]"),
        ("data twice", "AW-DUPLICATE", '"data"', '"data": [9, 9, 9, 9], "data"'),
        ("fewer data than the shape", "AW-COUNT", "[0, 0, 0, 1]", "[0, 0, 0]"),
        ("a shape that wraps", "AW-SHAPE", "[1, 4]", "[4294967297, 4294967296]"),
        ("a parameter", "AW-PARAMETER", '"data"', '"parameters": {"shm": "x"}, "data"'),
        ("shared memory", "AW-MEMORY", '"data": [0, 0, 0, 1]', '"parameters": {"shared_memory_region": "r", "shared_memory_byte_size": 16}'),
        ("another type", "AT-DTYPE", "FP32", "FP64"),
        ("another input", "AT-UNKNOWN", '"x"', '"z"'),
    ]:
        status, answer = post(f"http://{url}/v2/models/toy/infer", good.replace(old, new).encode())
        expect(f"{name}: {what}", (400 <= status < 500, answer.get("code")), (True, code))
    for path in ("/v2/repository/index", "/v2/models/toy/config", "/v2/models/toy/generate", "/v2/trace/setting", "/v2/logging", "/v2/systemsharedmemory/region/r/register"):
        expect(f"{name}: {path}", post(f"http://{url}{path}", {})[0], 404)
    count.grew(f"{name}: attacks", 0)


class Stream:
    """A stream of tritonclient, which says what comes in the order of its coming."""

    def __init__(self, url: str) -> None:
        self.came: queue.Queue = queue.Queue()
        self.client = grpcclient.InferenceServerClient(url)
        self.client.start_stream(lambda result, error: self.came.put((result, error)))

    def ask(self, model: str, x: np.ndarray, **kw) -> None:
        self.client.async_stream_infer(model, [clients.input_of(grpcclient, x)], **kw)

    def next(self) -> tuple[str, object]:
        """The id, and the outputs or the code of a fault, of what comes next."""
        result, error = self.came.get(timeout=30)
        if error is not None:
            return "", error.message().split()[0].rstrip(":")
        y = result.as_numpy("y")
        return result.get_response().id, None if y is None else y.tolist()

    def final(self) -> tuple[str, bool]:
        result, error = self.came.get(timeout=30)
        expect("the last answer", error, None)
        r = result.get_response()
        return r.id, r.parameters["triton_final_response"].bool_param and not r.outputs

    def close(self) -> None:
        self.client.stop_stream()
        self.client.close()


def plus(x: np.ndarray, n: int) -> list:
    return (np.array(predicted(x), dtype=np.float32) + np.float32(n)).tolist()


def stream(url: str, name: str, count: Counter) -> None:
    s = Stream(url)
    s.ask("toy", GOOD, request_id="a")
    expect(f"{name}: stream", s.next(), ("a", predicted(GOOD)))
    s.ask("toy", BAD, request_id="bad")
    expect(f"{name}: stream, out of range", s.next(), ("", "AT-RANGE"))
    s.ask("toy", GOOD[:1])
    expect(f"{name}: stream, without an id", s.next(), ("", predicted(GOOD[:1])))
    s.ask("toy", POISON, request_id="nan")
    expect(f"{name}: stream, poisoned", s.next(), ("", "AG-OUTPUT"))
    s.ask("many", GOOD, request_id="m")
    for i in range(3):
        expect(f"{name}: stream, answer {i}", s.next(), ("m", plus(GOOD, i)))
    s.ask("many", GOOD, request_id="f", enable_empty_final_response=True)
    for i in range(3):
        expect(f"{name}: stream, answer {i} and then the last", s.next(), ("f", plus(GOOD, i)))
    expect(f"{name}: stream, the last answer", s.final(), ("f", True))
    # A model that answers with other rows than it was asked for.
    s.ask("many", np.array([[0.75, 0, 0, 0]], dtype=np.float32), request_id="rows")
    for i in range(3):
        expect(f"{name}: stream, a row too many {i}", s.next(), ("", "AG-OUTPUT"))
    s.close()
    count.grew(f"{name}: stream", 6)


def triton(ps: Processes, python: str, folder: Path) -> tuple[int, int, int]:
    http, calls, metrics = free_port(), free_port(), free_port()
    env = {"TOY_SOURCE": str(HERE), "TOY_MODEL": str(folder / "triton.pt"), "OMP_NUM_THREADS": "1"}
    ps.start("server-triton", [python, str(HERE / "serve_triton.py"), str(http), str(calls), str(metrics), str(folder / "triton")], env)
    for model in ("toy", "words", "many"):
        ps.wait("server-triton", f"http://127.0.0.1:{http}/v2/models/{model}/ready")
    return http, calls, metrics


def main(andiron: str, python: str) -> None:
    with tempfile.TemporaryDirectory() as tmp:
        folder = Path(tmp)
        ps = Processes(folder)
        try:
            http, calls, metrics = triton(ps, python, folder)
            direct = {"http": f"127.0.0.1:{http}", "grpc": f"127.0.0.1:{calls}"}
            count = Counter(f"http://127.0.0.1:{metrics}/metrics")
            for forward in ("same", "v2-json", "v2-binary", "v2-grpc"):
                name = f"triton-{forward}"
                schemas = [toy.SCHEMA % forward, WORDS % forward, MANY % forward]
                url = f"127.0.0.1:{gateway(ps, andiron, folder, name, schemas, http, calls)}"
                numbers(direct, url, name, count)
                words(direct, url, name, count)
                batches(url, name, count)
                attacks(url, name, count)
                stream(url, name, count)
        except BaseException:
            ps.show()
            raise
        finally:
            ps.stop()
    print(f"gateway: {common.checks} checks against Triton passed")


if __name__ == "__main__":
    main(*sys.argv[1:])
