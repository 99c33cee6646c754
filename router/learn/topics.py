"""What a prompt is about, by the judged questions nearest to it."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from router.classify.encoder import Embeds
from weir.judged import Judged

NEAREST = 15  # questions that vote
PIECE = 1024  # texts compared at once


def topics_of(texts: Sequence[str], judged: Judged, encoder: Embeds) -> list[str]:
    """The topic of each text, "" of an empty one: the nearest questions' commonest, by cosine."""
    known = [i for i, text in enumerate(judged.texts) if text]
    vectors = encoder.embed([judged.texts[i] for i in known])
    found: list[str] = []
    for at in range(0, len(texts), PIECE):
        piece = texts[at : at + PIECE]
        alike = encoder.embed(piece) @ vectors.T
        near = np.argsort(-alike, axis=1, kind="stable")[:, :NEAREST]
        votes = [Counter(judged.topics[known[i]] for i in row) for row in near.tolist()]
        found += [vote.most_common(1)[0][0] if text.strip() else "" for text, vote in zip(piece, votes, strict=True)]
    return found
