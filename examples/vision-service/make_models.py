"""Makes the files in models/ with real torch: python make_models.py

The committed files came from torch 2.6 and safetensors 0.5. community_finetune.ckpt
is the bad one: loading it with weights_only=False runs a shell command. The command
is harmless, it writes a marker file into the temporary folder.
"""

import os
import posix

import torch
from safetensors.torch import save_file

from model import Backbone, Classifier, Detector

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "models")
MARKER = 'echo andiron-demo > "${TMPDIR:-/tmp}/andiron-demo-marker"'


class Callback:
    """Stands where a fine-tuning framework stores its callbacks."""

    def __reduce__(self):
        return posix.system, (MARKER,)


def main():
    torch.manual_seed(7)
    path = lambda name: os.path.join(OUT, name)  # noqa: E731
    os.makedirs(OUT, exist_ok=True)
    torch.save(Backbone().state_dict(), path("backbone.pt"))
    torch.save(Detector(width=8).eval(), path("detector_full.pt"))
    torch.jit.script(Classifier(width=8).eval()).save(path("classifier_ts.pt"))
    tuned = Classifier(width=8)
    checkpoint = {
        "epoch": 12,
        "global_step": 4800,
        "pytorch-lightning_version": "2.1.0",
        "state_dict": tuned.state_dict(),
        "hyper_parameters": {"lr": 0.001, "batch_size": 32},
        "callbacks": {"EarlyStopping": Callback()},
    }
    torch.save(checkpoint, path("community_finetune.ckpt"))
    save_file({"embeddings": torch.randn(64, 32), "ids": torch.arange(64)}, path("embeddings.safetensors"), {"format": "pt"})


if __name__ == "__main__":
    main()
