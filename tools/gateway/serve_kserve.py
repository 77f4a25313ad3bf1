"""The model server of KServe's SDK: serve_kserve.py HTTP_PORT GRPC_PORT."""

import os
import sys

import kserve
import numpy as np
import torch
from kserve import InferOutput, InferRequest, InferResponse

sys.path.insert(0, os.environ["TOY_SOURCE"])
import toy  # noqa: E402


class Runtime(kserve.Model):
    def __init__(self) -> None:
        super().__init__("toy")
        self.model = toy.load(os.environ["TOY_MODEL"])
        self.ready = True

    def predict(self, payload, headers=None, response_headers=None):
        v2 = isinstance(payload, InferRequest)
        x = payload.inputs[0].as_numpy() if v2 else np.array(payload["instances"], dtype=np.float32)
        with torch.no_grad():
            y = self.model(torch.from_numpy(np.array(x, dtype=np.float32))).numpy()
        if not v2:
            return {"predictions": y.tolist()}
        out = InferOutput("y", list(y.shape), "FP32")
        out.set_data_from_numpy(y, binary_data=bool(payload.request_outputs) or payload.from_grpc)
        return InferResponse(payload.id or "1", "toy", [out])


if __name__ == "__main__":
    kserve.ModelServer(http_port=int(sys.argv[1]), grpc_port=int(sys.argv[2]), workers=1, enable_docs_url=False).start([Runtime()])
