"""Readings of texts: each tier's vectors computed once a batch and shared by all heads, anchors and partitions."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np

from policies.select.columns import EMBEDDING
from policies.select.foretold import QUALITY
from policies.select.rules.known import NEAR, PARTITION
from policies.signals.reading import Reading
from router.classify.encoder import Vectors
from router.classify.features import DENSE, TEXT, Seen, see, shown
from router.classify.foretelling import foretold, projected
from router.classify.groups import as_told, grouped
from router.classify.port import ENCODER, Made, Text
from router.classify.weights import NoModel
from router.classify.wire import Meanings

NO_MEANINGS = Meanings({}, {})
MOST_REMEMBERED = 4096  # examples of anchors
MOST_RECENT = 256  # texts whose vectors are kept for whoever asks for them next


class Batch:
    """Some texts, short enough for encoders, and what was computed of them so far."""

    def __init__(self, made: Made, texts: Sequence[Text]) -> None:
        self._made, self.asked = made, texts
        self._vectors: dict[str, dict[int, Vectors]] = {}
        self._seen: dict[tuple[str, tuple[int, ...]], Seen] = {}
        self._shown: dict[int, str] = {}

    def encoded(self) -> dict[str, Vectors]:
        """The vectors on the encoder's tier that were computed, by whole text."""
        return {self.asked[row].text: vector for row, vector in self._vectors.get(ENCODER, {}).items()}

    def vectors(self, tier: str, rows: Sequence[int]) -> Vectors:
        """Some texts' vectors, shape (rows, dimensions); a text is embedded once a tier, and only where it is asked."""
        known = self._vectors.setdefault(tier, {})
        missing = [row for row in rows if row not in known]
        if missing:
            known.update(zip(missing, self._made.tier(tier).embed(self.shown(missing)), strict=True))
        return np.stack([known[row] for row in rows])

    def shown(self, rows: Sequence[int]) -> list[str]:
        """Some texts as encoders read them."""
        missing = [row for row in rows if row not in self._shown]
        self._shown.update(zip(missing, shown([self.asked[row].text for row in missing]), strict=True))
        return [self._shown[row] for row in rows]

    def seen(self, tier: str, rows: Sequence[int]) -> Seen:
        """What a head of a tier sees of some of the texts; heads that see the same share it."""
        key = (tier, tuple(rows))
        if key not in self._seen:
            self._seen[key] = self._look(tier, rows)
        return self._seen[key]

    def _look(self, tier: str, rows: Sequence[int]) -> Seen:
        whole, sizes = [self.asked[row].text for row in rows], [self.asked[row].tokens for row in rows]
        if tier == TEXT:
            nothing = np.empty((len(rows), 0), np.float32)
            return Seen(cosines={}, grams=nothing, shapes=nothing, texts=whole, sizes=sizes)
        vectors = {name: self.vectors(name, rows) for name in DENSE[tier]}
        return see(whole, self.shown(rows), vectors, sizes)


class Classifier:
    """Heads on shared vectors; one thread at a time."""

    def __init__(self, made: Made) -> None:
        self._made = made
        self._whole = grouped(made.heads)
        self._light = [group for group in grouped({**made.heads, **made.light}) if group.tier != ENCODER]
        encoded = (group.names for group in self._whole if group.tier == ENCODER)
        self._encoded = frozenset[str]().union(*encoded)
        self._example = lru_cache(MOST_REMEMBERED)(lambda text: made.tier(ENCODER).embed([text])[0])
        self._recent = OrderedDict[str, Vectors]()

    @property
    def has_light(self) -> bool:
        """Whether anything can be read without the encoder."""
        return bool(self._light)

    def needs_encoder(self, names: frozenset[str]) -> bool:
        """Whether some of these are read through the encoder where there is time."""
        choosing = self._made.choosing
        asked = names & self._encoded or (QUALITY in names and choosing is not None and choosing.tier == ENCODER)
        return bool(asked) or any(name.startswith((NEAR, PARTITION, EMBEDDING)) for name in names)

    def read(
        self, texts: Sequence[Text], wanted: Sequence[frozenset[str]], meanings: Sequence[Meanings], light: bool = False
    ) -> list[dict[str, Reading]]:
        """What is wanted of each text; a signal that nobody has a head for is left out.

        Light reading runs no encoder: heads that have a stand-in on the static tier answer through it, others not.
        """
        batch = Batch(self._made, texts)
        told: list[dict[str, Reading]] = [{} for _ in texts]
        for group in self._light if light else self._whole:
            rows = [i for i, names in enumerate(wanted) if names & group.names]
            if not rows:
                continue
            for name, readings in group.read(batch.seen(group.tier, rows)).items():
                for row, reading in zip(rows, readings, strict=True):
                    if name in wanted[row]:
                        told[row][name] = as_told(name, reading)
        for i, names in enumerate(wanted):
            if not light:
                told[i] |= self._through_encoder(names, batch, i, meanings[i])
        rows = [i for i, names in enumerate(wanted) if QUALITY in names]
        for row, reading in zip(rows, self._qualities(texts, batch, rows, light), strict=False):
            told[row][QUALITY] = reading
        self._remember(batch)
        return told

    def _through_encoder(self, names: frozenset[str], batch: Batch, row: int, meanings: Meanings) -> dict[str, Reading]:
        """One text's embedding in few dimensions, and what rules mean by their anchors."""
        told: dict[str, Reading] = {}
        for name in names:
            if name.startswith(EMBEDDING):
                told[name] = projected(batch.vectors(ENCODER, [row])[0], name)
        if own := [name for name in names if name.startswith((NEAR, PARTITION))]:
            told |= self._meant(own, batch.vectors(ENCODER, [row])[0], meanings)
        return told

    def _qualities(self, texts: Sequence[Text], batch: Batch, rows: Sequence[int], light: bool) -> list[Reading]:
        """Every model's quality of some texts; none where no head tells them, or only through the encoder."""
        head = self._made.choosing
        if not rows or head is None or (light and head.tier == ENCODER):
            return []
        return foretold(head, [texts[row] for row in rows], lambda tier: batch.vectors(tier, rows))

    def embed(self, text: str) -> Vectors:
        """A text's vector on the encoder's tier, shape (dimensions,), of no length where no encoder is installed.

        Of a text whose signals were read a moment ago it is there already.
        """
        if text not in self._recent:
            try:
                batch = Batch(self._made, [Text(text)])
                batch.vectors(ENCODER, [0])
                self._remember(batch)
            except (ImportError, NoModel):
                return np.zeros(0, np.float32)
        return self._recent[text]

    def _remember(self, batch: Batch) -> None:
        """Keep the vectors of a batch: whoever had signals read may ask for the embedding next."""
        self._recent.update(batch.encoded())
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
