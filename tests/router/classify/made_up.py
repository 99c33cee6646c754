"""Made-up texts and tiny encoders: what heads are tested on where no model is installed."""

from collections.abc import Sequence

import numpy as np

from router.classify.ngrams import Floats
from router.classify.tasks.port import OUTSIDE, Example
from router.classify.training import Plan, Trained, train

TOPICS = {
    "cooking": "bake bread oven flour butter recipe soup spice kitchen onion",
    "travel": "flight hotel passport train ticket luggage airport visa island beach",
    "money": "loan bank interest account salary invoice tax budget pension credit",
}


def vectors(texts: Sequence[str], name: str) -> Floats:
    """Vectors of unit length that depend on the words alone, other ones for every encoder's name."""
    out = np.zeros((len(texts), 24), np.float32)
    for row, text in enumerate(texts):
        for word in text.lower().split():
            out[row] += np.random.default_rng([*name.encode(), *word.encode()]).normal(size=24)
    unit: Floats = np.divide(out, np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9), dtype=np.float32)
    return unit


def examples(each: int = 30, outside: int = 0) -> list[Example]:
    """Sentences of three topics, and of none."""
    chance, made = np.random.default_rng(0), list[Example]()
    for label, words in TOPICS.items():
        for _ in range(each):
            text = "how about " + " ".join(chance.choice(words.split(), 3))
            made.append(Example(text, label, text))
    for at in range(outside):
        text = f"zebra quark {at} violin glacier"
        made.append(Example(text, OUTSIDE, text))
    return made


def trained(outside: int = 0, tier: str = "static", **settings: object) -> Trained:
    """A head of these topics."""
    plan = Plan(name="topic", tier=tier, buckets=256, **settings)  # type: ignore[arg-type]
    return train(plan, examples(outside=outside), vectors)
