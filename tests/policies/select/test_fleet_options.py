"""The options of a request as the fleet stands."""

import numpy as np

from policies.cached import nothing_cached
from policies.fleet import READY, WAITING, Fleet, Replica
from policies.perf.profiles import latency_model
from policies.request import Ask
from policies.select.fleet_options import options_now

ASK = Ask(1.0, 0.0, 0.0, 500.0, 0.0, 100.0, 2.0, 0.1)
MODELS = {"llama-3.1-8b": 0.0, "qwen3-32b": 1.0}
ANSWER = (100.0, 200.0)


def fleet() -> Fleet:
    made = Fleet()
    for name, model, gpu, gpus in (
        ("s0", "llama-3.1-8b", "l40s", 1), ("s1", "llama-3.1-8b", "l40s", 1), ("l0", "qwen3-32b", "h100-sxm", 2),
    ):  # fmt: skip
        perf = latency_model(gpu, model, gpus)
        row = made.add(Replica(name=name, address="", pool=model, model=model, gpu=gpu, perf=perf))
        made.table[row, READY] = 1.0
    return made


def test_every_model_is_offered_on_its_least_busy_replica() -> None:
    made = fleet()
    made.columns.waiting[0], made.columns.queued_tokens[0] = 20.0, 40_000.0
    options, rows = options_now(ASK, made.table, nothing_cached(3), MODELS, ANSWER)
    assert [option.model for option in options] == list(MODELS)
    assert rows == [1, 2]
    assert options[1].usd > options[0].usd > 0.0


def test_a_queue_makes_a_model_late() -> None:
    made = fleet()
    made.columns.queued_tokens[:] = 500_000.0
    made.table[:, WAITING] = 100.0
    options, _ = options_now(ASK, made.table, nothing_cached(3), MODELS, ANSWER)
    assert all(option.over_slo_s > 1.0 for option in options)


def test_a_model_that_nobody_serves_now_is_an_hour_late() -> None:
    made = fleet()
    made.table[2, READY] = 0.0
    options, rows = options_now(ASK, made.table, nothing_cached(3), MODELS, ANSWER)
    assert rows[1] == -1
    assert options[1].over_slo_s >= 3600.0
    assert np.isfinite(options[0].ttft_s)
