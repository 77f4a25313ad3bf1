from setuptools import setup
from torch.utils.cpp_extension import BuildExtension, CppExtension

setup(
    name="roi_pool_ext",
    version="0.1",
    ext_modules=[
        CppExtension(
            "roi_pool_ext",
            ["csrc/roi_pool.cpp"],
            extra_compile_args=["-O3", "-ffast-math", "-w"],
        )
    ],
    cmdclass={"build_ext": BuildExtension},
)
