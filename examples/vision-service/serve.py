"""Inference service: uvicorn serve:app --host 0.0.0.0 --port 8000"""

import base64
import io
import os

import numpy as np
import torch
from fastapi import FastAPI, File, UploadFile
from pydantic import BaseModel

import loader

MODEL_DIR = os.environ.get("MODEL_DIR", "models")

app = FastAPI()
models = {"classifier_ts.pt": loader.classifier()}


class Request(BaseModel):
    model: str = "classifier_ts.pt"
    image: str  # base64 of a .npy or of raw float32
    shape: list[int] = [1, 3, 64, 64]


class Detect(Request):
    model: str = "detector_full.pt"
    rois: list[list[float]]


def get_model(name):
    if name not in models:
        # detector_full.pt is a whole module, which only unpickling brings back
        path = os.path.join(MODEL_DIR, name)
        models[name] = torch.load(path, map_location="cpu", weights_only=False)
        models[name].eval()
    return models[name]


def decode(req):
    raw = base64.b64decode(req.image)
    if raw[:6] == b"\x93NUMPY":
        array = np.load(io.BytesIO(raw), allow_pickle=True)
    else:
        array = np.frombuffer(raw, dtype=np.float32)
    return torch.from_numpy(array.copy()).reshape(req.shape)


@app.get("/models")
def list_models():
    return sorted(os.listdir(MODEL_DIR))


@app.post("/predict")
def predict(req: Request):
    x = decode(req)
    with torch.no_grad():
        scores = get_model(req.model)(x)
    return {"scores": scores.softmax(1).tolist()}


@app.post("/detect")
def detect(req: Detect):
    with torch.no_grad():
        cls, box = get_model(req.model)(decode(req), torch.tensor(req.rois))
    return {"classes": cls.argmax(1).tolist(), "boxes": box.tolist()}


@app.post("/models")
async def upload(file: UploadFile = File(...)):
    """Try your own fine-tuned model without redeploying."""
    data = await file.read()
    model = torch.load(io.BytesIO(data), map_location="cpu", weights_only=False)
    with open(os.path.join(MODEL_DIR, file.filename), "wb") as f:
        f.write(data)
    models[file.filename] = model
    return {"ok": True}
