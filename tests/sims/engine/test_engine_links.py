"""KV on its way between replicas: links shared fairly, blocks held at both ends, and what a failure does to it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.policy import routing
from sims.engine.conditions import Conditions, Outage
from sims.engine.run import SERVED
from sims.engine.simulate import simulate
from tests.sims.engine.small import FRONT_S, arrivals, prefill_s, prompts
from tests.sims.engine.test_engine_roles import LEAST, RELAYED, ROUND, apart, at_once
from tests.sims.engine.worlds import BLOCK, H100, drawn, replica

BASE_S = ROUND["transfer_base_s"]


def in_turn(count: int) -> object:
    """Sends arrival i to replica i modulo so many."""
    return lambda i, ask, table, cached: i % count


@given(st.integers(1, 5), st.integers(200, 2000))
@settings(max_examples=20, deadline=None)
def test_many_sources_to_one_target_share_the_targets_link(count: int, prompt: int) -> None:
    fleet = apart(prefill=count, **ROUND)
    run = simulate(at_once(count, prompt=prompt, output=2), fleet, in_turn(count), RELAYED)  # type: ignore[arg-type]
    moved = count * prompt * 1e6 / 1e9
    arrived = run.first + moved + BASE_S
    assert (run.end >= arrived - 1e-9).all()
    assert (run.end <= arrived + H100.step(count, count * (prompt + 1)) + 1e-9).all()


@given(st.integers(1, 5))
@settings(max_examples=10, deadline=None)
def test_one_source_to_many_targets_shares_the_sources_link(count: int) -> None:
    run = simulate(at_once(count, output=2), apart(decode=count, **ROUND), LEAST, RELAYED)
    assert sorted(run.replica.tolist()) == list(range(1, count + 1)), "each target is as good as another, until taken"
    assert (run.end - run.first - BASE_S).tolist() == pytest.approx([float(count)] * count, abs=0.05)


def test_the_narrower_of_two_links_decides() -> None:
    narrow = ROUND | {"transfer_bytes_per_s": 2.5e8}
    for source, target in ((ROUND, narrow), (narrow, ROUND)):
        fleet = [replica("p", role="prefill", **source), replica("d", role="decode", **target)]
        run = simulate(at_once(1, output=2), fleet, LEAST, RELAYED)
        assert run.end[0] - run.first[0] == pytest.approx(4.0 + 0.25 + H100.step(1, 1001))


def test_a_longer_prompt_takes_longer_in_proportion() -> None:
    short, long = (simulate(at_once(1, prompt=n, output=2), apart(**ROUND), LEAST, RELAYED) for n in (500, 1500))
    assert (long.end - long.first - BASE_S)[0] == pytest.approx(3.0 * (short.end - short.first - BASE_S)[0], rel=0.02)


def test_a_first_token_that_is_relayed_does_not_wait_for_the_transfer() -> None:
    run = simulate(at_once(1), apart(**ROUND), LEAST, RELAYED)
    assert run.ttft_s[0] == pytest.approx(FRONT_S + prefill_s(1000))


def test_a_cached_prompt_is_not_computed_again_but_moved_whole() -> None:
    chain = list(range(60))
    rows = prompts((0.0, chain), (20.0, chain), output=2, extra=1)
    run = simulate(rows, apart(**ROUND), LEAST, RELAYED)
    assert run.cached.tolist() == [0, 60 * BLOCK]
    moved = (run.end - run.first).tolist()
    assert moved[1] == pytest.approx(moved[0])


def test_what_came_over_a_link_is_cached_where_it_came_to() -> None:
    """A decode replica that becomes the only one left computes nothing of a prompt that it decoded before."""
    chain = list(range(60))
    fleet = [replica("p", role="prefill", **ROUND), replica("d", role="decode", **ROUND)]
    run = simulate(prompts((0.0, chain), (20.0, chain), output=2, extra=1), fleet, LEAST, Conditions(sample_s=5.0))
    assert run.samples is not None
    assert (run.samples.kv_tokens[2] == 0).all(), "cached blocks that nobody holds count as free"


def test_when_the_source_fails_on_the_way_the_request_starts_anew() -> None:
    rows = at_once(1)
    first = float(simulate(rows, apart(prefill=2, **ROUND), LEAST, RELAYED).first[0])
    source = int(simulate(rows, apart(prefill=2, **ROUND), LEAST).prefill_replica[0])
    down = Conditions(outages=(Outage(replica=source, at=first + 0.5),))
    run = simulate(rows, apart(prefill=2, **ROUND), LEAST, down)
    assert run.state[0] == SERVED
    assert run.prefill_replica[0] == 1 - source
    assert run.first[0] > first + 0.5


def test_when_the_target_fails_on_the_way_the_sources_blocks_are_free_again() -> None:
    fleet = apart(decode=2, **(ROUND | {"kv_tokens": 1200}))
    whole = simulate(at_once(1), fleet, LEAST, RELAYED)
    target = int(whole.replica[0])
    down = Conditions(outages=(Outage(replica=target, at=float(whole.first[0]) + 0.5),), sample_s=0.25)
    run = simulate(at_once(3), fleet, LEAST, down)
    assert (run.state == SERVED).all()
    assert (run.replica != target).all()
    assert run.samples is not None
    assert run.samples.kv_tokens[-1, 0] <= 1200


@given(st.integers(0, 30), st.integers(1, 3), st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_fast_links_never_make_anybody_later_than_slow_ones_on_an_idle_fleet(
    seed: int, prefill: int, decode: int
) -> None:
    rows = drawn(8, 0.05, seed=seed)
    fast, slow = (
        simulate(rows, apart(prefill, decode, transfer_bytes_per_s=rate), LEAST, RELAYED) for rate in (1e12, 1e9)
    )
    assert (fast.end <= slow.end + 1e-9).all()
    assert fast.first.tolist() == slow.first.tolist()


def test_prefill_replicas_take_prompts_while_earlier_ones_are_moved() -> None:
    run = simulate(at_once(4, gap_s=0.1), apart(**ROUND), LEAST, RELAYED)
    assert run.first.max() < 1.0, "all prompts are computed before the first transfer of a second is over"
    assert np.diff(np.sort(run.end)).min() >= 0.0


def test_without_any_prefill_replica_of_a_model_there_is_nothing_to_simulate() -> None:
    fleet = [replica("d", role="decode")]
    with pytest.raises(ValueError, match="no replica computes the prompts of model 'chat'"):
        simulate(at_once(1), fleet, LEAST)


def test_kv_never_goes_to_a_decode_replica_of_another_model() -> None:
    fleet = [*apart(), replica("other", role="decode", model="reason"), replica("q", role="prefill", model="reason")]
    rows = replace(drawn(40, 10.0), model=(np.arange(40) % 2).astype(np.int32), models=("chat", "reason"))
    run = simulate(rows, fleet, LEAST)
    moved = run.output_tokens > 1
    assert set(run.replica[0::2][moved[0::2]].tolist()) == {1}
    assert set(run.replica[1::2][moved[1::2]].tolist()) == {2}


def test_a_prompt_alone_on_a_busy_decode_replica_joins_its_batch() -> None:
    rows = arrivals((0.0, 100, 2000), (5.0, 100, 2000))
    run = simulate(rows, apart(), routing("shortest_ttft"), Conditions(sample_s=8.0))
    assert run.samples is not None
    assert run.samples.running[1].tolist() == [0, 2]
