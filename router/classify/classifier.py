"""Readings of texts: each tier's vectors computed once a batch and shared by all heads, anchors and partitions."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np

from policies.select.columns import EMBEDDING
from policies.select.foretold import QUALITY
from policies.select.rules.known import NEAR, PARTITION
from policies.signals.learned import LEARNED
from policies.signals.reading import Reading
from router.classify.compress import compress
from router.classify.encoder import Vectors
from router.classify.features import DENSE, Seen, see
from router.classify.foretelling import foretold, projected
from router.classify.port import ENCODER, Made, Text
from router.classify.weights import NoModel
from router.classify.wire import Meanings

UP = "yes"  # the label of a flag's head that is up, unless it is named like the signal
NO_MEANINGS = Meanings({}, {})
MOST_REMEMBERED = 4096  # examples of anchors
MOST_RECENT = 256  # texts whose vectors are kept for whoever asks for them next


class Batch:
    """Some texts, short enough for encoders, and what was computed of them so far."""

    def __init__(self, made: Made, texts: Sequence[Text]) -> None:
        self._made = made
        self.whole = [one.text for one in texts]
        self._texts = [compress(text) for text in self.whole]
        self._vectors: dict[str, Vectors] = {}
        self._seen: dict[tuple[str, tuple[int, ...]], Seen] = {}

    def has(self, tier: str) -> bool:
        """Whether the texts' vectors were computed."""
        return tier in self._vectors

    def vectors(self, tier: str) -> Vectors:
        """The texts' vectors, shape (texts, dimensions)."""
        if tier not in self._vectors:
            self._vectors[tier] = self._made.tier(tier).embed(self._texts)
        return self._vectors[tier]

    def seen(self, tier: str, rows: Sequence[int]) -> Seen:
        """What a head of a tier sees of some of the texts; heads that see the same share it."""
        key = (tier, tuple(rows))
        if key not in self._seen:
            vectors = {name: self.vectors(name)[list(rows)] for name in DENSE[tier]}
            self._seen[key] = see([self._texts[row] for row in rows], vectors)
        return self._seen[key]


class Classifier:
    """Heads on shared vectors; one thread at a time."""

    def __init__(self, made: Made) -> None:
        self._made = made
        self._example = lru_cache(MOST_REMEMBERED)(lambda text: made.tier(ENCODER).embed([text])[0])
        self._recent = OrderedDict[str, Vectors]()

    def read(
        self, texts: Sequence[Text], wanted: Sequence[frozenset[str]], meanings: Sequence[Meanings]
    ) -> list[dict[str, Reading]]:
        """What is wanted of each text; a signal that nobody has a head for is left out."""
        batch = Batch(self._made, texts)
        told: list[dict[str, Reading]] = [{} for _ in texts]
        for name in sorted({name for names in wanted for name in names if name in self._made.heads}):
            rows = [i for i, names in enumerate(wanted) if name in names]
            head = self._made.heads[name]
            for row, reading in zip(rows, head.readings(batch.seen(head.tier, rows)), strict=True):
                told[row][name] = as_told(name, reading)
        for i, names in enumerate(wanted):
            for name in names:
                if name.startswith(EMBEDDING):
                    told[i][name] = projected(batch.vectors(ENCODER)[i], name)
            if own := [name for name in names if name.startswith((NEAR, PARTITION))]:
                told[i] |= self._meant(own, batch.vectors(ENCODER)[i], meanings[i])
        rows = [i for i, names in enumerate(wanted) if QUALITY in names]
        if rows and self._made.choosing is not None:
            whole = [texts[row].text for row in rows]
            found = foretold(self._made.choosing, whole, lambda tier: batch.vectors(tier)[rows])
            for row, reading in zip(rows, found, strict=True):
                told[row][QUALITY] = reading
        if batch.has(ENCODER):
            self._remember(batch)
        return told

    def embed(self, text: str) -> Vectors:
        """A text's vector on the encoder's tier, shape (dimensions,), of no length where no encoder is installed.

        Of a text whose signals were read a moment ago it is there already.
        """
        if text not in self._recent:
            try:
                self._remember(Batch(self._made, [Text(text)]))
            except (ImportError, NoModel):
                return np.zeros(0, np.float32)
        return self._recent[text]

    def _remember(self, batch: Batch) -> None:
        """Keep the vectors of a batch: whoever had signals read may ask for the embedding next."""
        self._recent.update(zip(batch.whole, batch.vectors(ENCODER), strict=True))
        while len(self._recent) > MOST_RECENT:
            self._recent.popitem(last=False)

    def _meant(self, names: Iterable[str], vector: Vectors, meanings: Meanings) -> dict[str, Reading]:
        """Cosines to anchors, and which cell of a partition the text lies in."""
        told = {}
        for name in names:
            kind, _, plain = name.partition(":")
            if f"{kind}:" == NEAR and plain in meanings.anchors:
                told[name] = Reading(self._cosine(vector, meanings.anchors[plain]))
            elif f"{kind}:" == PARTITION and plain in meanings.partitions:
                told[name] = self._cell(vector, meanings, plain)
        return told

    def _cosine(self, vector: Vectors, examples: Sequence[str]) -> float:
        return max(float(vector @ self._example(text)) for text in examples)

    def _cell(self, vector: Vectors, meanings: Meanings, name: str) -> Reading:
        members, temperature, at_least = meanings.partitions[name]
        cosines = np.array([self._cosine(vector, meanings.anchors[member]) for member in members])
        shares = np.exp((cosines - cosines.max()) / temperature)
        shares /= shares.sum()
        best = int(np.argmax(shares))
        scores = dict(zip(members, map(float, shares), strict=True))
        share = float(shares[best])
        return Reading(share, members[best] if share >= at_least else "", scores)


def as_told(name: str, reading: Reading) -> Reading:
    """A reading in its signal's form: a flag is the probability that it is up, not the likelier of two labels."""
    if name not in LEARNED or LEARNED[name].kind != "flag" or not reading.scores:
        return reading
    up = next((label for label in (name, UP) if label in reading.scores), "")
    return Reading(reading.scores[up]) if up else reading
