"""Says of a Python with torch what a compiler has to know."""

import json
import sys
import sysconfig

import torch
from torch.utils import cpp_extension

json.dump(
    {
        "torch": torch.__version__,
        "python": sys.version.split()[0],
        "include": cpp_extension.include_paths(),
        "library": cpp_extension.library_paths(),
        "python_include": sysconfig.get_path("include"),
        "cmake": torch.utils.cmake_prefix_path,
        "new_abi": bool(getattr(torch._C, "_GLIBCXX_USE_CXX11_ABI", True)),
        "cuda_home": cpp_extension.CUDA_HOME or "",
    },
    sys.stdout,
)
