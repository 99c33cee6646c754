"""The kv-knowledge bench: its yardstick, its kinds, its figures."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.kv_knowledge import __main__ as bench
from bench.kv_knowledge.kinds import KINDS, SMALLER, Outcome, perform, summed_up
from bench.kv_knowledge.live import Live, Lived, _summed_up
from bench.kv_knowledge.report import figures, table, told
from bench.kv_knowledge.scene import RECORDED, Scene, infinite_share, leading, replicas, scene
from policies.policy import routing
from sims.arrival import Arrival
from sims.arrivals import Arrivals
from sims.engine.conditions import Conditions
from sims.engine.simulate import simulate
from sims.load.record import Record

BLOCK = 512
DATA = Path(__file__).parents[2].parent / "shared" / "data"


def turns(*chains: tuple[int, ...], rest: int = 0) -> Arrivals:
    rows = [
        Arrival(at=10.0 * i, prompt_tokens=BLOCK * len(c) + rest, output_tokens=5, blocks=c, block_tokens=BLOCK)
        for i, c in enumerate(chains)
    ]
    return Arrivals.of(rows)


def small(*chains: tuple[int, ...]) -> Scene:
    arrivals = turns(*chains, rest=1)
    return Scene(arrivals=list(arrivals), fleet=replicas()[:2], gpus=8, capacity_rps=1.0, host_tokens=0, left_out=0)


def test_an_endless_cache_finds_what_any_earlier_prompt_began_with() -> None:
    assert infinite_share(turns((0, 1), (0, 1), (2, 3))) == pytest.approx(2 / 6)
    assert infinite_share(turns((0, 1, 2), (0, 1, 3))) == pytest.approx(2 / 6)


def test_it_finds_nothing_after_the_first_block_that_is_new() -> None:
    # The third prompt's second block was seen, but not its first: a block's number stands for all before it too.
    assert infinite_share(turns((0, 1), (5,), (6, 1))) == 0.0


def test_tokens_beyond_the_last_full_block_count_as_not_found() -> None:
    assert infinite_share(turns((0,), (0,), rest=BLOCK)) == pytest.approx(1 / 4)


@pytest.mark.parametrize(("flags", "count"), [([], 0), ([True, True], 2), ([True, False, True], 1), ([False], 0)])
def test_leading_is_up_to_the_first_that_is_missing(flags: list[bool], count: int) -> None:
    assert leading(np.array(flags, np.bool_)) == count


def test_all_replicas_are_alike_and_hold_the_longest_prompt() -> None:
    fleet = replicas()
    assert len(fleet) == 16
    assert len({each.perf for each in fleet}) == 1
    assert fleet[0].perf.kv_tokens > fleet[0].context_limit


def test_one_replica_with_exact_knowledge_finds_all_that_an_endless_cache_does() -> None:
    played = small((0, 1, 2), (0, 1, 2), (0, 1, 4))
    one = perform(replace(played, fleet=played.fleet[:1]), KINDS["exact"], RECORDED)
    assert one.share == pytest.approx(1.0)
    assert one.missed == one.mistaken == 0.0


def test_a_router_that_hears_too_late_does_not_know_what_is_held() -> None:
    played = small(*[(0, 1, 2)] * 4)
    late = KINDS["stale_10s"]
    assert perform(played, replace(late, conditions={"kv_staleness_s": 1e6}), RECORDED).missed > 0.0


def test_requests_that_were_not_served_found_nothing() -> None:
    arrivals = turns((0, 1), (0, 1), (0, 1), rest=1)
    run = simulate(arrivals, replicas()[:1], routing("least_loaded"), Conditions())
    whole = summed_up(arrivals, run)
    cut = summed_up(arrivals, replace(run, state=np.array([0, 0, 2], np.int8)))
    assert whole.share == pytest.approx(1.0)
    assert cut.share == pytest.approx(0.5)


def test_every_kind_is_said_and_given_conditions_that_there_are() -> None:
    assert len({kind.says for kind in KINDS.values()}) == len(KINDS)
    assert set(SMALLER) < set(KINDS)
    for kind in KINDS.values():
        replace(Conditions(), **kind.conditions)
        routing(kind.policy, kind.settings)


def outcome(share: float) -> Outcome:
    return Outcome(
        share=share, cached=0.3, infinite=0.33, missed=0.0, mistaken=0.0, ttft_p50_s=0.2, ttft_p90_s=1.0,
        tpot_mean_s=0.02,
    )  # fmt: skip


def test_figures_are_means_with_intervals_and_the_table_has_a_row_a_kind() -> None:
    found = {"exact": [outcome(0.95), outcome(0.97)], "stale_1s": [outcome(0.9), outcome(0.9)]}
    flat = figures(found, "half_")
    assert flat["half_exact_share"] == pytest.approx(0.96)
    assert flat["half_exact_share_half"] > 0.0
    page = table(small((0, 1)), found)
    assert "| events, 50 ms late | 0.960 ±" in page
    assert "| events, 1 s late | 0.900 ±" in page


def record(cached: int, **changes: object) -> Record:
    made = Record(
        request_id="r", session="", model="m", scheduled_s=0.0, sent_s=0.1, first_token_s=0.6, last_token_s=1.0,
        prompt_tokens=1000, output_tokens=5, cached_tokens=cached,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def test_an_emulated_share_is_what_engines_reported_of_requests_that_were_answered() -> None:
    records = [record(0), record(600), record(1000, error="broken off")]
    lived = _summed_up(records, infinite=0.5)
    assert lived.share == pytest.approx(0.6)
    assert lived.served == 2
    assert (lived.ttft_p50_s, lived.late_p50_s) == pytest.approx((0.5, 0.1))


def test_a_fleet_that_answers_nobody_is_no_measurement() -> None:
    with pytest.raises(RuntimeError, match="none of 1 requests was answered: refused"):
        _summed_up([record(0, error="refused")], infinite=0.5)


def test_the_claim_is_met_only_where_simulated_recorded_and_emulated_shares_all_are() -> None:
    lived = Lived(share=0.96, ttft_p50_s=0.3, served=10, late_p50_s=0.0)
    live = Live(requests=10, infinite=0.3, simulated=0.97, lived={"exact": lived})
    flat = {"exact_share": 0.97, "recorded_exact_share": 0.96, **bench.emulated(live)}
    assert "emulated, exact: 0.960 of that" in told(live)
    assert bench.summary(flat, 1.0)["met"]
    assert not bench.summary(flat | {"exact_share": 0.94}, 1.0)["met"]
    del flat["emulated_exact_share"]
    assert not bench.summary(flat, 1.0)["met"]


@pytest.mark.skipif(not DATA.is_dir(), reason="needs the data folder beside the checkout")
def test_the_trace_is_offered_at_four_fifths_of_what_the_fleet_finishes() -> None:
    played = scene(DATA)
    span = played.arrivals[-1].at - played.arrivals[0].at
    assert len(played.arrivals) / span == pytest.approx(0.8 * played.capacity_rps, rel=0.01)
    assert max(a.prompt_tokens + a.output_tokens for a in played.arrivals) <= played.fleet[0].context_limit
