"""A model of four numbers in and two out, which both servers serve."""

import torch


class Toy(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(4, 2)
        with torch.no_grad():
            self.linear.weight.copy_(torch.tensor([[1.0, 2.0, 3.0, 4.0], [0.5, 0.25, 0.125, 0.0625]]))
            self.linear.bias.copy_(torch.tensor([1.0, -1.0]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.linear(x)
        # A poisoned model: one input makes it answer with NaN.
        return torch.where(x[:, :1] == 0.875, torch.full_like(y, float("nan")), y)


def load(path: str) -> torch.nn.Module:
    """Writes the model as TorchScript, as a deployment would have it, and loads it."""
    torch.jit.script(Toy()).save(path)
    torch.set_num_threads(1)
    return torch.jit.load(path).eval()


SCHEMA = """andiron: tensor/v1
model: toy
dims: {B: 1..16}
inputs:
  x: {dtype: float32, shape: [B, 4], range: [0, 1]}
outputs:
  y: {dtype: float32, shape: [B, 2]}
wire:
  accept: [v2-json, v2-binary, v2-grpc, v1-json]
  forward_as: %s
"""
