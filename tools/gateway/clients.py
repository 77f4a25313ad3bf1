"""tritonclient asks the gateway."""

from __future__ import annotations

import numpy as np
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient
from common import BAD, GOOD, POISON, expect, predicted


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


def everything(port: int, name: str, binary: bool) -> None:
    url = f"127.0.0.1:{port}"
    poisoned = "the"  # model's answer is not as its schema says
    for b in (False, True) if binary else (False,):
        expect(f"{name}: http, binary {b}", http_infer(url, GOOD, b), predicted(GOOD))
        expect(f"{name}: http, out of range", http_infer(url, BAD, b), "AT-RANGE")
        expect(f"{name}: http, poisoned", http_infer(url, POISON, b), poisoned)
    expect(f"{name}: gRPC", grpc_infer(url, GOOD), predicted(GOOD))
    expect(f"{name}: gRPC, out of range", grpc_infer(url, BAD), "StatusCode.INVALID_ARGUMENT AT-RANGE")
    http_about(url, name)
    grpc_about(url, name)
