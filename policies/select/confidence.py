"""How sure a cheap answer is: by its own token probabilities, or by asking it again."""

from collections import Counter
from math import exp
from typing import NamedTuple


class Answer(NamedTuple):
    """What a model answered, and what it told of it."""

    text: str
    logprobs: tuple[float, ...] = ()  # natural logarithms, of the chosen tokens
    runners_up: tuple[float, ...] = ()  # of the second likeliest tokens at the same places
    again: tuple[str, ...] = ()  # the same question answered anew


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


def conclusion(text: str) -> str:
    """What an answer comes to: its last line, without case, spaces and marks."""
    lines = [line for line in text.splitlines() if line.strip()]
    return "".join(each for each in lines[-1].lower() if each.isalnum() or each in "-.").strip(".") if lines else ""
