"""Data-parallel ranks: a stream each, one replica together; attention groups that hold prefixes and others."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.holdings import CLEARED, REMOVED, STORED, Holdings
from pool.kv_events import Cleared, Event, Removed
from pool.ranks import Knowledge
from pool.roster import Entry, Roster
from pool.sources import Source
from pool.updates import held
from tests.pool.fakes import chained, described, roster, store, tokens

TWO = [Source(0, "tcp://h:1", "tcp://h:2"), Source(1, "tcp://h:3", "tcp://h:4")]


def ranked(sources: list[Source] = TWO) -> tuple[Roster, Entry]:
    """A replica whose engine said that it has these ranks."""
    fleet = roster()
    entry = fleet.enter(described())
    assert fleet.publishes(entry, sources)
    fleet.changes.take()
    return fleet, entry


def told(fleet: Roster) -> list[tuple[int, list[int]]]:
    return [(each.change.kind, each.change.blocks) for each in fleet.changes.take().events]


def test_a_block_is_held_while_any_rank_holds_it() -> None:
    fleet, entry = ranked()
    one, other = entry.ranks
    fleet.heard(entry, one, (store([1, 2]),))
    assert told(fleet) == [(STORED, chained(2))]
    fleet.heard(entry, other, (store([7]),))
    assert told(fleet) == []
    fleet.heard(entry, one, (Removed([1, 2]),))
    assert told(fleet) == [(REMOVED, chained(2)[1:])]
    fleet.heard(entry, other, (Removed([7]),))
    assert told(fleet) == [(REMOVED, chained(1))]


def test_a_rank_that_is_emptied_takes_only_what_no_other_holds() -> None:
    fleet, entry = ranked()
    fleet.heard(entry, entry.ranks[0], (store([1, 2]),))
    fleet.heard(entry, entry.ranks[1], (store([7]),))
    fleet.changes.take()
    fleet.heard(entry, entry.ranks[0], (Cleared(),))
    assert told(fleet) == [(REMOVED, chained(2)[1:])]
    assert entry.own("hbm") == chained(1)


def test_a_replica_is_known_as_well_as_its_least_known_rank() -> None:
    fleet, entry = ranked()
    seen = [entry.knowledge]
    for number in (0, 1):
        fleet.know(entry, Knowledge.EXACT, entry.ranks[number])
        seen.append(entry.knowledge)
    fleet.lost(entry, entry.ranks[1])
    assert [*seen, entry.knowledge] == ["unknown", "unknown", "exact", "unknown"]


def test_becoming_exact_tells_everything_again() -> None:
    fleet = roster()
    entry = fleet.enter(described(events="tcp://h:1", replay="tcp://h:2"))
    fleet.heard(entry, entry.ranks[0], (store([1, 2]),))
    fleet.changes.take()
    fleet.know(entry, Knowledge.EXACT)
    assert told(fleet) == [(STORED, chained(2))]


def test_a_snapshot_for_routers_holds_every_block_once() -> None:
    fleet, entry = ranked()
    for rank in entry.ranks:
        fleet.heard(entry, rank, (store([1, 2]),))
    (update,) = held(fleet, 1)
    assert list(update.events[0].blocks) == chained(2)


def test_a_restart_empties_every_rank_under_one_new_epoch() -> None:
    fleet, entry = ranked()
    fleet.heard(entry, entry.ranks[1], (store([1]),))
    fleet.changes.take()
    fleet.restart(entry)
    assert told(fleet) == [(CLEARED, [])]
    assert (entry.epoch, entry.blocks, entry.own("hbm")) == (2, 0, [])


def test_the_same_sources_again_change_nothing() -> None:
    fleet, entry = ranked()
    ranks = entry.ranks
    assert not fleet.publishes(entry, TWO)
    assert entry.ranks is ranks
    assert not fleet.publishes(entry, [])


def test_what_an_engine_says_of_its_endpoints_is_told_to_routers() -> None:
    _, entry = ranked()
    assert (entry.described.events, entry.described.replay) == ("tcp://h:1", "tcp://h:2")


def test_the_files_endpoints_go_before_the_engines_and_further_ranks_shift_alike() -> None:
    fleet = roster()
    entry = fleet.enter(described(events="tcp://proxy:1001", replay="tcp://proxy:2001"))
    assert fleet.publishes(
        entry, [Source(0, "tcp://h:5557", "tcp://h:6557"), Source(1, "tcp://h:5558", "tcp://h:6558")]
    )
    assert [(rank.events, rank.replay) for rank in entry.ranks] == [
        ("tcp://proxy:1001", "tcp://proxy:2001"),
        ("tcp://proxy:1002", "tcp://proxy:2002"),
    ]


def test_ranks_that_an_engine_does_not_name_are_on_the_next_ports() -> None:
    entry = roster(ranks=3).enter(described(events="tcp://h:5557", replay="tcp://h:6557"))
    assert [rank.events for rank in entry.ranks] == ["tcp://h:5557", "tcp://h:5558", "tcp://h:5559"]
    assert len(roster(ranks=3).enter(described()).ranks) == 1


def test_an_engines_word_on_its_blocks_goes_before_the_files() -> None:
    fleet = roster()
    entry = fleet.enter(described(block_tokens=16))
    fleet.heard(entry, entry.ranks[0], (store([1]),))
    assert entry.described.block_tokens == 4


operations = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(["store", "remove", "clear"]), st.integers(1, 6)), max_size=30
)


@given(operations)
def test_what_is_told_adds_up_to_what_the_ranks_hold(done: list[tuple[int, str, int]]) -> None:
    fleet, entry = ranked([*TWO, Source(2, "tcp://h:5", "tcp://h:6")])
    known: set[int] = set()
    for number, what, block in done:
        rank = entry.ranks[number]
        event: Event = Cleared()
        if what == "store":
            event = store([block], tokens=tokens(1, first=1000 * block))
        elif what == "remove":
            event = Removed([block])
        fleet.heard(entry, rank, (event,))
        for kind, blocks in told(fleet):
            assert (not known & {*blocks}) if kind == STORED else {*blocks} <= known
            known = known | {*blocks} if kind == STORED else known - {*blocks}
    assert known == {own for rank in entry.ranks for own in rank.holdings.own("hbm")} == {*entry.own("hbm")}


@pytest.mark.parametrize("windowed_first", [True, False])
def test_a_sliding_windows_blocks_are_no_prefix(windowed_first: bool) -> None:
    from pool.hashing import plain_chain

    holdings = Holdings(plain_chain)
    windowed: Any = store([1, 2, 3], group=0, whole=False)
    whole: Any = store([1, 2], group=1, whole=True)
    for event in (windowed, whole) if windowed_first else (whole, windowed):
        holdings.apply(event)
    assert holdings.own("hbm") == chained(2)
    holdings.apply(Removed([1, 2, 3], group=0))
    assert holdings.own("hbm") == chained(2)
    holdings.apply(Removed([2], group=1))
    assert (holdings.own("hbm"), holdings.odd.evidence) == (chained(1), 0)


def test_of_two_groups_that_hold_whole_prefixes_the_first_is_followed() -> None:
    from pool.hashing import plain_chain

    holdings = Holdings(plain_chain)
    for group in (3, 4):
        holdings.apply(store([1], group=group, whole=True))
    assert holdings.apply(Removed([1], group=4)) is None
    assert holdings.apply(Removed([1], group=3)) is not None


def test_what_was_kept_elsewhere_is_told_to_nobody_until_it_is_seen_to_be_true() -> None:
    from pool.keep import snapshot_of

    first = roster()
    entry = first.enter(described(events="tcp://h:1", replay="tcp://h:2"))
    entry.cursor.advance(5, 1.0)
    first.heard(entry, entry.ranks[0], (store([1, 2]),))
    fleet = roster()
    again = fleet.enter(described(events="tcp://h:1", replay="tcp://h:2"))
    fleet.changes.take()
    fleet.recall(again, {0: snapshot_of(entry)})
    assert (again.untold, told(fleet), [*held(fleet, 1)]) == (True, [], [])
    fleet.know(again, Knowledge.EXACT)
    assert (again.untold, told(fleet)) == (False, [(STORED, chained(2))])
    (update,) = held(fleet, 2)
    assert list(update.events[0].blocks) == chained(2)


def test_what_was_kept_of_another_process_is_never_told() -> None:
    from pool.keep import snapshot_of

    first = roster()
    entry = first.enter(described(events="tcp://h:1", replay="tcp://h:2"))
    entry.cursor.advance(5, 1.0)
    first.heard(entry, entry.ranks[0], (store([1, 2]),))
    fleet = roster()
    again = fleet.enter(described(events="tcp://h:1", replay="tcp://h:2"))
    fleet.recall(again, {0: snapshot_of(entry)})
    fleet.changes.take()
    fleet.restart(again)
    fleet.know(again, Knowledge.EXACT)
    assert (again.untold, told(fleet), again.blocks) == (False, [(CLEARED, [])], 0)


def test_blocks_are_looked_up_rightly_before_and_after_they_change() -> None:
    fleet = roster()
    entry = fleet.enter(described())
    fleet.heard(entry, entry.ranks[0], (store([1, 2]),))
    one, two = chained(2)
    assert one in entry.held("hbm")
    fleet.heard(entry, entry.ranks[0], (Removed([2]), store([3], parent=1, tokens=tokens(1, first=400))))
    assert two not in entry.held("hbm")
    assert {*entry.own("hbm")} == {*entry.holdings._owned["hbm"]}
    assert one not in entry.held("disk")
