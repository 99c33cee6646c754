"""The laws of splitting a request between two replicas."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.cached import nothing_cached
from policies.decision import Queue, Send
from policies.fleet import (
    DECODE,
    ENCODE,
    KV_TOKENS,
    LIMIT_TOKENS,
    MIXED,
    PREFILL,
    READY,
    ROLE,
    RUNNING,
    TRANSFER_S,
    WAITING,
)
from policies.policy import ROUTES, Routing, routing
from policies.request import Ask
from policies.split import best_decode, decoder
from tests.laws.fleets import PROFILES, Snapshot, asks, described, loads, name, snapshots
from tests.laws.routing_laws import decide, of_role

LEAST = routing("shortest_ttft")
every_policy = pytest.mark.parametrize("policy", [routing(one) for one in ROUTES.names()], ids=repr)
roles = st.lists(st.sampled_from((MIXED, PREFILL, DECODE, ENCODE)), min_size=1, max_size=6)
kinds = st.integers(0, len(PROFILES) - 1)
slower = st.floats(1.0, 1e4)


def alike(ask: Ask, in_roles: list[float], kind: int) -> Snapshot:
    """Idle replicas of one kind in those roles, nothing cached; all take whatever is asked."""
    table = described()[kind, : len(in_roles)].copy()
    table[:, ROLE], table[:, LIMIT_TOKENS] = in_roles, 1e6
    return Snapshot(ask, table, nothing_cached(len(in_roles)), tuple(name(i) for i in range(len(in_roles))))


def splits(seen: Snapshot, policy: Routing = LEAST) -> bool:
    """Whether the prompt goes to a replica that does not decode it."""
    decision = decide(policy, seen)
    return isinstance(decision, Send) and decision.prefill != decision.decode


@every_policy
@settings(max_examples=40)
@given(ask=asks(), in_roles=roles, kind=kinds)
def test_no_prompt_ever_goes_to_a_replica_that_only_decodes_or_encodes(
    policy: Routing, ask: Ask, in_roles: list[float], kind: int
) -> None:
    decision = decide(policy, alike(ask, in_roles, kind))
    if isinstance(decision, Send):
        assert in_roles[decision.prefill] in (MIXED, PREFILL)
        assert in_roles[decision.decode] == (MIXED if in_roles[decision.prefill] == MIXED else DECODE)


@every_policy
@settings(max_examples=40)
@given(seen=snapshots(least=1), mixed=st.booleans())
def test_while_nobody_is_ready_to_decode_no_prompt_goes_to_a_prefill_replica(
    policy: Routing, seen: Snapshot, *, mixed: bool
) -> None:
    table = seen.table.copy()
    table[table[:, ROLE] == DECODE, READY] = 0.0
    table[(table[:, ROLE] == MIXED) & (not mixed), READY] = 0.0
    decision = decide(policy, seen._replace(table=table))
    if isinstance(decision, Send):
        assert table[decision.prefill, ROLE] == MIXED
    if not mixed:
        assert isinstance(decision, Queue)


@settings(max_examples=300)
@given(ask=asks(), in_roles=roles, kind=kinds, coin=st.integers(1, 2**31 - 1))
def test_beside_an_idle_mixed_replica_of_the_same_kind_nothing_is_split(
    ask: Ask, in_roles: list[float], kind: int, coin: int
) -> None:
    seen = alike(ask._replace(coin=float(coin)), [MIXED, *in_roles[:5]], kind)
    assert seen.ask.prompt_tokens > seen.table[0, KV_TOKENS] or not splits(seen)


@settings(max_examples=400)
@given(seen=snapshots(least=2), times=slower, data=st.data())
def test_a_slower_link_never_makes_splitting_more_attractive(seen: Snapshot, times: float, data: st.DataObject) -> None:
    row = data.draw(st.integers(0, len(seen.names) - 1))
    table = seen.table.copy()
    table[row, TRANSFER_S] *= times
    before, after = decide(LEAST, seen), decide(LEAST, seen._replace(table=table))
    if isinstance(before, Send) and before.prefill == before.decode:
        assert isinstance(after, Send)
        assert after.prefill == before.prefill


@settings(max_examples=200)
@given(seen=snapshots(least=2), times=slower)
def test_when_every_link_is_slower_what_stayed_together_stays(seen: Snapshot, times: float) -> None:
    table = seen.table.copy()
    table[:, TRANSFER_S] *= times
    if not splits(seen):
        assert not splits(seen._replace(table=table))


@settings(max_examples=200)
@given(ask=asks(), kind=kinds, waiting=st.integers(0, 400))
def test_a_growing_queue_on_the_mixed_replica_splits_sooner_or_later_and_for_good(
    ask: Ask, kind: int, waiting: int
) -> None:
    queue = {"waiting": 1.0, "queued_tokens": 4000.0, "queued_attended": 8e6}
    seen, more = alike(ask, [MIXED, PREFILL, DECODE], kind), float(waiting)
    busy = seen.changed(0, **{key: more * value for key, value in queue.items()})
    busier = busy.changed(0, **queue)
    assert splits(busier) or not splits(busy)
    assert splits(seen.changed(0, **{key: 1e6 * value for key, value in queue.items()}))


@settings(max_examples=300)
@given(seen=snapshots(least=1))
def test_who_decodes_is_ready_for_it_and_named_exactly_where_somebody_is(seen: Snapshot) -> None:
    able = of_role(seen, DECODE)
    for row in range(len(seen.names)):
        found = decoder(seen.ask, seen.table, row)
        assert found in able if able else found == -1


@settings(max_examples=300)
@given(seen=snapshots(least=2), load=loads(), data=st.data())
def test_a_decode_replica_that_was_not_named_is_not_named_for_having_more_to_do(
    seen: Snapshot, load: dict[str, float], data: st.DataObject
) -> None:
    row = data.draw(st.integers(0, len(seen.names) - 1))
    before = decoder(seen.ask, seen.table, 0)
    if before != row:
        assert decoder(seen.ask, seen.changed(row, **load).table, 0) != row


@settings(max_examples=300)
@given(seen=snapshots(least=2), data=st.data())
def test_the_order_of_replicas_does_not_matter_to_who_decodes(seen: Snapshot, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(seen.names))))
    turned, first = seen.permuted(order), decoder(seen.ask, seen.table, order[0])
    second = decoder(seen.ask, turned.table, 0)
    assert (seen.names[first] if first >= 0 else "") == (turned.names[second] if second >= 0 else "")


@settings(max_examples=200)
@given(seen=snapshots(least=1), link=st.floats(1e-9, 1e-3), times=slower)
def test_the_seconds_after_the_prompt_never_fall_with_a_slower_link(seen: Snapshot, link: float, times: float) -> None:
    seconds = [best_decode(seen.ask, seen.table, one, 0.1, 0.15, 0.5)[1] for one in (link, link * times)]
    assert seconds[0] <= seconds[1]


def test_among_twins_each_decodes_as_often() -> None:
    ask = Ask(1.0, 0.0, 0.0, 2000.0, 0.0, 200.0, 2.0, 0.1)
    seen, times = alike(ask, [PREFILL, *[DECODE] * 4], 2), np.zeros(5)
    for coin in np.random.default_rng(1).integers(1, 2**31, 2000):
        times[decoder(ask._replace(coin=float(coin)), seen.table, 0)] += 1.0
    assert (abs(times[1:] / 2000.0 - 0.25) < 0.05).all()
    assert seen.table[:, RUNNING].sum() == seen.table[:, WAITING].sum() == 0.0
