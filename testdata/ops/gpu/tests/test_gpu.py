"""What a project tests: that each operator does what it is for, with good arguments."""

import gpu_ops  # noqa: F401
import pytest
import torch

blocks, elements = torch.ops.gpu_blocks, torch.ops.gpu_elements


def numbers(*shape):
    n = 1
    for s in shape:
        n *= s
    return (torch.arange(n, dtype=torch.float32) * 3 % 7 + 1).reshape(shape).cuda()


ELEMENTS = {
    "gathered": lambda: (numbers(6), torch.tensor([0, 2, 1], device="cuda")),
    "scattered": lambda: (torch.tensor([0, 2], device="cuda"), 4),
    "tripled": lambda: (numbers(5),),
    "stretched": lambda: (numbers(3, 4),),
    "accumulated": lambda: (numbers(5),),
    "paired": lambda: (numbers(6),),
    "faded": lambda: (numbers(5), 0.5),
    "marked": lambda: (numbers(1), 4),
    "scaled": lambda: (numbers(5),),
    "shifted": lambda: (numbers(5), numbers(1)),
    "softsign": lambda: (numbers(5),),
}

BLOCKS = {
    "windowed": lambda: (numbers(100), 2),
    "turned": lambda: (numbers(128),),
    "totals": lambda: (numbers(128),),
}


@pytest.mark.parametrize("suffix", ["", "_bad"])
@pytest.mark.parametrize("name", ELEMENTS)
def test_elements(name, suffix):
    assert getattr(elements, name + suffix)(*ELEMENTS[name]()).is_cuda


@pytest.mark.parametrize("suffix", ["", "_bad"])
@pytest.mark.parametrize("name", BLOCKS)
def test_blocks(name, suffix):
    assert getattr(blocks, name + suffix)(*BLOCKS[name]()).is_cuda


def test_values():
    assert elements.softsign(torch.ones(2, device="cuda")).tolist() == [0.5, 0.5]
    assert blocks.totals(numbers(70)).sum().item() == numbers(70).sum().item()
