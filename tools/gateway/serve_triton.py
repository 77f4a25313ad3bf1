"""Real Triton, by PyTriton: serve_triton.py HTTP_PORT GRPC_PORT METRICS_PORT FOLDER.

Three models: the toy, one of texts, and one with many answers to a request.
"""

import os
import signal
import sys

import numpy as np
import torch
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

sys.path.insert(0, os.environ["TOY_SOURCE"])
import toy  # noqa: E402


def predict(model, x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return model(torch.from_numpy(x.copy())).numpy()


def main() -> None:
    # Triton is ended by the end of the with below.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    http, grpc, metrics = (int(a) for a in sys.argv[1:4])
    model = toy.load(os.environ["TOY_MODEL"])

    @batch
    def one(x):
        return {"y": predict(model, x)}

    @batch
    def lengths(t):
        return {"n": np.array([[len(text) for text in row] for row in t], dtype=np.int64)}

    def many(requests):
        """Three answers to a request; whoever asks with 0.75 first gets a row too many."""
        for i in range(3):
            answers = []
            for request in requests:
                y = predict(model, request["x"]) + np.float32(i)
                if request["x"][0, 0] == 0.75:
                    y = np.concatenate([y, y[:1]])
                answers.append({"y": y})
            yield answers

    floats = {"inputs": [Tensor(name="x", dtype=np.float32, shape=(4,))], "outputs": [Tensor(name="y", dtype=np.float32, shape=(2,))]}
    config = TritonConfig(http_port=http, grpc_port=grpc, metrics_port=metrics, http_address="127.0.0.1", grpc_address="127.0.0.1", metrics_address="127.0.0.1")
    with Triton(config=config, workspace=sys.argv[4]) as server:
        batcher = DynamicBatcher(max_queue_delay_microseconds=20000)
        server.bind("toy", one, **floats, config=ModelConfig(max_batch_size=16, batcher=batcher))
        server.bind(
            "words", lengths, inputs=[Tensor(name="t", dtype=bytes, shape=(-1,))], outputs=[Tensor(name="n", dtype=np.int64, shape=(-1,))],
            config=ModelConfig(max_batch_size=16),
        )  # fmt: skip
        server.bind("many", many, **floats, config=ModelConfig(max_batch_size=16, decoupled=True))
        server.serve()


if __name__ == "__main__":
    main()
