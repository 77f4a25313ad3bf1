"""Serves the classifier of examples/vision-service behind the gateway, and shows what
becomes of good and bad requests: demo.py ANDIRON. Ends with 1 if one of them is not
answered as it should be."""

import json
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
from processes import Processes, free_port

HERE = Path(__file__).resolve().parents[2] / "examples" / "vision-service"


def ask(url: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=body, headers=headers), timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()


def binary(image: np.ndarray) -> tuple[bytes, dict[str, str]]:
    """The request in the binary extension of the protocol."""
    entry = {"name": "image", "shape": list(image.shape), "datatype": "FP32", "parameters": {"binary_data_size": image.nbytes}}
    head = json.dumps({"inputs": [entry]}).encode()
    return head + image.tobytes(), {"Inference-Header-Content-Length": str(len(head)), "Content-Type": "application/octet-stream"}


def cases() -> list[tuple[str, str, bytes | None, dict[str, str], int, str]]:
    """What is asked, the path, body and headers, and the status and text that must come."""
    infer = "/v2/models/classifier/infer"
    good = np.linspace(0, 1, 3 * 64 * 64, dtype=np.float32).reshape(1, 3, 64, 64)
    nan, tiny, large = good.copy(), good.copy(), good * 255
    nan[0, 1, 2, 3] = np.nan
    tiny[0, 0] = 1e-40
    lying = binary(good)[0][:-4], binary(good)[1]
    entry = {"name": "image", "shape": [1, 3, 32, 32], "datatype": "FP32", "data": [0.5] * 3072}
    doubled = json.dumps({"inputs": [entry]}).replace('"data"', f'"data": {[0.1] * 3072}, "data"').encode()
    as_json = {"Content-Type": "application/json"}
    return [
        ("an image", infer, *binary(good), 200, "scores"),
        ("the same kind in JSON", infer, json.dumps({"inputs": [entry]}).encode(), as_json, 200, "scores"),
        ("an image with a NaN", infer, *binary(nan), 400, "AT-NAN"),
        ("an image of values around 1e-40", infer, *binary(tiny), 400, "AT-TINY"),
        ("an image that was not divided by 255", infer, *binary(large), 400, "divide by 255"),
        ("two channels", infer, *binary(good[:, :2].copy()), 400, "AT-SHAPE"),
        ("fewer bytes than the header says", infer, *lying, 400, "AW-"),
        ('a second "data" for who reads the last', infer, doubled, as_json, 400, "AW-DUPLICATE"),
        ("another model of the server", "/v2/models/other/infer", *binary(good), 404, ""),
        ("the repository of models", "/v2/repository/index", b"{}", as_json, 404, ""),
    ]


def main() -> int:
    http, grpc, gate, admin = (free_port() for _ in range(4))
    wrong = 0
    with tempfile.TemporaryDirectory() as logs:
        processes = Processes(Path(logs))
        try:
            processes.start("server", [sys.executable, str(HERE / "serve_v2.py"), str(http), str(grpc)])
            processes.wait("server", f"http://127.0.0.1:{http}/v2/models/classifier/ready")
            command = [
                sys.argv[1], "guard", "serve", "--schema", str(HERE / "classifier.schema.yaml"),
                "--backend", f"http://127.0.0.1:{http}", "--listen", f"127.0.0.1:{gate}", "--admin-listen", f"127.0.0.1:{admin}",
            ]  # fmt: skip
            processes.start("gateway", command)
            processes.wait("gateway", f"http://127.0.0.1:{admin}/readyz")
            print("the classifier is served behind: andiron guard serve --schema classifier.schema.yaml\n")
            for name, path, body, headers, status, text in cases():
                got, said = ask(f"http://127.0.0.1:{gate}{path}", body, headers)
                ok = got == status and text in said
                wrong += not ok
                shown = said if got != 200 else json.loads(said[: said.rindex("}") + 1])["outputs"][0]["name"] + " come back"
                print(f"{got} {name}\n      {shown.strip()[:150]}" + ("" if ok else f"\n      WRONG: {status} with {text!r} was to come"))
        finally:
            processes.stop()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
