"""Calibration gives back the constants of an engine that is measured by replaying it."""

from dataclasses import replace

import numpy as np
import pytest

from policies.perf.latency import LatencyModel
from policies.perf.profiles import gpu, latency_model, model
from sims.calibrate import knobs
from sims.calibrate.calibrate import calibrate, errors, fitted, predicted, shares
from sims.calibrate.closed_loop import steady
from sims.calibrate.floors import floors
from sims.calibrate.measurements import Measurements, Steady
from sims.calibrate.replayed import Asked, replayed

START = latency_model("h100-sxm", "llama-3.1-8b")
LEAST = floors(gpu("h100-sxm"), model("llama-3.1-8b"), 1)
TRUE = replace(START, slowdown=1.5, host_s=100e-6, frontend_s=0.2)


def requests(truth: LatencyModel, count: int = 60) -> Measurements:
    """What requests at one a tenth of a second would measure of that engine."""
    asked = tuple(Asked(0.1 * k, 300 + 37 * (k % 11), 40 + 13 * (k % 7)) for k in range(count))
    times = np.array(replayed(asked, truth))
    quarters = tuple(f"quarter {1 + 4 * k // count}" for k in range(count))
    return Measurements(
        requests=asked, settings=(), ttft_s=times[:, 0] + truth.frontend_s, tpot_s=times[:, 1], groups=quarters
    )


def settings(truth: LatencyModel, together: float) -> Measurements:
    """What closed loops of several shapes and loads would measure of it."""
    chosen = [
        Steady(clients=c, prompt=p, output=o) for p, o in ((512, 256), (2048, 256), (4096, 512)) for c in (1, 8, 64)
    ]
    times = np.array([steady(one, truth) for one in chosen])
    return Measurements(
        requests=(), settings=tuple(chosen), ttft_s=times[:, 0] + truth.frontend_s + together * times[:, 2],
        tpot_s=times[:, 1], groups=tuple(f"{one.prompt} in, {one.output} out" for one in chosen),
    )  # fmt: skip


def test_the_overheads_of_a_replayed_engine_come_back() -> None:
    """Together: with one load, slowdown and host work can stand in for each other."""
    found = calibrate(requests(TRUE), knobs.overheads(START, LEAST), START, lambda _: None)
    assert found.latency.frontend_s == pytest.approx(0.2, rel=0.05)
    assert found.latency.decode_seconds(4, 2000) == pytest.approx(TRUE.decode_seconds(4, 2000), rel=0.05)
    assert found.after.tpot < 0.02 < found.before.tpot


def test_the_overheads_of_closed_loops_come_back_with_how_clients_send() -> None:
    measured = settings(TRUE, together=0.5)
    found = fitted(measured, knobs.overheads(START, LEAST), np.ones(len(measured), dtype=bool))
    assert found.latency.slowdown == pytest.approx(1.5, rel=0.05)
    assert found.latency.host_s == pytest.approx(100e-6, rel=0.2)
    assert found.together == pytest.approx(0.5, abs=0.1)


def test_groups_left_out_are_predicted_by_the_others() -> None:
    found = calibrate(settings(TRUE, 0.0), knobs.overheads(START, LEAST), START, lambda _: None)
    assert found.groups == 3
    assert found.left_out is not None
    assert found.left_out.tpot < 0.05


def test_one_group_cannot_be_left_out() -> None:
    measured = requests(TRUE, 10)
    alone = replace(measured, groups=("all",) * len(measured))
    assert calibrate(alone, knobs.overheads(START, LEAST), START, lambda _: None).left_out is None


def test_an_engine_faster_than_physics_is_fitted_no_faster_than_physics() -> None:
    """Measurements of impossible prompts do not teach impossible prompts."""
    impossible = replace(TRUE, token_s=LEAST["token_s"] / 6.6, attention_s=LEAST["attention_s"] / 6.6, slowdown=1.0)
    found = fitted(settings(impossible, 0.0), knobs.steps(START, LEAST), np.ones(9, dtype=bool)).latency
    assert found.slowdown * found.token_s >= LEAST["token_s"] * (1 - 1e-9)


def test_progress_says_what_is_fitted() -> None:
    said: list[str] = []
    calibrate(requests(TRUE, 12), knobs.overheads(START, LEAST), START, said.append)
    assert said == ["fitting all", *(f"fitting without set {k} of 4" for k in (1, 2, 3, 4))]


def test_errors_of_a_perfect_prediction_are_nothing() -> None:
    measured = requests(TRUE, 20)
    perfect = np.stack([measured.ttft_s, measured.tpot_s], axis=1)
    found = errors(measured, perfect)
    assert (found.ttft, found.tpot) == (0.0, 0.0)
    assert found.ttft_quantiles == found.tpot_quantiles == (0.0, 0.0, 0.0)


def test_single_tokens_are_judged_by_their_first_token_alone() -> None:
    asked = tuple(Asked(float(k), 1000, 1) for k in range(5))
    nothing = np.full(5, np.nan)
    measured = Measurements(
        requests=asked, settings=(), ttft_s=np.full(5, 0.5), tpot_s=nothing, groups=("a", "a", "b", "b", "b")
    )
    found = calibrate(measured, knobs.overheads(START, LEAST), START, lambda _: None)
    assert found.after.tpot == 0.0
    assert found.after.ttft < 0.05


def test_requests_have_no_rounds() -> None:
    measured = requests(TRUE, 5)
    assert not shares(measured, START)[:, 2].any()
    found = fitted(measured, knobs.overheads(START, LEAST), np.ones(5, dtype=bool))
    assert found.together == 0.0
    assert predicted(measured, found).shape == (5, 2)
