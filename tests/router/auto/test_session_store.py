"""What is remembered: bounded, forgotten in time, and the same at every worker that hears the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.select.rules.predicate import Is, Variable
from policies.select.rules.sessions import BudgetRule, ReputationRule, RiskRule, SessionRules
from policies.select.rules.values import words
from policies.signals.facts import Facts
from router.auto import session_store as store

WANTS = Is(Variable("header:x-wants", "label"), words(["refund"]))
RULES = SessionRules(
    ttl_s=100.0, most=4, risk=RiskRule(), reputation=ReputationRule(half_life_s=10.0), token_budget=BudgetRule(),
    commitments={"refund": WANTS},
)  # fmt: skip


def turned(session: str = "s", at: float = 0.0, tokens: float = 10.0, kind: str = "chat") -> store.Turn:
    return store.Turn(session, at, tokens, tokens, 0.0, "small", kind)


def kept(*told: store.Told) -> store.Kept:
    found = store.Kept(RULES)
    for one in told:
        found.apply(one)
    return found


def test_a_session_adds_up_its_turns() -> None:
    session = kept(turned(), turned(at=1.0, tokens=5.0)).session("s", 2.0)
    assert (session.totals, session.tokens, session.model) == ([10.0, 15.0], 15.0, "small")


def test_a_session_without_a_request_for_long_is_forgotten() -> None:
    found = kept(turned())
    assert found.session("s", 99.0).tokens == 10.0
    assert found.session("s", 100.0).tokens == 0.0
    assert not found.sessions


def test_the_sessions_and_callers_least_recently_seen_leave_first() -> None:
    found = kept(*(turned(f"s{i}") for i in range(10)), *(store.Harm(f"c{i}", 0.0, "TOOL_DENIED") for i in range(10)))
    assert list(found.sessions) == ["s6", "s7", "s8", "s9"]
    assert list(found.standings) == ["c6", "c7", "c8", "c9"]


def test_boundaries_are_bounded_too_the_one_that_ends_soonest_goes() -> None:
    found = kept(*(store.Bound(f"c{i}", "", "refund", 0.0, 10.0 + i) for i in range(10)))
    assert len(found.commitments.until) == 4
    assert found.commitments.forbids("c9", "", "refund", 1.0)
    assert not found.commitments.forbids("c0", "", "refund", 1.0)


def test_what_sessions_burn_is_learned_from_those_that_ended() -> None:
    found = kept()
    assert found.expected("chat").at(1) == float("inf")
    for i in range(store.FEWEST_ENDED):
        found.apply(turned(f"s{i}", float(i)))
        found.session("x", i + 100.0)
    assert found.expected("chat").at(1) == 10.0
    assert found.expected("agent").at(1) == float("inf")
    assert found.lengths() == [1.0] * store.FEWEST_ENDED


def test_other_rules_leave_what_is_remembered_and_drop_boundaries_that_nobody_asks_for() -> None:
    found = kept(turned(), store.Bound("c", "", "refund", 0.0, 1e9))
    found.take(SessionRules(commitments={"refund": WANTS}))
    assert found.commitments.forbids("c", "", "refund", 1.0)
    found.take(SessionRules())
    assert not found.commitments.until
    assert found.session("s", 1.0).tokens == 10.0


@pytest.mark.parametrize(
    "told",
    [
        turned(),
        store.Flagged("s", 1.0, 0.5),
        store.Harm("c", 1.0, "FLAGGED_CONTENT"),
        store.Bound("c", "a", "refund", 1.0, 9.0),
    ],
)
def test_what_is_told_to_other_workers_arrives_as_it_was(told: store.Told) -> None:
    assert store.decode(store.encode(told)) == told


def _told(kind: int, at: float, value: float) -> store.Told:
    return (turned("s", at, 100.0 * value), store.Flagged("s", at, value), store.Harm("c", at, "TOOL_DENIED"))[kind]


@given(st.lists(st.tuples(st.integers(0, 2), st.floats(0, 50), st.floats(0, 1)), max_size=30))
def test_two_workers_that_hear_the_same_remember_the_same(heard: list[tuple[int, float, float]]) -> None:
    told = [_told(kind, at, value) for kind, at, value in heard]
    one, other = kept(*told), kept(*(store.decode(store.encode(each)) for each in told))
    assert one.sessions == other.sessions
    assert one.standings == other.standings


def test_a_very_long_session_is_counted_to_its_end() -> None:
    found = kept(*(turned(tokens=1.0) for _ in range(store.MOST_TURNS + 10)))
    assert found.session("s", 1.0).tokens == store.MOST_TURNS + 10


def test_sessions_and_callers_are_told_apart_by_tenant() -> None:
    one = Facts(id="a", model="m", messages=(), session="s", tenant="acme", claims={"sub": "x", "agent": "bot"})
    other = one._replace(tenant="other")
    assert store.session_key(one) != store.session_key(other)
    assert store.caller_key(one) != store.caller_key(other)
    assert store.session_key(one._replace(session="")) == ""
    assert store.caller_key(Facts(id="a", model="m", messages=())) == ""
    assert store.agent_of(one) == "bot"
