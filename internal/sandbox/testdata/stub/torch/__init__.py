"""As much of torch as the worker uses, over the pickle of the standard library."""

import ctypes
import pickle

__version__ = "stub"
strided = "strided"


class dtype:
    def __init__(self, name, size):
        self.name, self.size = name, size

    def __reduce__(self):
        return self.name

    def __str__(self):
        return "torch." + self.name


class device:
    type = "cpu"


float32, bfloat16 = dtype("float32", 4), dtype("bfloat16", 2)


class Tensor:
    is_quantized, layout, device = False, strided, device()

    def __init__(self, n, kind):
        self.n, self.dtype, self.data = n, kind, bytearray(n * kind.size)
        self.shape = (n,)

    def same(self):
        return self

    detach = resolve_conj = resolve_neg = contiguous = same

    def data_ptr(self):
        return ctypes.addressof(ctypes.c_char.from_buffer(self.data))

    def numel(self):
        return self.n

    def element_size(self):
        return self.dtype.size

    def stride(self):
        return (1,)


def zeros(n, dtype=float32):
    return Tensor(n, dtype)


class serialization:
    pass


class backends:
    class quantized:
        engine = "onednn"
        supported_engines = ["none", "onednn"]


class _C:
    PyTorchFileReader = None


class nn:
    class Module:
        def state_dict(self):
            return {"weight": zeros(1)}

    class Linear(Module):
        def __init__(self, *_):
            pass


def save(value, to, _use_new_zipfile_serialization=True):
    if isinstance(to, str):
        with open(to, "wb") as f:
            pickle.dump(value, f, 4)
    else:
        pickle.dump(value, to, 4)


def load(source, map_location=None, weights_only=False):
    if weights_only:
        raise pickle.UnpicklingError("there may be more than weights")
    return pickle.load(source)
