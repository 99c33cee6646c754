"""Requests at Azure's conversation rate, each with a question of MMLU-Pro: who would be right, at what length."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.select.features import features_of
from bench.select.folds import folds
from bench.select.matrix import Matrix, read_matrix
from policies.select.quality.port import Floats
from router.learn.stacking import Stacking, fit_stacked
from sims.arrivals import Arrivals, Ids
from sims.traces.reading.reader import read

SERVED = {"llama-3.1-8b": "Meta-Llama-3_1-8B-Instruct", "llama-3.1-70b": "Meta-Llama-3_1-70B-Instruct"}
"""Models that the fleet serves, by what the matrix calls them."""

LONGEST = 4.0  # times Azure's answer that a model's may be, and its inverse


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Arrivals, and by arrival and model what is expected, what is true and how long the answer is."""

    arrivals: Arrivals
    expected: Floats
    right: Floats
    tokens: Ids


def expected_quality(matrix: Matrix) -> Floats:
    """What the two-stage head expects of the served models, every question by a head that did not see it."""
    columns = [matrix.models.index(name) for name in SERVED.values()]
    features = features_of(matrix.texts, matrix.prompt_tokens.tolist())
    found = np.empty((len(matrix), len(columns)))
    for taught, tested in folds(matrix.texts):
        topics = [matrix.category[i] for i in taught]
        head = fit_stacked(
            features.rows[taught], matrix.right[taught][:, columns], topics, Stacking(text=features.text)
        )
        found[tested] = head.expect(features.rows[tested])
    return found


def traffic(data: Path, seconds: float, speed: float, seed: int = 0) -> Traffic:
    """The first so many seconds of the trace, played so much faster, with questions drawn by the seed."""
    matrix = read_matrix(data)
    columns = [matrix.models.index(name) for name in SERVED.values()]
    trace = Arrivals.of(read(data / "azure_llm_2023" / "conv.csv.gz"))
    trace = trace.chosen(trace.at / speed <= seconds)
    drawn = np.random.default_rng(seed).integers(0, len(matrix), len(trace))
    verbose = matrix.out_tokens / np.nanmean(matrix.out_tokens[:, columns], axis=1, keepdims=True)
    times = np.clip(verbose[drawn][:, columns], 1.0 / LONGEST, LONGEST)
    tokens = np.maximum(np.rint(trace.output_tokens[:, None] * times), 1.0).astype(np.int32)
    at = np.asarray(trace.at / speed)
    return Traffic(
        arrivals=Arrivals.drawn(at, trace.prompt_tokens, trace.output_tokens),
        expected=expected_quality(matrix)[drawn],
        right=matrix.right[drawn][:, columns],
        tokens=tokens,
    )
