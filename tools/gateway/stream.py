"""Asks a stream of MLServer through the gateway: stream.py ADDRESS.

MLServer's streams have another form than Triton's, so its own stub asks.
"""

import sys

import grpc
import numpy as np
import toy
import torch
from mlserver.grpc import dataplane_pb2 as pb
from mlserver.grpc import dataplane_pb2_grpc as stubs

GOOD = np.array([[0, 0.25, 0.5, 1], [1, 1, 1, 1]], dtype=np.float32)
BAD = np.array([[0, 0.25, 255, 1]], dtype=np.float32)


def request(x: np.ndarray, number: int) -> pb.ModelInferRequest:
    tensor = pb.ModelInferRequest.InferInputTensor(name="x", datatype="FP32", shape=x.shape)
    return pb.ModelInferRequest(model_name="toy", id=str(number), inputs=[tensor], raw_input_contents=[x.tobytes()])


def output(answer: pb.ModelInferResponse) -> list:
    if answer.raw_output_contents:
        y = np.frombuffer(answer.raw_output_contents[0], dtype=np.float32)
    else:
        y = np.array(answer.outputs[0].contents.fp32_contents, dtype=np.float32)
    return y.reshape(2, 2).tolist()


def main(address: str) -> None:
    with torch.no_grad():
        want = toy.Toy()(torch.from_numpy(GOOD)).numpy().tolist()
    with grpc.insecure_channel(address) as channel:
        stub = stubs.GRPCInferenceServiceStub(channel)
        # MLServer gives all answers of a stream the id of its first request.
        got = [output(a) for a in stub.ModelStreamInfer(request(GOOD, i) for i in range(3))]
        if got != [want] * 3:
            raise SystemExit(f"got {got}, want {want} three times")
        try:
            answers = list(stub.ModelStreamInfer(iter([request(BAD, 0)])))
        except grpc.RpcError as e:
            if (e.code().name, e.details().split()[0]) != ("INVALID_ARGUMENT", "AT-RANGE"):
                raise SystemExit(f"out of range: {e}") from e
        else:
            raise SystemExit(f"out of range: got {answers}")
    print("ok")


if __name__ == "__main__":
    main(sys.argv[1])
