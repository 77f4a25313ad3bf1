"""The models of this service: those that andiron.lock names, and no others.

andiron.load_safetensors reads a file once, holds its digest against the lock and the
policy, and takes the tensors out of the very bytes that it verified. Nothing is unpickled.
"""

import os

import andiron

from model import Classifier

HERE = os.path.dirname(os.path.abspath(__file__))


def guarded(net):
    """Hold inputs and outputs against the schema, and normalise as it says."""
    return andiron.guard(net, os.path.join(HERE, "classifier.schema.yaml"))


def classifier():
    net = Classifier()
    net.load_state_dict(andiron.load_safetensors(os.path.join(HERE, "models", "classifier.safetensors"), project=HERE))
    return guarded(net.eval())


def embeddings():
    return andiron.load_safetensors(os.path.join(HERE, "models", "embeddings.safetensors"), project=HERE)["embeddings"]


if __name__ == "__main__":
    print("classifier:", sum(p.numel() for p in classifier().parameters()), "parameters")
    print("embeddings:", tuple(embeddings().shape))
