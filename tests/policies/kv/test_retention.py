"""What an engine is asked to keep of a conversation that pauses."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.kv.retention import TYPICAL, Directive, Pauses, Rule, Turns, around, directive, expected

RULE = Rule()
seconds = st.floats(0.06, 5000.0)
many = st.lists(seconds, min_size=1, max_size=80)


def after(*seen: float, memory: float = 256.0) -> Pauses:
    pauses = Pauses(memory=memory)
    for one in seen:
        pauses = pauses.seen(one)
    return pauses


def asked(pauses: Pauses = TYPICAL, go_on: float = 0.9, tokens: float = 4000.0, bound: float = 0.0) -> Directive | None:
    return directive(pauses, go_on, tokens, bound, 100_000.0, RULE)


def test_the_example_of_the_reference_comes_out_about_as_it_stands_there() -> None:
    found = asked(expected(after(*[12.0] * 4), Pauses(), RULE), 7 / 8)
    assert found is not None
    assert 70 <= found.priority <= 85
    assert 20.0 <= found.ttl_s <= 45.0


def test_pauses_too_long_to_outlast_get_none() -> None:
    assert asked(after(*[3600.0] * 20)) is None


def test_a_conversation_that_hardly_ever_goes_on_gets_none() -> None:
    assert asked(go_on=0.2) is None


def test_a_short_prompt_is_computed_again() -> None:
    assert asked(tokens=RULE.least_tokens - 1) is None


def test_directives_bind_no_more_of_a_cache_than_their_share() -> None:
    assert asked(bound=26_000.0) is not None
    assert asked(bound=26_001.0) is None


def test_quick_tools_are_kept_for_as_short_as_they_take() -> None:
    quick, slow = (asked(expected(after(*[s] * 20), Pauses(), RULE)) for s in (3.0, 30.0))
    assert quick is not None
    assert slow is not None
    assert quick.ttl_s < 10.0 < 30.0 < slow.ttl_s


def test_a_tool_set_stands_in_until_a_session_has_pauses_of_its_own() -> None:
    of_set = after(*[3.0] * 50)
    new = expected(Pauses(), of_set, RULE).outlasting(0.5)
    own = expected(after(*[60.0] * 40), of_set, RULE).outlasting(0.5)
    assert new < 6.0
    assert own > 25.0


def test_what_nobody_did_is_expected_as_the_reference_has_it() -> None:
    assert expected(Pauses(), Pauses(), RULE).outlasting(0.5) == pytest.approx(15.0)
    assert TYPICAL.within(45.0) - TYPICAL.within(5.0) == pytest.approx(0.68, abs=0.01)


@given(many)
def test_the_moments_are_those_of_the_pauses(seen: list[float]) -> None:
    logs, pauses = [math.log(one) for one in seen], after(*seen)
    mean = sum(logs) / len(logs)
    assert pauses.mean == pytest.approx(mean, abs=1e-6)
    assert pauses.spread == pytest.approx(sum((one - mean) ** 2 for one in logs), abs=1e-4)


@given(many, many)
def test_joining_is_seeing_both(one: list[float], other: list[float]) -> None:
    joined, both = after(*one).joined(after(*other)), after(*one, *other)
    assert joined.n == both.n
    assert joined.mean == pytest.approx(both.mean, abs=1e-6)
    assert joined.spread == pytest.approx(both.spread, abs=1e-4)


@given(many, st.floats(0.05, 0.95))
def test_a_share_of_pauses_lies_within_what_outlasts_it(seen: list[float], share: float) -> None:
    pauses = after(*seen)
    assert pauses.within(pauses.outlasting(share)) == pytest.approx(share, abs=1e-6)


@given(many, st.floats(1.0, 50.0))
def test_weight_is_all_that_counting_changes(seen: list[float], most: float) -> None:
    pauses = after(*seen)
    less = pauses.counting(most)
    assert less.n == min(pauses.n, most)
    assert less.mean == pauses.mean
    assert less.outlasting(0.7) == pytest.approx(pauses.outlasting(0.7))


@given(many, st.floats(0.0, 1.0), st.floats(0.0, 1e6), st.floats(0.0, 1e6))
def test_a_directive_is_always_one_that_engines_take(
    seen: list[float], go_on: float, tokens: float, bound: float
) -> None:
    found = asked(after(*seen), go_on, tokens, bound)
    if found is not None:
        assert 0 <= found.priority <= 100
        assert 0.0 < found.ttl_s <= RULE.most_ttl_s
        assert found.tokens + bound <= RULE.bound * 100_000.0


@given(many, st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_what_is_likelier_to_go_on_is_never_wanted_less(seen: list[float], one: float, other: float) -> None:
    pauses = after(*seen)
    less, more = (asked(pauses, go_on) for go_on in sorted((one, other)))
    if less is not None:
        assert more is not None
        assert more.priority >= less.priority


def test_old_pauses_fade() -> None:
    pauses = after(*[100.0] * 200, *[1.0] * 200, memory=20.0)
    assert pauses.n == pytest.approx(20.0)
    assert pauses.outlasting(0.5) < 1.5


def test_turns_are_counted_from_the_references_eight() -> None:
    turns = Turns()
    assert turns.go_on == 7 / 8
    for _ in range(2000):
        turns = turns.seen(resumed=False)
    assert turns.go_on < 0.01
    for _ in range(4000):
        turns = turns.seen(resumed=True)
    assert turns.go_on > 0.99


def test_no_pause_is_too_short_or_too_long_to_be_counted() -> None:
    assert after(0.0, -1.0).outlasting(0.5) > 0.0
    assert around(1e300, 10.0).outlasting(0.999) < math.inf
    assert Pauses().within(1.0) == TYPICAL.within(0.0) == 0.0
    assert Pauses().joined(Pauses()).n == 0.0
