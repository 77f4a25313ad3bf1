"""The classifier by the Open Inference Protocol, on this machine alone: vision.service

gateway.service stands in front of it and holds every request against the schema; the
guard around the model does so once more, because a gateway can be walked around.
"""

import andiron
import torch
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

import loader

app = FastAPI()
model = loader.classifier()  # the only one: no request names a file, and none brings one


class Tensor(BaseModel):
    name: str = Field(pattern="^image$")
    datatype: str = Field(pattern="^FP32$")
    shape: list[int] = Field(min_length=4, max_length=4)
    data: list[float] = Field(max_length=3 * 524288)


class Request(BaseModel):
    id: str = Field(default="", max_length=128)
    inputs: list[Tensor] = Field(min_length=1, max_length=1)


@app.get("/v2/health/ready")
def ready():
    return {}


@app.post("/v2/models/classifier/infer")
def infer(req: Request):
    image = req.inputs[0]
    try:
        with torch.no_grad():
            scores = model(torch.tensor(image.data, dtype=torch.float32).reshape(image.shape))
    except (andiron.TensorValidationError, RuntimeError) as e:
        raise HTTPException(400, str(e)) from e
    out = {"name": "scores", "datatype": "FP32", "shape": list(scores.shape), "data": scores.flatten().tolist()}
    return {"model_name": "classifier", "id": req.id, "outputs": [out]}
