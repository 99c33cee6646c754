"""Prompts computed on one replica and decoded on another: what moves, how long it takes, what it holds meanwhile."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.fleet import Replica
from policies.policy import routing
from policies.scale.scaling import History, Move, Wish
from sims.arrivals import Arrivals
from sims.engine.conditions import Conditions, Outage
from sims.engine.run import SERVED
from sims.engine.simulate import simulate
from tests.sims.engine.test_engine_laws import check
from tests.sims.engine.worlds import BLOCK, H100, drawn, replica, traces

LEAST = routing("least_loaded")
ROUND: dict[str, Any] = {"transfer_bytes_per_s": 1e9, "transfer_base_s": 0.25, "kv_bytes_per_token": 1e6}


RELAYED = Conditions(relays_first=True)
"""Tells the end of a prompt from the end of its transfer."""


def apart(prefill: int = 1, decode: int = 1, **perf: Any) -> list[Replica]:
    """Replicas that compute prompts and replicas that decode."""
    sources = [replica(f"p{i}", role="prefill", **perf) for i in range(prefill)]
    return sources + [replica(f"d{i}", role="decode", **perf) for i in range(decode)]


def at_once(count: int, prompt: int = 1000, output: int = 3, gap_s: float = 0.0) -> Arrivals:
    sizes = np.full(count, prompt), np.full(count, output)
    return Arrivals.drawn(gap_s * np.arange(count, dtype=np.float64), *sizes)


def test_a_lone_request_takes_its_prefill_its_transfer_and_its_decode_steps() -> None:
    fleet = apart(**ROUND)
    run = simulate(at_once(1), fleet, LEAST, RELAYED)
    assert (run.prefill_replica[0], run.replica[0]) == (0, 1)
    assert run.first[0] == pytest.approx(H100.frontend_s + H100.step(0, 0, 1000, 500_000.0))
    moved = 0.25 + 1000 * 1e6 / 1e9
    steps = H100.step(1, 1001) + H100.step(1, 1002)
    assert run.end[0] - run.first[0] == pytest.approx(moved + steps)


def test_the_client_hears_its_first_token_from_the_replica_that_decodes() -> None:
    run = simulate(at_once(1), apart(**ROUND), LEAST)
    said = simulate(at_once(1), apart(**ROUND), LEAST, RELAYED)
    moved = 0.25 + 1000 * 1e6 / 1e9
    assert run.first[0] - said.first[0] == pytest.approx(moved + H100.step(1, 1000))
    assert run.end[0] - run.first[0] == pytest.approx(H100.step(1, 1001) + H100.step(1, 1002))


def test_a_first_token_waits_for_a_place_in_the_decoding_batch() -> None:
    fleet = [replica("p", role="prefill", **ROUND), replica("d", role="decode", **(ROUND | {"max_seqs": 1}))]
    run = simulate(at_once(2, output=30), fleet, LEAST)
    assert run.first[1] >= run.end[0]
    assert run.first[1] - run.first[0] > 29 * H100.step(1, 1001)


@given(traces(), st.integers(12, 40))
@settings(max_examples=40, deadline=None)
def test_no_token_comes_before_the_prompt_is_where_it_decodes(arrivals: Arrivals, blocks: int) -> None:
    small: dict[str, Any] = {"kv_tokens": blocks * BLOCK, "chunk_tokens": 64, "max_seqs": 4}
    late, soon = (
        simulate(arrivals, apart(**small), LEAST, Conditions(relays_first=relays)) for relays in (False, True)
    )
    check(late)
    moved = (late.prefill_replica != late.replica) & (late.state == 0)
    assert (late.first[moved] > late.admitted[moved]).all()
    assert (late.end >= late.first)[late.state == 0].all()
    assert late.state.tolist() == soon.state.tolist()


def test_an_answer_of_one_token_moves_nothing() -> None:
    run = simulate(at_once(1, output=1), apart(**ROUND), LEAST)
    assert (run.prefill_replica[0], run.replica[0]) == (0, 0)
    assert run.end[0] == run.first[0]


def test_two_transfers_to_one_replica_share_its_link() -> None:
    run = simulate(at_once(2), apart(prefill=2, **ROUND), LEAST, RELAYED)
    assert set(run.prefill_replica.tolist()) == {0, 1}
    decode_s = H100.step(2, 2002) + H100.step(2, 2004)
    assert (run.end - run.first).tolist() == pytest.approx([0.25 + 2.0 + decode_s] * 2)


def test_transfers_over_links_of_their_own_do_not_slow_each_other() -> None:
    run = simulate(at_once(2), apart(prefill=2, decode=2, **ROUND), LEAST, RELAYED)
    assert set(run.replica.tolist()) == {2, 3}
    assert (run.end - run.first).max() < 0.25 + 1.0 + 0.1


def test_a_transfer_that_comes_later_gets_its_share_and_leaves_the_rest() -> None:
    run = simulate(at_once(2, gap_s=0.5), apart(prefill=2, **ROUND), LEAST, RELAYED)
    took = run.end - run.first - 0.25
    # Alone for half a second, then together until the first has gone: 0.5 + 2 x 0.5; the other: 1.0 + what is left.
    assert took.tolist() == pytest.approx([1.5, 1.5], abs=0.06)


def test_blocks_are_held_where_the_prompt_was_computed_until_it_has_gone() -> None:
    fleet = apart(kv_tokens=1040, **ROUND)
    run = simulate(at_once(2), fleet, LEAST, RELAYED)
    assert run.admitted[1] >= run.first[0] + 1.0
    assert (run.state == SERVED).all()


def test_a_decode_replica_admits_only_what_fits_into_its_memory() -> None:
    fleet = [replica("p", role="prefill", **ROUND), replica("d", role="decode", **(ROUND | {"kv_tokens": 1056}))]
    run = simulate(at_once(2, output=20), fleet, LEAST)
    assert run.end[1] >= run.end[0] + 18 * H100.step(1, 1001)


def test_with_its_decode_replica_gone_it_decodes_where_it_is_and_those_to_come_are_held() -> None:
    gone = Conditions(outages=(Outage(replica=1, at=0.02, until=5.0),))
    run = simulate(at_once(2, gap_s=0.1), apart(**ROUND), LEAST, gone)
    assert (run.state == SERVED).all()
    assert run.replica.tolist() == [0, 1]
    assert run.prefill_replica.tolist() == [0, 0]
    assert run.admitted[0] < 0.1
    assert run.admitted[1] >= 5.0


def test_while_it_is_gone_a_mixed_replica_takes_whole_requests() -> None:
    gone = Conditions(outages=(Outage(replica=1, at=0.0),))
    run = simulate(at_once(20, gap_s=0.1), [*apart(**ROUND), replica("m")], LEAST, gone)
    assert set(run.prefill_replica.tolist()) == set(run.replica.tolist()) == {2}


def test_short_prompts_stay_on_the_mixed_replica_until_its_queue_costs_more_than_the_transfer() -> None:
    fleet = [*apart(**ROUND), replica("m", **ROUND)]
    alone = simulate(at_once(10, gap_s=5.0, output=20), fleet, routing("shortest_ttft"))
    assert (alone.prefill_replica == 2).all()
    crowd = simulate(at_once(60, gap_s=0.001, output=20), fleet, routing("shortest_ttft"))
    assert {0, 2} <= set(crowd.prefill_replica.tolist())
    quick = ROUND | {"transfer_base_s": 0.0, "transfer_bytes_per_s": 1e11}
    spread = simulate(at_once(60, gap_s=0.001, output=20), [*apart(**quick), replica("m")], routing("shortest_ttft"))
    assert spread.ttft_s.max() < simulate(at_once(60, gap_s=0.001, output=20), fleet[2:], LEAST).ttft_s.max()


def test_a_slow_link_keeps_the_crowd_together() -> None:
    slow = ROUND | {"transfer_bytes_per_s": 1e6}
    run = simulate(at_once(60, gap_s=0.001, output=20), [*apart(**slow), replica("m")], routing("shortest_ttft"))
    assert (run.prefill_replica == 2).all()


def test_the_decode_replica_with_the_least_seconds_a_token_is_taken() -> None:
    slow = replica("slow", role="decode", fast=False)
    run = simulate(at_once(1), [replica("p", role="prefill"), slow, replica("d", role="decode")], LEAST)
    assert run.replica[0] == 2


def test_mixed_replicas_beside_those_apart_serve_whole_requests() -> None:
    fleet = [*apart(), replica("m")]
    run = simulate(drawn(200, 20.0), fleet, LEAST)
    mixed = run.prefill_replica == 2
    assert mixed.any()
    assert (run.replica[mixed] == 2).all()
    assert (run.replica[~mixed & (run.output_tokens > 1)] == 1).all()


@given(traces(), st.integers(1, 2), st.integers(1, 2), st.integers(12, 40), st.booleans())
@settings(max_examples=80, deadline=None)
def test_every_arrival_ends_in_one_state_however_the_roles_fail(
    arrivals: Arrivals, prefill: int, decode: int, blocks: int, fails: bool
) -> None:
    fleet = apart(prefill, decode, kv_tokens=blocks * BLOCK, chunk_tokens=64, max_seqs=4, transfer_bytes_per_s=2e8)
    down = tuple(Outage(replica=row, at=0.5 + row, until=3.0 + row) for row in range(prefill + decode)) if fails else ()
    run = simulate(arrivals, fleet, routing("shortest_ttft"), Conditions(outages=down))
    check(run)
    assert set(run.state.tolist()) <= {0, 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """Everything ready from the start; later one replica leaves the prefill pool for the decode pool."""

    interval_s: float = 5.0

    def wanted(self, history: History, now: float) -> Wish:
        moves = (Move(source="prefill", target="decode"),) if now == 10.0 else ()
        return Wish(
            replicas={pool: state.most for pool, state in history[-1].items()} if now == 0.0 else {}, moves=moves
        )


def test_a_replica_that_changes_its_role_first_serves_what_it_has() -> None:
    fleet = [
        Replica(name=one.name, address="", pool=one.role, model=one.model, gpu=one.gpu, perf=one.perf, role=one.role)
        for one in apart(prefill=2, decode=1)
    ]
    run = simulate(drawn(300, 15.0), fleet, LEAST, scaling=Switch())
    assert (run.state == SERVED).all()
    switched = set(run.replica[run.at > 12.0].tolist()) - {2}
    assert len(switched) == 1
    row = switched.pop()
    assert not (run.prefill_replica[run.at > 10.0] == row).any()
