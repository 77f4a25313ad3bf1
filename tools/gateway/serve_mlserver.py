"""The runtime that MLServer loads."""

import os
import sys

import torch
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

sys.path.insert(0, os.environ["TOY_SOURCE"])
import toy  # noqa: E402


class Runtime(MLModel):
    async def load(self) -> bool:
        self.model = toy.load(os.environ["TOY_MODEL"])
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        x = torch.from_numpy(NumpyCodec.decode_input(payload.inputs[0]).copy())
        with torch.no_grad():
            y = self.model(x).numpy()
        return InferenceResponse(model_name=self.name, id=payload.id, outputs=[NumpyCodec.encode_output("y", y)])

    async def predict_stream(self, payloads):
        async for payload in payloads:
            yield await self.predict(payload)
