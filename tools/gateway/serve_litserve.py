"""LitServe with the form of OpenAI for embeddings: serve_litserve.py PORT FOLDER.

It makes a vector of each token id, and a file in FOLDER for each request.
"""

import sys
import uuid
from pathlib import Path

import litserve


class Embedder(litserve.LitAPI):
    def setup(self, device):
        pass

    def predict(self, x):
        (Path(sys.argv[2]) / uuid.uuid4().hex).touch()
        ids = x[0] if isinstance(x[0], list) else x
        return [[float(i), i / 2] for i in ids]


if __name__ == "__main__":
    server = litserve.LitServer(Embedder(spec=litserve.OpenAIEmbeddingSpec()), accelerator="cpu")
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False)
