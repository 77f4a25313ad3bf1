#!/usr/bin/env python3
"""Writes files with the reference safetensors library, to hold our writer against.

    safetensors_writer.py SPEC      one JSON object per line of SPEC:
                                    {"metadata": {...} or null, "tensors": [[name, dtype, shape, bytes in hex]]}

prints the file that the library makes of each, in hexadecimal, one per line.
Needs safetensors 0.8 and no torch.
"""

import ctypes
import json
import sys

from safetensors import TensorSpec, serialize


def write(spec):
    keep, tensors = [], {}
    for name, dtype, shape, data in spec["tensors"]:
        data = bytes.fromhex(data)
        buffer = ctypes.create_string_buffer(data, max(len(data), 1))
        keep.append(buffer)
        tensors[name] = TensorSpec(dtype=dtype, shape=shape, data_ptr=ctypes.addressof(buffer), data_len=len(data))
    return serialize(tensors, spec["metadata"])


with open(sys.argv[1], encoding="utf-8") as f:
    for line in f:
        print(write(json.loads(line)).hex())
