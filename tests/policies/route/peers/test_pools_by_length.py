"""fleet-sim's routers: a short and a long pool, 24 slots of 4,096 tokens a replica but for its max_seqs of 4."""

import pytest

from policies.policy import routing
from policies.request import Ask
from policies.route.peers.compress_and_route import compressed_prompt_tokens
from policies.route.peers.length_split import total_tokens
from tests.policies.replicas import ask
from tests.policies.route.peers.cases import One, may_choose

POOLS = ("length_split", "spillover", "compress_and_route")
TWO = {"short": One(pool=3), "long": One(pool=5)}


def asking(prompt: float, most: float) -> Ask:
    """A request with a bound on its output."""
    return ask(prompt)._replace(max_tokens=most)


@pytest.mark.parametrize("policy", POOLS)
def test_requests_up_to_the_threshold_go_to_the_first_pool(policy: str) -> None:
    assert may_choose(routing(policy), asking(3096.0, 1000.0), **TWO) == {"short"}
    assert may_choose(routing(policy), asking(60_000.0, 1000.0), **TWO) == {"long"}


@pytest.mark.parametrize("policy", POOLS[:2])
def test_one_token_more_goes_to_the_last_pool(policy: str) -> None:
    assert may_choose(routing(policy), asking(3097.0, 1000.0), middle=One(pool=4), **TWO) == {"long"}


def test_without_a_bound_the_expected_output_counts() -> None:
    assert total_tokens(asking(1000.0, 0.0)) == 1100.0
    assert total_tokens(asking(1000.0, 7.0)) == 1007.0


@pytest.mark.parametrize("policy", POOLS)
@pytest.mark.parametrize("prompt", [100.0, 100_000.0])
def test_one_pool_is_short_and_long(policy: str, prompt: float) -> None:
    assert may_choose(routing(policy), ask(prompt), a=One(pool=2), b=One(pool=2)) == {"a", "b"}


@pytest.mark.parametrize("policy", POOLS)
def test_within_a_pool_the_fewest_waiting_are_chosen_whoever_runs(policy: str) -> None:
    seen = {"a": One(waiting=1), "b": One(running=2), "c": One(), "long": One(pool=1)}
    assert may_choose(routing(policy), ask(100.0), **seen) == {"b", "c"}


@pytest.mark.parametrize(("busy", "chosen"), [(3, "short"), (4, "long")])
def test_a_short_request_spills_over_from_85_percent_of_the_slots(busy: float, chosen: str) -> None:
    assert may_choose(routing("spillover"), ask(100.0), short=One(running=busy), long=One(running=9, pool=1)) == {
        chosen
    }


def test_pressure_is_the_whole_pools() -> None:
    seen = {"full": One(running=4, waiting=1), "empty": One(), "long": One(pool=1)}
    assert may_choose(routing("spillover"), ask(100.0), **seen) == {"empty"}


def test_a_slot_is_room_for_a_request_of_the_threshold() -> None:
    seen = {"short": One(running=1), "long": One(pool=1)}  # one slot of 60,000 tokens, of four by max_seqs
    assert may_choose(routing("spillover", {"threshold": 60_000.0}), ask(100.0), **seen) == {"long"}
    assert may_choose(routing("spillover", {"threshold": 40_000.0}), ask(100.0), **seen) == {"short"}


def test_a_long_request_never_spills_over() -> None:
    assert may_choose(routing("spillover"), ask(9000.0), short=One(), long=One(running=4, waiting=9, pool=1)) == {
        "long"
    }


@pytest.mark.parametrize(
    ("prompt", "most", "left"),
    [
        (3096.0, 1000.0, 3096.0),  # fits
        (3097.0, 1000.0, 3096.0),
        (5144.0, 1000.0, 3096.0),  # gamma x B exactly
        (5145.0, 1000.0, 5145.0),  # too long to compress
        (1000.0, 4096.0, 1000.0),  # the output alone fills the slot
    ],
)
def test_a_prompt_a_little_too_long_is_compressed_to_what_the_output_leaves(
    prompt: float, most: float, left: float
) -> None:
    asked = asking(prompt, most)
    assert compressed_prompt_tokens(asked, 4096.0, 1.5) == left
    pool = "short" if left + most <= 4096.0 else "long"
    assert may_choose(routing("compress_and_route"), asked, **TWO) == {pool}


def test_a_gamma_of_one_is_the_length_router() -> None:
    for prompt in (3000.0, 3096.0, 3097.0, 9000.0):
        chosen = [
            may_choose(routing(name, settings), asking(prompt, 1000.0), **TWO)
            for name, settings in (("compress_and_route", {"gamma": 1.0}), ("length_split", {}))
        ]
        assert chosen[0] == chosen[1]
