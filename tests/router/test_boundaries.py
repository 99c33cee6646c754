"""Where pools divide requests by length: told by the pool, laid into the table, honoured, and prompts made to fit."""

import json
from typing import Any

import pytest

from policies.boundary import ROOM
from policies.fleet import BOUND_TOKENS
from pool.feed import Feed
from router.boundaries import Boundaries, prompt_tokens
from router.core import Core, Placement
from router.directing import direct, directed
from router.gateway.head import BadHead, parse
from router.intake import apply
from router.order import Order
from router.settings import Settings
from tests.pool.fakes import described as listed
from tests.pool.fakes import roster
from tests.router import fakes
from tests.router.routers import Routers, core_of, described, update
from weir.v1 import fleet_pb2

DIVIDED = fleet_pb2.Directions(
    ttft_s=60.0, tpot_s=10.0, boundaries=[fleet_pb2.Boundary(short="s", long="l", tokens=1000.0, gamma=2.0)]
)
SENTENCE = "The pump of the third reactor was serviced on a Tuesday by two engineers from the northern depot. "


def divided() -> Core:
    """One replica in either pool."""
    core = core_of(
        Settings(policy="least_loaded", tokens="estimate"),
        described("a", "h:1", pool="s"), described("b", "h:2", pool="l"),
    )  # fmt: skip
    assert direct(core, DIVIDED) == ""
    return core


def placed(core: Core, tokens: int) -> str:
    found = core.place(Order("r", "m", b"", prompt_tokens=tokens), 0.0)
    assert isinstance(found, Placement)
    return found.replica.name


class TestCore:
    @pytest.mark.parametrize(("tokens", "name"), [(1, "a"), (1000, "a"), (1001, "b"), (5000, "b")])
    def test_a_request_goes_to_the_pool_that_its_length_names(self, tokens: int, name: str) -> None:
        assert placed(divided(), tokens) == name

    def test_who_joins_later_is_divided_too_and_directions_without_a_boundary_end_it(self) -> None:
        core = divided()
        apply(core, update(described("c", "h:3", pool="l")))
        assert core.fleet.table[core.fleet.rows["c"], BOUND_TOKENS] == -1000.0
        direct(core, fleet_pb2.Directions())
        assert not core.fleet.table[:, BOUND_TOKENS].any()

    def test_the_routers_own_boundaries_stand_where_the_pool_says_none(self) -> None:
        own = Settings(boundaries=(("x", "y", 1.0, 1.0),))
        assert directed(own, fleet_pb2.Directions()).boundaries == own.boundaries
        assert directed(own, DIVIDED).boundaries == (("s", "l", 1000.0, 2.0),)

    def test_lengths_are_counted_as_they_were_asked(self) -> None:
        core, order = divided(), Order("r", "m", b"", prompt_tokens=900)
        order.uncut_tokens = 1500.0
        found = core.place(order, 0.0)
        assert isinstance(found, Placement)
        assert core.tally.pools["s", "mixed"].lengths == {27: 1}

    def test_what_goes_over_the_wire_from_pool_to_router_divides_its_requests(self) -> None:
        there = roster()
        for name, pool in (("a", "s"), ("b", "l")):
            facts = {"pool": pool, "model": "m", "gpu": "l4", "profile": "qwen3-8b", "context_limit": 8192}
            there.answered(there.enter(listed(name, **facts)))
        there.direct(fleet_pb2.Directions(policy="two_choices"))
        there.bound(list(DIVIDED.boundaries))
        told = fleet_pb2.FleetUpdate.FromString(Feed(there).whole().SerializeToString())
        core = Core(Settings(tokens="estimate"), divided().metrics)
        apply(core, told)
        assert direct(core, told.directions) == ""
        assert core.placer.name == "two_choices"
        assert [placed(core, tokens) for tokens in (900, 1100)] == ["a", "b"]


class TestShares:
    def share(self, core: Core, tokens: int, *, may: bool = True, media: int = 0) -> float:
        order = Order("r", "m", b"", prompt_tokens=tokens)
        order.compressible, order.media = may, media
        return core.boundaries.share(order, core.models["m"])

    def test_only_what_may_be_compressed_and_is_a_little_too_long_is_to_be_shorter(self) -> None:
        core = divided()
        assert self.share(core, 1500) == pytest.approx(ROOM * 1000.0 / 1500.0)
        assert [self.share(core, tokens) for tokens in (1000, 2001)] == [1.0, 1.0]
        assert self.share(core, 1500, may=False) == 1.0

    def test_without_a_boundary_nothing_is(self) -> None:
        core = divided()
        core.boundaries = Boundaries(core.fleet, ())
        assert self.share(core, 1500) == 1.0

    def test_tokens_that_were_counted_go_before_an_estimate(self) -> None:
        model = divided().models["m"]
        assert prompt_tokens(Order("r", "m", b"", tokens=[1] * 7), model) == 7.0
        assert prompt_tokens(Order("r", "m", b"x" * 4000), model) == pytest.approx(
            4000 / model.estimate.bytes_per_token
        )


def test_a_client_says_in_its_head_whether_its_prompt_may_be_compressed() -> None:
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\nx-weir-compress: "
    assert parse(head + b"allow").compress
    assert not parse(head + b"never").compress
    with pytest.raises(BadHead):
        parse(head + b"perhaps")


async def asked(routers: Routers, *lines: str, path: str = "/v1/chat/completions", **fields: Any) -> tuple[Any, Any]:
    """A reply, and what its replica was sent, behind a boundary of 1,000 tokens."""
    running = await routers.start(fakes.answer, tokens="estimate")
    direct(running.core, fleet_pb2.Directions(
        boundaries=[fleet_pb2.Boundary(short="p", long="q", tokens=1000.0, gamma=3.0)]
    ))  # fmt: skip
    async with running.caller() as caller:
        reply = await caller.ask(path, *lines, **fields)
    return reply, json.loads(running.replicas[0].seen[0].body)


LONG = [{"role": "user", "content": "".join(SENTENCE.replace("third", str(i)) for i in range(90))}]


async def test_a_prompt_that_may_be_compressed_is_cut_to_fit_and_the_reply_says_so(routers: Routers) -> None:
    reply, sent = await asked(routers, "X-Weir-Compress: allow", messages=LONG)
    assert reply.status == 200
    assert len(sent["messages"][0]["content"]) < 0.7 * len(LONG[0]["content"])
    assert 0 < int(reply.headers["x-weir-compressed"]) < 100


async def test_one_that_may_not_is_sent_as_it_is(routers: Routers) -> None:
    for lines in ((), ("X-Weir-Compress: never",)):
        reply, sent = await asked(routers, *lines, messages=LONG)
        assert "x-weir-compressed" not in reply.headers
        assert sent["messages"] == LONG


async def test_a_completions_prompt_is_cut_too(routers: Routers) -> None:
    text = LONG[0]["content"]
    reply, sent = await asked(routers, "X-Weir-Compress: allow", path="/v1/completions", prompt=text)
    assert reply.status == 200
    assert len(sent["prompt"]) < 0.7 * len(text)
