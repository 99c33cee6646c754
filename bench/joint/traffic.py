"""Requests at Azure's conversation rate, each with a question of MMLU-Pro: who would be right, at what length."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from bench.select.features import features_of
from bench.select.folds import folds
from bench.select.matrix import Matrix, read_matrix
from policies.select.quality.port import Floats
from router.learn.stacking import Stacking, fit_stacked
from sims.arrivals import Arrivals
from sims.select.questions import Asked, Questions
from sims.sweep.redraw import redrawn
from sims.traces.reading.reader import read

SERVED = {"llama-3.1-8b": "Meta-Llama-3_1-8B-Instruct", "llama-3.1-70b": "Meta-Llama-3_1-70B-Instruct"}
"""Models that the fleet serves, by what the matrix calls them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The trace, played as many times as fast as asked for, and the questions behind it."""

    arrivals: Arrivals
    questions: Questions
    speed: float


def sent(data: Path, speed: float) -> Sent:
    """Azure's conversation trace and MMLU-Pro from a folder of public sets."""
    matrix = read_matrix(data).of(list(SERVED.values()))
    columns = list(range(len(SERVED)))
    questions = Questions(
        name="mmlu_pro",
        models=tuple(SERVED),
        topics=tuple(matrix.category),
        expected=expected_quality(matrix, columns),
        quality=matrix.right[:, columns],
        out_tokens=matrix.out_tokens[:, columns],
    )
    trace = Arrivals.of(list(read(data / "azure_llm_2023" / "conv.csv.gz")))
    return Sent(arrivals=trace, questions=questions, speed=speed)


def expected_quality(matrix: Matrix, columns: list[int]) -> Floats:
    """What the two-stage head expects of the served models, every question by a head that did not see it."""
    features = features_of(matrix.texts, matrix.prompt_tokens.tolist())
    found = np.empty((len(matrix), len(columns)))
    for taught, tested in folds(matrix.texts):
        topics = [matrix.category[i] for i in taught]
        head = fit_stacked(
            features.rows[taught], matrix.right[taught][:, columns], topics, Stacking(text=features.text)
        )
        found[tested] = head.expect(features.rows[tested])
    return found


class Drawn:
    """What each seed sends: sessions drawn again, questions drawn anew; the last few seeds are kept."""

    def __init__(self, sent: Sent) -> None:
        self.sent = sent
        self.of = lru_cache(maxsize=4)(self._of)

    def _of(self, seed: int, even: bool = False) -> tuple[Arrivals, Asked]:
        """A seed's arrivals and questions; `even`: the same requests in random order, evenly spaced."""
        arrivals = redrawn(self.sent.arrivals, seed)
        arrivals = replace(arrivals, at=arrivals.at / self.sent.speed)
        asked = self.sent.questions.asked(arrivals, seed)
        if not even:
            return arrivals, asked
        order = np.random.default_rng([seed, 1]).permutation(len(arrivals))
        spaced = np.linspace(arrivals.at[0], arrivals.at[-1], len(arrivals))
        question, expected, quality, tokens = asked
        mixed = Asked(question[order], expected[order], quality[order], tokens[order])
        return replace(arrivals.chosen(order), at=spaced), mixed
