"""A policy that chooses the model as well: what is generated is that model's answer."""

from collections.abc import Sequence

import numpy as np
import pytest

from policies.cached import Cached
from policies.fleet import MODEL, Replica, Table
from policies.perf.profiles import latency_model
from policies.request import Ask
from sims.arrivals import Arrivals
from sims.engine.answers import Answers
from sims.engine.simulate import simulate

MODELS = ("llama-3.1-8b", "qwen3-32b")
COUNT = 6


def fleet() -> list[Replica]:
    perfs = [latency_model("l40s", MODELS[0]), latency_model("h100-sxm", MODELS[1], 2)]
    return [
        Replica(name=name, address="", pool=name, model=name, gpu="", perf=perf)
        for name, perf in zip(MODELS, perfs, strict=True)
    ]


def arrivals() -> Arrivals:
    lengths = np.full(COUNT, 100)
    return Arrivals.drawn(np.arange(COUNT, dtype=float), lengths, lengths)


def answers(models: Sequence[str] = MODELS) -> Answers:
    tokens = np.stack([np.arange(COUNT) + 10, np.arange(COUNT) + 50], axis=1).astype(np.int32)
    return Answers(models=tuple(models), tokens=tokens)


def by_turns(index: int, ask: Ask, table: Table, cached: Cached) -> int:
    assert table[index % 2, MODEL] == float(index % 2)
    return index % 2


def test_the_chosen_models_answer_is_what_is_generated() -> None:
    run = simulate(arrivals(), fleet(), by_turns, answers=answers())
    assert run.replica.tolist() == [0, 1, 0, 1, 0, 1]
    assert run.output_tokens.tolist() == [10, 51, 12, 53, 14, 55]
    assert np.isfinite(run.end).all()


def test_columns_may_come_in_any_order_of_models() -> None:
    run = simulate(arrivals(), fleet(), by_turns, answers=answers(MODELS[::-1]))
    assert run.output_tokens.tolist() == [50, 11, 52, 13, 54, 15]


def test_the_callers_arrivals_stay_as_they_were() -> None:
    given = arrivals()
    simulate(given, fleet(), by_turns, answers=answers())
    assert given.output_tokens.tolist() == [100] * COUNT


def test_a_model_without_answers_is_an_error() -> None:
    with pytest.raises(ValueError, match="no answers of model 'qwen3-32b'"):
        simulate(arrivals(), fleet(), by_turns, answers=answers((MODELS[0], "other")))


def test_answers_of_another_shape_are_an_error() -> None:
    wrong = Answers(models=MODELS, tokens=np.ones((2, 2), np.int32))
    with pytest.raises(ValueError, match="6 arrivals and 2 models"):
        simulate(arrivals(), fleet(), by_turns, answers=wrong)


def test_an_answer_of_no_tokens_is_an_error() -> None:
    wrong = Answers(models=MODELS, tokens=np.zeros((COUNT, 2), np.int32))
    with pytest.raises(ValueError, match="at least one"):
        simulate(arrivals(), fleet(), by_turns, answers=wrong)
