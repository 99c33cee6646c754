"""Where a prefix lives: leading tokens by replica and tier."""

import pytest

from pool.hashing import plain_chain
from pool.kv_events import Removed
from pool.ranks import Knowledge
from pool.roster import Roster
from pool.where import MOST_BLOCKS, BadQuestion, where
from tests.pool.fakes import chained, described, roster, store, tokens
from weir.block_roots import root
from weir.v1 import registry_pb2


def fleet_of(**held: int) -> Roster:
    """Replicas that hold so many leading blocks of one chain."""
    fleet = roster()
    for name, blocks in held.items():
        entry = fleet.enter(described(name))
        if blocks:
            fleet.heard(entry, entry.ranks[0], (store(list(range(1, blocks + 1))),))
    return fleet


def ask(fleet: Roster, **fields: object) -> registry_pb2.WhereReply:
    return where(fleet, registry_pb2.WhereRequest(**fields), plain_chain)  # type: ignore[arg-type]


def said(reply: registry_pb2.WhereReply) -> dict[str, list[tuple[str, int]]]:
    return {each.replica: [(tier.tier, tier.tokens) for tier in each.tiers] for each in reply.holders}


def test_every_holder_is_told_the_most_tokens_first() -> None:
    reply = ask(fleet_of(a=1, b=3, c=0), model="tiny", token_ids=tokens(3))
    assert list(said(reply).items()) == [("b", [("hbm", 12)]), ("a", [("hbm", 4)])]
    assert (reply.block_tokens, reply.tokens) == (4, 12)


def test_blocks_may_be_given_for_tokens() -> None:
    fleet = fleet_of(a=2)
    assert said(ask(fleet, blocks=chained(3))) == said(ask(fleet, model="tiny", token_ids=tokens(3)))


def test_a_slower_tier_counts_on_from_the_faster_one() -> None:
    fleet = fleet_of(a=3)
    entry = fleet.get("a")
    assert entry is not None
    rank = entry.ranks[0]
    fleet.heard(entry, rank, (store([2], parent=1, tokens=tokens(1, first=4), tier="host"), Removed([2])))
    fleet.heard(entry, rank, (store([4], parent=3, tokens=tokens(1, first=12), tier="remote"),))
    assert said(ask(fleet, blocks=chained(5)))["a"] == [("hbm", 4), ("host", 12), ("remote", 16)]


def test_an_adapter_and_a_salt_are_part_of_the_question() -> None:
    fleet = roster()
    entry = fleet.enter(described("a"))
    fleet.heard(entry, entry.ranks[0], (store([1], adapter="ad1", keys=[["ad1", "salt"]]),))
    asked = {"model": "tiny", "token_ids": tokens(1)}
    assert said(ask(fleet, **asked, adapter="ad1", cache_salt="salt")) == {"a": [("hbm", 4)]}
    assert not said(ask(fleet, **asked, adapter="ad1"))
    assert not said(ask(fleet, **asked))
    assert plain_chain(tokens(1), 4, root("ad1", "salt")) == entry.own("hbm")


def test_how_far_the_answer_can_be_trusted_is_said() -> None:
    fleet = roster()
    entry = fleet.enter(described("a", events="tcp://h:1", replay="tcp://h:2", address="h:9"), epoch=5)
    fleet.heard(entry, entry.ranks[0], (store([1]),))
    (holder,) = ask(fleet, blocks=chained(1)).holders
    assert (holder.knowledge, holder.epoch, holder.address, holder.ready) == ("unknown", 5, "h:9", False)
    fleet.know(entry, Knowledge.EXACT)
    fleet.answered(entry)
    (holder,) = ask(fleet, blocks=chained(1)).holders
    assert (holder.knowledge, holder.ready) == ("exact", True)


def test_replicas_of_another_model_are_left_out() -> None:
    fleet = fleet_of(a=1)
    other = fleet.enter(described("b", model="other"))
    fleet.heard(other, other.ranks[0], (store([1]),))
    assert set(said(ask(fleet, model="tiny", blocks=chained(1)))) == {"a"}
    assert set(said(ask(fleet, blocks=chained(1)))) == {"a", "b"}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"model": "tiny"},
        {"token_ids": [1, 2]},
        {"body": b"{}"},
        {"model": "nobody", "token_ids": [1]},
        {"model": "tiny", "blocks": [1] * (MOST_BLOCKS + 1)},
        {"model": "tiny", "token_ids": [1] * (4 * MOST_BLOCKS + 1)},
    ],
    ids=lambda fields: ",".join(fields) or "nothing",
)
def test_a_question_without_an_answer_says_what_to_give(fields: dict[str, object]) -> None:
    with pytest.raises(BadQuestion) as told:
        ask(fleet_of(a=1), **fields)
    assert str(told.value).endswith(".")
