from setuptools import setup
from torch.utils.cpp_extension import BuildExtension, CUDAExtension

setup(
    name="gpu_ops",
    packages=["gpu_ops"],
    ext_modules=[CUDAExtension("gpu_ops._C", ["blocks.cu", "elements.cu"])],
    cmdclass={"build_ext": BuildExtension},
)
