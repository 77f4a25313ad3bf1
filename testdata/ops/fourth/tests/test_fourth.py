"""What a project tests: that each operator does what it is for, with good arguments."""

import os

import pytest
import torch

torch.ops.load_library(os.path.join(os.path.dirname(__file__), "..", "build", "libfourth_ops.so"))
fourth = torch.ops.fourth


def numbers(*shape, dtype=torch.float32):
    n = 1
    for s in shape:
        n *= s
    return (torch.arange(n, dtype=dtype) * 3 % 7 + 1).reshape(shape)


def ints(*values, dtype=torch.int64):
    return torch.tensor(values, dtype=dtype)


f64 = torch.float64

CASES = {
    "csr_matvec": lambda: (ints(0, 2, 2, 3), ints(0, 3, 1), numbers(3), numbers(4)),
    "csr_tmatvec": lambda: (torch.arange(4001), torch.arange(4000) % 5, numbers(4000, dtype=f64), numbers(4000, dtype=f64), 5),
    "csr_row_lengths": lambda: (ints(0, 2, 2, 5, 6),),
    "column_counts": lambda: (ints(0, 3, 1, 3), 4),
    "bag_sum": lambda: (numbers(6, 3), ints(0, 2, 5)),
    "bag_weighted": lambda: (numbers(5, 3), ints(0, 4, 2, 2), ints(0, 3), numbers(4)),
    "embedding_lookup": lambda: (numbers(5, 3), ints(0, 4, 2), 0),
    "scatter_max": lambda: (numbers(5), ints(0, 2, 1, 2, 0), 3),
    "segment_max": lambda: (numbers(6), ints(0, 2, 5, 6)),
    "segment_mean": lambda: (ints(4, 6, 9, 1, dtype=torch.int32), ints(0, 0, 1, 2), 3),
    "one_hot_auto": lambda: (ints(0, 2, 1, 2),),
    "rle_encode": lambda: (torch.tensor([1.0, 1.0, 2.0, 2.0, 2.0, 1.0]),),
    "rle_decode": lambda: (numbers(3), ints(2, 0, 3), 5),
    "repeat_runs": lambda: (numbers(3), ints(2, 0, 3)),
    "concat_ragged": lambda: ([numbers(3), numbers(5), numbers(1)],),
    "pad_sequences": lambda: ([numbers(4), numbers(4) * 2], 4),
    "levenshtein": lambda: (ints(1, 2, 3, 4), ints(1, 3, 4, 5)),
    "lcs_length": lambda: (ints(1, 2, 3, 4), ints(1, 3, 4, 5)),
    "hamming_batch": lambda: (ints(1, 2, 3, 4).reshape(2, 2), ints(1, 3, 3, 5).reshape(2, 2), ints(2, 1)),
    "hamming_matrix": lambda: (numbers(4, 3).to(torch.uint8),),
    "fir_filter": lambda: (numbers(8), torch.tensor([0.5, 0.25, 0.25])),
    "sosfilt": lambda: (torch.tensor([[0.5, 0.2, 0.1, 1.0, -0.3, 0.1], [1.0, 0.0, 0.0, 1.0, -0.5, 0.0]], dtype=f64), numbers(8, dtype=f64)),
    "hann_smooth": lambda: (numbers(9), 3),
    "window_frames": lambda: (numbers(10), 4, 2, numbers(4), True),
    "overlap_add": lambda: (numbers(3, 4), numbers(4), 2),
    "polar_to_rect": lambda: (numbers(2, 5), numbers(2, 5)),
    "zero_crossings": lambda: (numbers(8) - 4,),
    "crossfade": lambda: (numbers(6), numbers(6) * 2),
    "autocorrelation": lambda: (numbers(8), 3),
    "apply_gain": lambda: (numbers(2, 6, dtype=f64), numbers(2, dtype=f64)),
    "decimate": lambda: (numbers(9), 2),
    "preemphasis": lambda: (numbers(6), 0.97),
    "local_maxima": lambda: (numbers(9),),
    "channel_energy": lambda: (numbers(3, 5), 1),
    "lagged_difference": lambda: (numbers(8, dtype=f64), 2),
    "apply_window": lambda: (numbers(6), numbers(6)),
    "haar_step": lambda: (numbers(8),),
    "mix_down": lambda: (numbers(3, 5), numbers(3)),
    "histogram": lambda: (numbers(20), 4, 0.0, 8.0),
    "lower_median": lambda: (numbers(7),),
    "ranks": lambda: (numbers(7),),
    "trimmed_mean": lambda: (numbers(2000, 5),),
    "normalize_rows": lambda: (numbers(3, 4, dtype=f64),),
    "count_above_mean": lambda: (numbers(2, 3, 4),),
    "sample_bilinear": lambda: (numbers(4, 5), torch.tensor([[0.5, 1.5], [2.25, 0.0]])),
    "resize_nearest": lambda: (numbers(2, 3, 4), 6, 5),
    "gamma_correct": lambda: (numbers(3, 4) / 8, 2.2),
    "weighted_energy": lambda: (numbers(5, dtype=f64), numbers(5, dtype=f64)),
    "apply_envelope": lambda: (numbers(5, dtype=f64), numbers(5, dtype=f64) / 8, 0.5),
    "mu_law": lambda: (numbers(5) / 8, 255.0),
    "leaky_integrate": lambda: (numbers(6, dtype=f64), 0.9),
}


@pytest.mark.parametrize("suffix", ["", "_bad"])
@pytest.mark.parametrize("name", CASES)
def test_operator(name, suffix):
    given = CASES[name]()
    result = getattr(fourth, name + suffix)(*given)
    assert result is not None or name == "normalize_rows"
