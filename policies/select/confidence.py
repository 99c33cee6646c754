"""How sure a cheap answer is: by its own token probabilities, by asking it again, or by a judge that was trained."""

from collections import Counter
from collections.abc import Sequence
from math import exp, isfinite
from typing import NamedTuple, Protocol


class Answer(NamedTuple):
    """What a model answered, and what it told of it."""

    text: str
    logprobs: tuple[float, ...] = ()  # natural logarithms, of the chosen tokens
    runners_up: tuple[float, ...] = ()  # of the second likeliest tokens at the same places
    again: tuple[str, ...] = ()  # the same question answered anew


class Judge(Protocol):
    """A head or a model that reads a question and an answer."""

    def quality(self, question: str, answer: str) -> float:
        """How likely the answer is good, 0..1; NaN when it cannot tell."""


def by_margin(answer: Answer) -> float:
    """The mean gap between the chosen token's probability and the next one's; NaN when the engine did not tell."""
    pairs = list(zip(answer.logprobs, answer.runners_up, strict=False))
    if not pairs:
        return float("nan")
    return sum(exp(min(first, 0.0)) - exp(min(second, 0.0)) for first, second in pairs) / len(pairs)


def by_agreement(answer: Answer) -> float:
    """The share of all answers that say the same (self-consistency, Wang et al. 2022); NaN with one answer alone."""
    if not answer.again:
        return float("nan")
    said = [conclusion(text) for text in (answer.text, *answer.again)]
    return Counter(said)[said[0]] / len(said)


def by_judge(judge: Judge, question: str, answer: Answer) -> float:
    """What a judge thinks of it."""
    told = judge.quality(question, answer.text)
    return min(max(told, 0.0), 1.0) if isfinite(told) else float("nan")


def conclusion(text: str) -> str:
    """What an answer comes to: its last line, without case, spaces and marks."""
    lines = [line for line in text.splitlines() if line.strip()]
    return "".join(each for each in lines[-1].lower() if each.isalnum() or each in "-.").strip(".") if lines else ""


def first_known(values: Sequence[float]) -> float:
    """The first confidence that could be told; NaN when none could."""
    return next((value for value in values if isfinite(value)), float("nan"))
