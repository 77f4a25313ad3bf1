"""The models of this service: those that andiron.lock names, and no others.

andiron.load and its kind read a file once, hold its digest against the lock and the
policy, and load the very bytes that they verified.
"""

import os

import andiron

from model import Backbone

HERE = os.path.dirname(os.path.abspath(__file__))
MODEL_DIR = os.environ.get("MODEL_DIR", os.path.join(HERE, "models"))


def backbone():
    net = Backbone()
    net.load_state_dict(andiron.load(os.path.join(MODEL_DIR, "backbone.pt"), map_location="cpu", project=HERE))
    return net.eval()


def classifier():
    return andiron.jit_load(os.path.join(MODEL_DIR, "classifier_ts.pt"), project=HERE).eval()


def embeddings():
    return andiron.load_safetensors(os.path.join(MODEL_DIR, "embeddings.safetensors"), project=HERE)["embeddings"]


if __name__ == "__main__":
    print("backbone:", sum(p.numel() for p in backbone().parameters()), "parameters")
    print("classifier:", sum(p.numel() for p in classifier().parameters()), "parameters")
    print("embeddings:", tuple(embeddings().shape))
