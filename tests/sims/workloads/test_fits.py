"""A generator fitted to a stream draws streams like it."""

import numpy as np
import pytest

from sims.arrivals import Arrivals
from sims.traces.reading.summary import TraceSummary, describe
from sims.workloads.cdf import Cdf
from sims.workloads.drawing.fitting import LogNormal, burstiness, distance, points, rank_correlation
from sims.workloads.drawing.lengths import Quantiles
from sims.workloads.drawing.turns import Turns
from sims.workloads.drawing.workload import CannotFit, Workload, chosen
from sims.workloads.multi_round import MultiRound

COUNT = 6000


def sample(name: str, count: int, **settings: object) -> Arrivals:
    return chosen(name, settings).columns(11, count=count)


def fitted(name: str, trace: Arrivals) -> tuple[TraceSummary, TraceSummary, Workload]:
    """The trace, a stream of the generator fitted to it, and that."""
    found = type(chosen(name)).fit(trace)
    return describe(trace), describe(found.columns(7, count=len(trace))), found


def alike(trace: TraceSummary, drawn: TraceSummary, rel: float) -> None:
    """The lengths' means and quantiles; of some thousand requests the 99th percentile is a matter of chance."""
    for part in ("prompt", "output"):
        for key, slack in (("mean", rel), ("p50", rel), ("p90", rel), ("p99", 2.5 * rel)):
            wanted = getattr(getattr(trace, part), key)
            assert getattr(getattr(drawn, part), key) == pytest.approx(wanted, rel=slack), f"{part} {key}"


@pytest.mark.parametrize("name", ["cdf", "azure_conversation", "servegen"])
@pytest.mark.parametrize("source", ["azure_conversation", "cdf"])
def test_lengths_rate_and_variation_come_back(name: str, source: str) -> None:
    lmsys = {"lengths": "lmsys", "rate_rps": 20.0} if source == "cdf" else {}
    trace, drawn, _ = fitted(name, chosen(source, lmsys).columns(11, count=COUNT))
    alike(trace, drawn, rel=0.12)
    assert drawn.rate_rps == pytest.approx(trace.rate_rps, rel=0.08)
    assert drawn.cv == pytest.approx(trace.cv, rel=0.08)


@pytest.mark.parametrize(("family", "cv"), [("gamma", 3.0), ("weibull", 2.5), ("gamma", 0.5), ("poisson", 1.0)])
def test_the_family_of_arrivals_is_found(family: str, cv: float) -> None:
    trace = Cdf(family=family, cv=cv, rate_rps=3.0).columns(5, count=20_000)
    found = burstiness(trace)
    assert found.family == family
    assert found.rate_rps == pytest.approx(3.0, rel=0.1)
    assert found.cv == pytest.approx(cv, rel=0.1)


def test_shared_prefixes_come_back_exactly() -> None:
    settings: dict[str, float] = {"groups": 12, "prompts_per_group": 7, "system_tokens": 640, "question_tokens": 200.0}
    trace, drawn, found = fitted("shared_prefix", sample("shared_prefix", 3000, **settings))
    for name, value in settings.items():
        assert getattr(found, name) == pytest.approx(value, rel=0.01), name
    assert drawn.reuse_share == pytest.approx(trace.reuse_share, abs=0.01)
    alike(trace, drawn, rel=0.02)


def test_shared_prefixes_of_spread_lengths_come_back() -> None:
    settings: dict[str, float] = {
        "groups": 40,
        "question_std": 300.0,
        "output_std": 250.0,
        "system_tokens": 2000,
        "rate_rps": 4.0,
    }
    trace, drawn, _ = fitted("shared_prefix", sample("shared_prefix", 3000, **settings))
    assert drawn.reuse_share == pytest.approx(trace.reuse_share, abs=0.02)
    alike(trace, drawn, rel=0.15)


def test_conversations_reuse_as_much_as_the_trace() -> None:
    trace, drawn, _ = fitted("mooncake_conversation", sample("mooncake_conversation", 2500))
    alike(trace, drawn, rel=0.2)
    assert drawn.reuse_share == pytest.approx(trace.reuse_share, abs=0.05)
    assert drawn.reusing_share == pytest.approx(trace.reusing_share, abs=0.05)


