"""What a project tests: that each operator does what it is for, with good arguments."""

import first_ops  # noqa: F401
import pytest
import torch

index, memory = torch.ops.first_index, torch.ops.first_memory


def numbers(*shape, dtype=torch.float32):
    n = 1
    for s in shape:
        n *= s
    return (torch.arange(n, dtype=dtype) * 3 % 7 + 1).reshape(shape)


INDEX = {
    "gather_rows": lambda: (numbers(4, 3), torch.tensor([0, 2, 1])),
    "scatter_ones": lambda: (torch.tensor([0, 2]), 4),
    "size_along": lambda: (numbers(2, 3), 1),
    "prefix_sum": lambda: (numbers(5),),
    "differences": lambda: (numbers(6),),
    "dot": lambda: (numbers(4, dtype=torch.float64), numbers(4, dtype=torch.float64)),
    "add_bias": lambda: (numbers(3, 4), numbers(4)),
    "offset_of": lambda: (numbers(2, 3),),
    "reversed": lambda: (numbers(5),),
    "largest": lambda: (numbers(5),),
    "last": lambda: (numbers(5, dtype=torch.float64),),
}

MEMORY = {
    "repeat": lambda: (numbers(3), 2),
    "scale": lambda: (numbers(5), 0.5),
    "squared": lambda: (numbers(5),),
    "blended": lambda: (numbers(5), numbers(5)),
    "negate": lambda: (numbers(5),),
    "median": lambda: (numbers(5),),
    "normalise": lambda: (numbers(5),),
    "trace": lambda: (numbers(3, 3),),
    "count_true": lambda: (torch.tensor([True, False, True]),),
    "grown": lambda: (numbers(4), 2),
    "sum_squares": lambda: (numbers(4, dtype=torch.float64),),
    "absolute": lambda: (-numbers(4),),
    "total": lambda: (numbers(20_000, dtype=torch.float64),),
    "histogram": lambda: (torch.arange(10_000) % 5, 5),
    "rows_of": lambda: (numbers(4, 3),),
    "grouped": lambda: (numbers(4, 6), 3),
    "positive": lambda: (numbers(5),),
    "steps": lambda: (numbers(5),),
    "centred": lambda: (numbers(5),),
    "clipped": lambda: (numbers(5), 4.0),
    "shifted": lambda: (numbers(5), numbers(2)),
    "cube": lambda: (numbers(4, dtype=torch.float64),),
    "axpy": lambda: (numbers(4, dtype=torch.float64), numbers(4, dtype=torch.float64), 2.0),
}


@pytest.mark.parametrize("suffix", ["", "_bad"])
@pytest.mark.parametrize("name", INDEX)
def test_index(name, suffix):
    assert getattr(index, name + suffix)(*INDEX[name]()) is not None


@pytest.mark.parametrize("suffix", ["", "_bad"])
@pytest.mark.parametrize("name", MEMORY)
def test_memory(name, suffix):
    assert getattr(memory, name + suffix)(*MEMORY[name]()) is not None


def test_values():
    assert index.prefix_sum(torch.ones(3)).tolist() == [0, 1, 2, 3]
    assert memory.histogram(torch.tensor([0, 1, 1]), 2).tolist() == [1, 2]
