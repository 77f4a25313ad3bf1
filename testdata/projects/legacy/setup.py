import os

from setuptools import setup

setup(
    name="detector",
    install_requires=["torch>=1.10,<2", "pillow"],
    extras_require={"onnx": ["onnx==1.17.0"]},
    tests_require=open(os.path.join("tests", "needs.txt")).read().split(),
)
