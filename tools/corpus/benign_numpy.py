"""Benign numpy and pandas files: npy, npz, scalars, random state, frames."""

from __future__ import annotations

import importlib.util
import pickle

import numpy as np

DTYPES = ["float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool", "complex64", "complex128", "U8", "S8",
          "datetime64[s]"]


def arrays(out) -> None:
    np.save(out.path("floats.npy", "npy"), np.arange(12, dtype="float32").reshape(3, 4))
    np.save(out.path("fortran.npy", "npy"), np.asfortranarray(np.ones((3, 4))))
    np.save(out.path("big_endian.npy", "npy"), np.arange(4, dtype=">i4"))
    np.save(out.path("structured.npy", "npy"), np.zeros(3, dtype=[("x", "f4"), ("name", "U4")]))
    np.save(out.path("strings.npy", "npy"), np.array(["a", "bb"]))
    np.save(out.path("objects.npy", "npy-object"), np.array(["cat", "dog", None], dtype=object), allow_pickle=True)
    np.save(out.path("dict.npy", "npy-object"), {"labels": ["a", "b"]}, allow_pickle=True)
    np.savez(out.path("weights.npz", "npz"), w=np.ones((2, 2)), b=np.zeros(2))
    np.savez_compressed(out.path("weights_compressed.npz", "npz"), w=np.ones((20, 20)), b=np.zeros(2))
    np.savez(out.path("labels.npz", "npz-object"), labels=np.array(["cat", "dog"], dtype=object))


def pickles(out) -> None:
    for dtype in DTYPES:
        name = dtype.replace("[", "_").replace("]", "")
        out.write(f"numpy_{name}.pkl", "numpy-pickle", pickle.dumps(np.zeros(3, dtype=dtype)))
    for protocol in range(6):
        out.write(f"numpy_protocol_{protocol}.pkl", "numpy-pickle", pickle.dumps({"w": np.ones((2, 3)), "n": np.float64(2.5)}, protocol))
    values = {
        "scalars": [np.float32(1.5), np.int64(3), np.bool_(True)], "dtype": np.dtype("float32"), "types": [np.float32, np.ndarray],
        "masked": np.ma.masked_array([1, 2], [True, False]), "fortran": np.asfortranarray(np.ones((2, 3))),
        "objects": np.array(["a", None], dtype=object), "random_state": np.random.RandomState(0), "rng_tuple": np.random.RandomState(0).get_state(),
        "generator": np.random.default_rng(0), "structured": np.zeros(2, dtype=[("a", "i4")]), "empty": np.zeros((0, 3)),
    }
    for name, value in values.items():
        out.write(f"numpy_{name}.pkl", "numpy-pickle", pickle.dumps(value))


def frames(out) -> None:
    import pandas as pd

    table = pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "t": pd.to_datetime(["2024-01-01", "2024-01-02"])})
    values = {"frame": table, "series": table["a"], "index": table.index, "timestamp": pd.Timestamp("2024-01-01"),
              "categorical": pd.Categorical(["a", "b", "a"]), "multi_index": pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])}
    for name, value in values.items():
        out.write(f"pandas_{name}.pkl", "pandas-pickle", pickle.dumps(value))
    table.to_pickle(out.path("pandas_frame.pkl.gz", "pandas-pickle"), compression={"method": "gzip", "mtime": 0})


def tensors(out) -> None:
    from safetensors.numpy import save_file

    save_file({"w": np.ones((2, 3), dtype="float32"), "b": np.zeros(3, dtype="int64")}, out.path("numpy.safetensors", "safetensors"))
    save_file({"half": np.ones(4, dtype="float16")}, out.path("metadata.safetensors", "safetensors"), {"format": "np"})
    save_file({}, out.path("empty.safetensors", "safetensors"))


def make(out) -> None:
    arrays(out)
    pickles(out)
    if importlib.util.find_spec("pandas"):
        frames(out)
    if importlib.util.find_spec("safetensors"):
        tensors(out)
