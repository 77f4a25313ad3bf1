"""What a project tests: that each operator does what it is for, with good arguments."""

import os

import pytest
import torch

torch.ops.load_library(os.path.join(os.path.dirname(__file__), "..", "build", "libthird_ops.so"))
third = torch.ops.third


def numbers(*shape, dtype=torch.float32):
    n = 1
    for s in shape:
        n *= s
    return (torch.arange(n, dtype=dtype) * 3 % 7 + 1).reshape(shape)


CASES = {
    "embedding_mean": lambda: (numbers(5, 3), torch.tensor([0, 4, 2])),
    "unpool": lambda: (numbers(3), torch.tensor([0, 3, 5]), 6),
    "nth": lambda: ([numbers(1), numbers(1) * 2], 1),
    "max_pool": lambda: (numbers(6), 2),
    "reverse_scan": lambda: (numbers(5, dtype=torch.float64),),
    "flatten_index": lambda: (numbers(2, 3, 4),),
    "count_zero": lambda: (torch.tensor([0.0, 1.0, 0.0]),),
    "pack_bits": lambda: (torch.tensor([True, False, True, True, False, True, False, True, True]),),
    "shuffle": lambda: (numbers(6), 7),
    "quantile": lambda: (numbers(6), 0.5),
    "nearest": lambda: (numbers(4, 3), numbers(3)),
    "norm": lambda: (numbers(4, dtype=torch.float64),),
    "extrema": lambda: (numbers(3, 4),),
    "fill_diagonal": lambda: (numbers(3, 4, dtype=torch.float64), 0.0),
    "parity": lambda: (torch.tensor([1, 2, 3]),),
    "argmax": lambda: (numbers(20_000),),
    "degree": lambda: (torch.arange(10_000) % 4, 4),
    "linspan": lambda: (numbers(5, dtype=torch.float64),),
    "chunk_ids": lambda: (numbers(6), numbers(2)),
    "output_size": lambda: (numbers(2, 8), 3, 2),
    "upper": lambda: (numbers(3, 4),),
    "select_valid": lambda: (numbers(3), torch.tensor([True, False, True])),
    "bincount16": lambda: (numbers(6) / 8, 4),
    "permute_by": lambda: (numbers(2, 3), [1, 0]),
    "whitened": lambda: (numbers(6),),
    "consumed": lambda: (numbers(5, dtype=torch.float64),),
    "affine": lambda: (numbers(2, 3), numbers(4, 3), numbers(4)),
    "weighted_mean": lambda: (numbers(3, 4), numbers(3)),
    "first_n": lambda: (numbers(5), 3),
    "mul_add": lambda: tuple(numbers(4, dtype=torch.float64) for _ in range(3)),
    "soft_sign": lambda: (numbers(5),),
}


@pytest.mark.parametrize("suffix", ["", "_bad"])
@pytest.mark.parametrize("name", CASES)
def test_operator(name, suffix):
    given = CASES[name]()
    result = getattr(third, name + suffix)(*given)
    assert result is not None or name == "fill_diagonal"
