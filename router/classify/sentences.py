"""Another encoder than the packaged one: any model that the sentence-transformers package loads, by name or folder."""

from collections.abc import Sequence

import numpy as np

from router.classify.encoder import TOKENS, Vectors, readable
from router.classify.weights import NoModel, package_folder


class SentenceEncoder:
    """A sentence-transformers model on one processor; its vectors do not mix with another's."""

    def __init__(self, model: str, tokens: int = TOKENS) -> None:
        """Load the model; raises `NoModel` where the package is not installed."""
        if package_folder("sentence_transformers") is None:
            raise NoModel(f"to use {model}, pip install 'weir[sentence-transformers]'")
        from sentence_transformers import SentenceTransformer

        self._model = SentenceTransformer(model, device="cpu")
        self._model.max_seq_length = tokens
        self.name = f"{model}-{tokens}"
        self.width = int(self.embed(["a"]).shape[1])

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row a text, float32 of unit length, shape (texts, width)."""
        if not texts:
            return np.empty((0, self.width), np.float32)
        found = self._model.encode([readable(text) for text in texts], batch_size=1, normalize_embeddings=True)
        return np.asarray(found, np.float32)
