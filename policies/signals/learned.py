"""Which signals are learned: what their heads answer, wherever and however those are trained."""

from collections.abc import Mapping
from typing import NamedTuple


class Learned(NamedTuple):
    """One learned signal; its answers are between `low` and `high` where it is a number."""

    kind: str  # "flag": a probability | "number" | "label" | "spans"
    labels: tuple[str, ...] = ()  # of a label, or the kinds of spans
    low: float = 0.0
    high: float = 1.0


DOMAINS = (
    "biology", "business", "chemistry", "computer science", "economics", "engineering", "health", "history", "law",
    "math", "other", "philosophy", "physics", "psychology",
)  # fmt: skip
MOST_TOKENS = float(1 << 30)

LEARNED: Mapping[str, Learned] = {
    "domain": Learned("label", DOMAINS),
    "difficulty": Learned("number"),
    "audience": Learned("label", ("chat", "agent")),
    "heavy": Learned("label", ("prefill", "decode", "balanced")),
    "needs_facts": Learned("flag"),
    "needs_reasoning": Learned("flag"),
    "ambiguity": Learned("label", ("clear", "resolvable", "ambiguous", "unanswerable")),
    "feedback": Learned("label", ("satisfied", "unclear", "wrong", "different", "none")),
    "jailbreak": Learned("flag"),
    "injection": Learned("flag"),
    "pii": Learned("spans"),
    "output_p50": Learned("number", low=0.0, high=MOST_TOKENS),
    "output_p75": Learned("number", low=0.0, high=MOST_TOKENS),
    "output_p90": Learned("number", low=0.0, high=MOST_TOKENS),
}