def test_rounds_come_back() -> None:
    trace, drawn, found = fitted("multi_round", sample("multi_round", 4000, users=40, rounds=8, history_tokens=3000))
    assert isinstance(found, MultiRound)
    assert (found.users, found.rounds) == (40, 8)
    assert drawn.reuse_share == pytest.approx(trace.reuse_share, abs=0.01)
    alike(trace, drawn, rel=0.02)


def test_agents_come_back() -> None:
    trace, drawn, _ = fitted("agent_sessions", sample("agent_sessions", 3000, block_tokens=512))
    alike(trace, drawn, rel=0.25)
    assert drawn.reuse_share == pytest.approx(trace.reuse_share, abs=0.03)
    assert drawn.sessions == pytest.approx(trace.sessions, rel=0.25)


@pytest.mark.parametrize("name", ["shared_prefix", "mooncake_conversation"])
def test_prefixes_cannot_be_fitted_to_a_trace_without(name: str) -> None:
    with pytest.raises(CannotFit, match=f"tells of no blocks, which {name} is fitted from: fit `cdf`"):
        fitted(name, sample("cdf", 100))


@pytest.mark.parametrize("name", ["multi_round", "agent_sessions"])
def test_sessions_cannot_be_fitted_to_a_trace_without(name: str) -> None:
    with pytest.raises(CannotFit, match=f"no session with two turns, which {name} is fitted from: fit `cdf`"):
        fitted(name, sample("cdf", 100))


@pytest.mark.parametrize("name", ["cdf", "azure_conversation", "servegen"])
def test_too_few_arrivals_are_not_fitted(name: str) -> None:
    with pytest.raises(CannotFit, match=r"2 arrivals in .* s: a fit needs 3, not all at once"):
        fitted(name, sample("cdf", 2))


def test_all_at_once_is_not_fitted() -> None:
    with pytest.raises(CannotFit, match="not all at once"):
        Cdf.fit(Arrivals.drawn(np.zeros(9), np.ones(9), np.ones(9)))


def test_points_pin_the_distribution() -> None:
    tokens = np.random.default_rng(3).integers(1, 900, 5000)
    shape = Quantiles.of(points(tokens))
    drawn = shape.draw(np.random.default_rng(4), 50_000)
    assert distance(tokens, drawn) < 0.03


def test_distance_is_the_largest_gap_between_distributions() -> None:
    assert distance(np.array([1, 2, 3]), np.array([1, 2, 3])) == 0.0
    assert distance(np.array([1, 2]), np.array([3, 4])) == 1.0


@pytest.mark.parametrize("correlation", [-0.6, 0.0, 0.8])
def test_prompt_and_answer_go_together_as_told(correlation: float) -> None:
    shape = ((0.0, 10.0), (1.0, 10_000.0))
    stream = Cdf(prompt=shape, output=shape, correlation=correlation).columns(1, count=20_000)
    found = rank_correlation(stream.prompt_tokens, stream.output_tokens)
    assert found == pytest.approx(correlation, abs=0.03)
    assert Cdf.fit(stream).correlation == found


def test_a_log_normal_is_found_by_its_logarithms() -> None:
    found = LogNormal.of(np.random.default_rng(1).lognormal(np.log(50.0), 0.7, 20_000))
    assert found.median == pytest.approx(50.0, rel=0.03)
    assert found.sigma == pytest.approx(0.7, rel=0.03)


def test_turns_are_measured_between_neighbours_of_a_session() -> None:
    trace = MultiRound(users=3, rounds=4, rate_rps=1.0, system_tokens=160, history_tokens=320).columns(2, count=600)
    turns = Turns.of(trace)
    assert set(turns.counts.tolist()) == {4}
    assert set(turns.fresh.tolist()) == {20}
    assert turns.pauses.mean() == pytest.approx(3.0)
    assert turns.system_tokens == 160
