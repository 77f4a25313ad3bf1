import glob
import os

import torch

for name in glob.glob(os.path.join(os.path.dirname(__file__), "_C*.so")):
    torch.ops.load_library(name)
