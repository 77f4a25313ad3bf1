from setuptools import setup
from torch.utils.cpp_extension import BuildExtension, CppExtension

setup(
    name="second_ops",
    packages=["second_ops"],
    ext_modules=[
        CppExtension("second_ops.geometry", ["geometry.cpp"]),
        CppExtension("second_ops._sequence", ["sequence.cpp"]),
    ],
    cmdclass={"build_ext": BuildExtension},
)
