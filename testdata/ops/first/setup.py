from setuptools import setup
from torch.utils.cpp_extension import BuildExtension, CppExtension

setup(
    name="first_ops",
    packages=["first_ops"],
    ext_modules=[CppExtension("first_ops._C", ["index.cpp", "memory.cpp"])],
    cmdclass={"build_ext": BuildExtension},
)
