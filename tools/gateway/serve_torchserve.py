"""The handler that TorchServe loads: it takes the toy's numbers in each form."""

import torch
from ts.torch_handler.base_handler import BaseHandler


class Handler(BaseHandler):
    def handle(self, data, context):
        return [self.one(d.get("data") or d.get("body")) for d in data]

    def one(self, body):
        v1 = isinstance(body, dict) and "instances" in body
        if isinstance(body, dict):
            body = body.get("instances") or body.get("data") or body.get("x")
        with torch.no_grad():
            y = self.model(torch.tensor(body, dtype=torch.float32)).tolist()
        return {"predictions": y} if v1 else y
