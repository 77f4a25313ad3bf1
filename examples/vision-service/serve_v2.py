"""The classifier behind the Open Inference Protocol: python serve_v2.py HTTP_PORT GRPC_PORT

It listens on this machine alone. Clients talk to the gateway in front of it:

    andiron guard serve --schema classifier.schema.yaml --backend http://127.0.0.1:8000

"make demo-serve" does both, and tries what the gateway lets through.
"""

import sys

import kserve
import numpy as np
import torch
from kserve import InferOutput, InferResponse

import loader


class Classifier(kserve.Model):
    def __init__(self):
        super().__init__("classifier")
        self.net = loader.classifier()  # only if andiron.lock has its digest
        self.ready = True

    def predict(self, payload, headers=None, response_headers=None):
        image = torch.from_numpy(np.array(payload.inputs[0].as_numpy()))
        with torch.no_grad():
            scores = self.net(image).softmax(1).numpy()
        output = InferOutput("scores", list(scores.shape), "FP32")
        output.set_data_from_numpy(scores, binary_data=bool(payload.request_outputs) or payload.from_grpc)
        return InferResponse(payload.id or "1", "classifier", [output])


if __name__ == "__main__":
    server = kserve.ModelServer(
        http_port=int(sys.argv[1]), grpc_port=int(sys.argv[2]), workers=1, enable_docs_url=False
    )
    server.start([Classifier()])
