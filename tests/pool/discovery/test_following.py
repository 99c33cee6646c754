"""Which Fleet and which RoutePolicy routers follow."""

from typing import Any

from pool.discovery.following import Following
from weir.resources import FleetSpec, RoutePolicySpec

TWO = RoutePolicySpec(policy="two_choices")
LEAST = RoutePolicySpec(policy="least_loaded")


def fleet(**spec: Any) -> FleetSpec:
    return FleetSpec.model_validate(spec)


def standing(following: Following, kind: str, name: str) -> tuple[bool, str]:
    found = following.standings[kind, name]
    return found.serving, found.reason


def test_the_only_policy_there_is_serves_without_being_named() -> None:
    following = Following()
    following.choose({}, {"a": TWO}, {})
    assert following.policy is TWO
    assert standing(following, "RoutePolicy", "a") == (True, "Serving")


def test_of_several_the_one_that_the_fleet_names_serves() -> None:
    following = Following()
    following.choose({"f": fleet(policy="b")}, {"a": TWO, "b": LEAST}, {})
    assert following.policy is LEAST
    assert standing(following, "RoutePolicy", "a") == (False, "NotNamed")
    assert "follow b" in following.standings["RoutePolicy", "a"].words
    assert standing(following, "Fleet", "f") == (True, "Serving")


def test_several_of_which_none_is_named_leave_routers_to_themselves() -> None:
    following = Following()
    following.choose({"f": fleet()}, {"a": TWO, "b": LEAST}, {})
    assert following.policy is None
    assert "name one" in following.standings["RoutePolicy", "b"].words


def test_the_last_policy_goes_on_while_the_one_that_is_named_is_not_there() -> None:
    following = Following()
    following.choose({"f": fleet(policy="a")}, {"a": TWO}, {})
    following.choose({"f": fleet(policy="nobody")}, {"a": TWO}, {})
    assert following.policy is TWO
    assert standing(following, "Fleet", "f") == (False, "NoRoutePolicy")
    assert "the last one" in following.standings["Fleet", "f"].words
    following.choose({"f": fleet(policy="b")}, {"a": TWO, "b": LEAST}, {})
    assert following.policy is LEAST


def test_a_name_that_was_never_there_says_that_routers_have_their_own() -> None:
    following = Following()
    following.choose({"f": fleet(policy="nobody")}, {}, {})
    assert following.policy is None
    assert "their own options" in following.standings["Fleet", "f"].words


def test_the_only_policy_that_is_deleted_leaves_routers_to_themselves() -> None:
    following = Following()
    following.choose({}, {"a": TWO}, {})
    following.choose({}, {}, {})
    assert following.policy is None
    assert following.standings == {}


def test_of_two_fleets_the_older_is_followed() -> None:
    following = Following()
    born = {("Fleet", "a"): "2026-02-01T00:00:00Z", ("Fleet", "b"): "2026-01-01T00:00:00Z"}
    following.choose({"a": fleet(), "b": fleet(slo={"ttft_s": 0.7})}, {}, born)
    assert following.fleet is not None
    assert following.fleet.slo.ttft_s == 0.7
    assert standing(following, "Fleet", "a") == (False, "AnotherFleet")
    assert "oldest Fleet of the namespace, b" in following.standings["Fleet", "a"].words
