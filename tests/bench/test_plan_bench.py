"""The planner's measurement: its traffic, its peer's fleets and its exhaustive search are what they say."""

from pathlib import Path

import numpy as np
import pytest

from bench.plan.__main__ import targets, within
from bench.plan.optimum import SMALL, cheaper
from bench.plan.peer import Theirs, cdf, compressed, kinds_of
from bench.plan.traffic import CASES, case, file_of
from bench.plan.week import WEEK_S, request
from sims.arrivals import Arrivals
from sims.plan.traffic import sampled

DATA = Path(__file__).parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="no ../shared/data here")
FLEET = Theirs(short_gpu="a10g", long_gpu="h100-sxm", short=10, long=7, boundary=2048, gamma=1.5)


def test_every_case_asks_for_the_percentile_its_peer_plans_for() -> None:
    for one in CASES:
        (limits,) = one.asked().classes
        assert limits.ttft is not None
        assert limits.ttft.percentile == 99.0
        assert limits.ttft.seconds == one.ttft_p99_s


def test_unseen_seeds_are_others_than_those_planned_with() -> None:
    from bench.plan.__main__ import UNSEEN, UNSEEN_SEEDS

    planned = CASES[0].asked()
    assert planned.first_seed + planned.seeds <= UNSEEN
    assert UNSEEN_SEEDS >= 8


def test_every_fleet_below_a_cost_is_tried_the_cheapest_first() -> None:
    found = cheaper([2.0, 3.0], 7.0)
    costs = [float(np.dot([2.0, 3.0], counts)) for counts in found]
    assert costs == sorted(costs)
    assert set(found) == {(1, 0), (2, 0), (3, 0), (0, 1), (1, 1), (0, 2), (2, 0), (1, 1)}


def test_small_instances_are_of_known_cases_and_gpus() -> None:
    names = {one.name for one in CASES}
    assert all(name in names and 0.0 < share < 1.0 and len(gpus) >= 3 for name, share, gpus in SMALL)


def test_a_grown_fleet_has_whole_replicas() -> None:
    assert FLEET.grown(1.0) == (10, 7)
    assert FLEET.grown(1.05) == (11, 8)
    assert FLEET.grown(2.0) == (20, 14)


def test_the_peers_lengths_rise_to_one() -> None:
    points = cdf(np.arange(1, 2001, dtype=np.int32))
    tokens, shares = zip(*points, strict=True)
    assert list(tokens) == sorted(set(tokens))
    assert list(shares) == sorted(shares)
    assert shares[-1] == 1.0
    assert shares[tokens.index(1024.0)] == pytest.approx(0.512)


def test_the_short_pool_comes_first_and_has_its_own_name() -> None:
    short, long = kinds_of(FLEET, CASES[0].asked())
    assert (short.name, long.name) == ("short", "long")
    assert (short.pool.gpu, long.pool.gpu) == ("a10g", "h100-sxm")


def test_the_peers_compression_cuts_only_what_fits_and_three_in_four() -> None:
    prompts = np.array([1000] * 100 + [2500] * 400 + [9000] * 100)
    rows = Arrivals.drawn(np.arange(600.0), prompts, np.full(600, 100))
    found = compressed(rows, 2048, 1.5).prompt_tokens
    assert (found[:100] == 1000).all()
    assert (found[500:] == 9000).all()
    cut = found[100:500]
    assert set(cut.tolist()) == {1948, 2500}
    assert 0.65 < float((cut == 1948).mean()) < 0.85


def test_bounds_are_met_only_by_figures_that_were_measured() -> None:
    target = targets(["azure"])
    assert not within({}, target)
    assert within({"optimum_gap": 0.01, "week_seconds": 60.0, "week_fleets": 100.0}, target)
    assert not within({"optimum_gap": 0.05, "week_seconds": 60.0, "week_fleets": 100.0}, target)


def test_the_week_asks_for_a_chats_deadlines() -> None:
    assert request().slo == (1.0, 0.05)
    assert WEEK_S == 7 * 86_400.0


def test_missing_data_says_which_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="laid out like"):
        file_of(tmp_path, "azure_llm_2023", "conv*.csv*")


@needs_data
def test_the_agents_chain_and_share_their_instructions_only() -> None:
    arrivals = case("agents").of(DATA)
    waits = ~np.isnan(arrivals.after_s)
    assert 0.5 < float(waits.mean()) < 1.0
    users = np.bincount(arrivals.blocks)
    assert users.max() > 100
    assert float((users == 1).mean()) > 0.1
    assert sampled(arrivals, most=2000).share < 1.0


@needs_data
def test_azure_keeps_every_request_at_45_times_the_rate() -> None:
    arrivals = case("azure").of(DATA)
    assert arrivals.rate_rps > 200.0


@needs_data
def test_a_small_week_is_drawn_whole_and_its_busiest_window_kept() -> None:
    from bench.plan.week import drawn

    week = drawn(DATA, requests=50_000)
    assert week.requests == pytest.approx(50_000, rel=0.1)
    assert len(week.load) == 24
    assert max(week.load) == 1.0
    assert week.busiest.at[0] == 0.0
    assert week.busiest.span_s <= 600.0
    assert len(week.others) >= 6


def test_a_week_without_its_recording_says_what_is_missing(tmp_path: Path) -> None:
    from bench.plan.week import drawn

    with pytest.raises(FileNotFoundError, match="servegen"):
        drawn(tmp_path)


def test_a_peer_that_cannot_be_installed_is_said_and_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.gateway.installs import InstallError
    from bench.plan import __main__ as claim

    def missing(*given: object) -> object:
        raise InstallError("no such wheel")

    monkeypatch.setattr(claim, "optimised", missing)
    monkeypatch.setattr(claim, "traffic", lambda name, data: None)
    assert claim.beside(case("azure"), None, DATA) == {  # type: ignore[arg-type]
        "azure_cheaper_than_vllm_sr_sim": None
    }
