"""A policy that chooses the model as well: what is generated is that model's answer."""

from collections.abc import Sequence

import numpy as np
import pytest

from policies.cached import Cached
from policies.fleet import MODEL, Replica, Table
from policies.perf.profiles import latency_model
from policies.policy import routing
from policies.request import Ask
from sims.arrivals import Arrivals
from sims.engine.answers import Answers
from sims.engine.choosing import Placed
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


class Turns:
    """Each model in turn; what it was told is kept."""

    def __init__(self) -> None:
        self.told: list[list[Placed]] = []
        self.ended: list[int] = []

    def begin(self, fleet: Table, ends: np.ndarray) -> None:
        self.fleet, self.ends = fleet, ends

    def choose(self, index: int, now: float, ask: Ask, placed: Sequence[Placed]) -> int:
        assert now == pytest.approx(float(index))
        self.told.append(list(placed))
        self.ended.append(int((self.ends <= now).sum()))
        return index % 2


def chosen(turns: Turns) -> Answers:
    return Answers(models=MODELS, tokens=answers().tokens, choose=turns)


def test_a_chooser_picks_the_model_and_the_routing_policy_its_replica() -> None:
    turns = Turns()
    run = simulate(arrivals(), fleet(), routing("shortest_ttft", {}), answers=chosen(turns))
    assert run.replica.tolist() == [0, 1, 0, 1, 0, 1]
    assert run.output_tokens.tolist() == [10, 51, 12, 53, 14, 55]
    assert [[each.row for each in placed] for placed in turns.told] == [[0, 1]] * COUNT
    assert run.predicted_ttft_s == pytest.approx([turns.told[i][i % 2].told.ttft_s for i in range(COUNT)])


def test_a_chooser_sees_which_answers_have_ended() -> None:
    turns = Turns()
    simulate(arrivals(), fleet(), routing("shortest_ttft", {}), answers=chosen(turns))
    assert turns.ended[0] == 0
    assert turns.ended == sorted(turns.ended)
    assert turns.ended[-1] > 0


def test_a_chooser_needs_a_registered_policy_to_place_the_models() -> None:
    with pytest.raises(ValueError, match="a chooser of models needs a routing policy"):
        simulate(arrivals(), fleet(), by_turns, answers=chosen(Turns()))


def test_what_a_chooser_raises_comes_out() -> None:
    class Broken(Turns):
        def choose(self, index: int, now: float, ask: Ask, placed: Sequence[Placed]) -> int:
            raise LookupError("no idea")

    with pytest.raises(LookupError, match="no idea"):
        simulate(arrivals(), fleet(), routing("shortest_ttft", {}), answers=chosen(Broken()))
