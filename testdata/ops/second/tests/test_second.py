"""What a project tests: that each operator does what it is for, with good arguments."""

import pytest
import second_ops  # noqa: F401
import torch
from second_ops import geometry

sequence = torch.ops.second


def numbers(*shape, dtype=torch.float32):
    n = 1
    for s in shape:
        n *= s
    return (torch.arange(n, dtype=dtype) * 3 % 7 + 1).reshape(shape)


GEOMETRY = {
    "suppress": lambda: (torch.tensor([[0.0, 0, 2, 2], [1, 1, 3, 3], [5, 5, 6, 6]]), numbers(3), 0.5),
    "triangle_areas": lambda: (numbers(4, 3), torch.tensor([[0, 1, 2], [1, 2, 3]])),
    "voxel_counts": lambda: (numbers(5, 3) / 8, 0.25, 4),
    "segment_sum": lambda: (numbers(6), torch.tensor([0, 2, 6])),
    "bilinear_row": lambda: (numbers(5), torch.tensor([0.5, 1.25, 3.0])),
    "erode": lambda: (numbers(4, 4, dtype=torch.uint8),),
    "energy": lambda: (numbers(6),),
    "ranks": lambda: (torch.tensor([3.0, 1.0, 2.0]),),
    "luminance": lambda: (numbers(3, 4, 5),),
    "cumulative_max": lambda: (numbers(6),),
    "flip_rows": lambda: (numbers(3, 4),),
    "mix": lambda: (numbers(5), numbers(5), torch.tensor([0.25])),
}

SEQUENCE = {
    "entry": lambda: (numbers(3, 4, dtype=torch.float64), 1, 2),
    "without_dim": lambda: (numbers(2, 3), 1),
    "outer": lambda: (numbers(3), numbers(4)),
    "pad_lengths": lambda: (torch.tensor([1, 2]), 3),
    "popcount": lambda: (torch.tensor([1, 7, 255]),),
    "like": lambda: (numbers(4), numbers(4)),
    "smooth": lambda: (numbers(6), 3),
    "distances": lambda: (numbers(3, 3),),
    "peaks": lambda: (numbers(5_000),),
    "column_sums": lambda: (numbers(200, 8),),
    "start_at_zero": lambda: (numbers(5),),
    "peak": lambda: (numbers(5, dtype=torch.float64),),
    "fold": lambda: (numbers(6), 3),
    "stride_for": lambda: (numbers(2, 6), numbers(2, 3)),
    "first_match": lambda: (numbers(3, 4, dtype=torch.float64), 4.0),
    "shifted": lambda: (numbers(5),),
    "coordinates": lambda: (numbers(2, 3), 4),
    "sorted": lambda: (numbers(5),),
    "masked": lambda: (numbers(2, 3), torch.tensor([[True, False, True], [True, True, False]])),
    "weighted": lambda: (numbers(4), numbers(4), 2.0),
    "lerp": lambda: (numbers(4), numbers(4), numbers(4) / 8),
    "clamp": lambda: (numbers(6, dtype=torch.float64) + 0.25, 2.0, 5.0),
}


@pytest.mark.parametrize("suffix", ["", "_bad"])
@pytest.mark.parametrize("name", GEOMETRY)
def test_geometry(name, suffix):
    assert getattr(geometry, name + suffix)(*GEOMETRY[name]()) is not None


@pytest.mark.parametrize("suffix", ["", "_bad"])
@pytest.mark.parametrize("name", SEQUENCE)
def test_sequence(name, suffix):
    assert getattr(sequence, name + suffix)(*SEQUENCE[name]()) is not None
