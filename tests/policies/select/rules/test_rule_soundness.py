"""What is proved holds of every decision: roles and prices that pass a rule over, caps close together, many texts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.select.rules.deciding import ROLE as CALLER
from policies.select.rules.deciding import Decided, Place, decide
from policies.select.rules.known import NEAR
from policies.select.rules.predicate import All, Is, Not, Predicate, Variable, truth
from policies.select.rules.prove.boxes import Space
from policies.select.rules.prove.caps import Vectors, caps_meet
from policies.select.rules.prove.finding import Finding
from policies.select.rules.prove.proofs import Fleet, prove
from policies.select.rules.prove.shown import EMPTY, SHOWN, UNDECIDED, Judge
from policies.select.rules.rule import Anchor, Answer, Role, Rule, RuleSet, in_order
from policies.select.rules.values import Numbers, between, words
from policies.signals.reading import Readings
from tests.policies.select.rules.random_rules import CODE, CRISP, READINGS, ROLE, TURNS, conditions

INF = float("inf")
MODELS = ("small", "mid", "large")
EVERYWHERE = tuple(Place(model, "any") for model in MODELS)
MANY = Is(TURNS, between(2, INF, True))
CODING = Is(CODE, Numbers(((1.0, 2.0),)))
GUEST = Role(deny_models=frozenset({"large"}))
ROLES = {"owner": Role(), "guest": GUEST, "none": Role()}


def leads(name: str, when: Predicate, model: str, priority: int, at_most_usd: float = INF) -> Rule:
    return Rule(
        name=name, when=when, answer=Answer(models=(model,), at_most_usd=at_most_usd), priority=priority
    )  # fmt: skip


def ruled(*given: Rule, roles: dict[str, Role] | None = None, fallback: str = "small") -> RuleSet:
    return RuleSet(rules=in_order(given), fallback=Answer(models=(fallback,)), roles=roles or {})


def kinds(found: list[Finding]) -> list[str]:
    return [one.kind for one in found]


some_rules = st.lists(
    st.tuples(conditions(CRISP), st.sampled_from(MODELS), st.integers(0, 2)), min_size=2, max_size=4
).map(lambda told: tuple(leads(f"r{i}", *each) for i, each in enumerate(told)))
some_roles = st.dictionaries(
    st.sampled_from(["owner", "guest", "clerk", "none"]),
    st.frozensets(st.sampled_from(MODELS), max_size=2).map(lambda denied: Role(deny_models=denied)),
)


@given(some_rules, some_roles, st.lists(READINGS, min_size=8, max_size=8))
@settings(deadline=None, max_examples=60)
def test_where_no_conflict_is_told_no_other_rule_of_that_priority_would_have_answered(
    given: tuple[Rule, ...], roles: dict[str, Role], told: list[Readings]
) -> None:
    made = ruled(*given, roles=roles)
    found = prove(made)
    named = {frozenset(one.rules) for one in found if one.kind in ("conflict", "undecided")}
    dead = {one.rules[0] for one in found if one.kind in ("unreachable", "shadowed")}
    for readings in told:
        decided = decide(made, readings, EVERYWHERE)
        by_name = {rule.name: rule for rule in made.rules}
        if not isinstance(decided, Decided) or decided.rule not in by_name:
            continue
        first, role = by_name[decided.rule], roles.get(readings[CALLER].label, Role())
        for other in made.rules:
            served = truth(other.when, readings) and role.may(other.answer.models[0], "any")
            if served and other.priority == first.priority and other.answer != first.answer:
                assert frozenset((first.name, other.name)) in named or {first.name, other.name} & dead


@given(some_rules, some_roles, st.lists(READINGS, min_size=8, max_size=8))
@settings(deadline=None, max_examples=60)
def test_a_rule_that_is_said_never_to_answer_never_does_and_every_role_is_served(
    given: tuple[Rule, ...], roles: dict[str, Role], told: list[Readings]
) -> None:
    made = ruled(*given, roles=roles)
    found = prove(made)
    silent = {one.rules[0] for one in found if one.kind in ("unreachable", "shadowed") and not one.readings}
    lost = any(one.kind == "role" for one in found)
    for readings in told:
        decided = decide(made, readings, EVERYWHERE)
        assert getattr(decided, "rule", None) not in silent
        assert lost or isinstance(decided, Decided) or readings[CALLER].label not in (roles or {"": Role()})


def test_two_rules_below_one_that_a_role_may_not_use_conflict_for_that_role() -> None:
    over = leads("over", MANY, "large", 2)
    a, b = leads("a", MANY, "small", 1), leads("b", All((MANY, CODING)), "mid", 1)
    assert kinds(prove(ruled(over, a, b))) == ["shadowed", "shadowed"]
    found = prove(ruled(over, a, b, roles=ROLES))
    assert kinds(found) == ["conflict"]
    assert found[0].request is not None
    assert found[0].request["claims"] == {"role": "guest"}


def test_a_rule_below_one_that_a_role_may_not_use_answers_that_role() -> None:
    over, below = leads("over", MANY, "large", 2), leads("below", MANY, "mid", 1)
    assert kinds(prove(ruled(over, below))) == ["shadowed"]
    assert prove(ruled(over, below, roles=ROLES)) == []


def test_a_rule_with_a_price_limit_leaves_dear_requests_to_the_next() -> None:
    over, below = leads("over", MANY, "large", 2, at_most_usd=0.01), leads("below", MANY, "mid", 1)
    assert prove(ruled(over, below)) == []
    other = leads("other", All((MANY, CODING)), "small", 1)
    assert kinds(prove(ruled(over, below, other))) == ["conflict"]


@pytest.mark.parametrize(("role", "model"), [("guest", "large"), ("stranger", "small")])
def test_a_rule_for_a_role_that_may_not_reach_its_models_never_answers(role: str, model: str) -> None:
    found = prove(ruled(leads("theirs", Is(ROLE, words([role])), model, 1), roles=ROLES))
    assert kinds(found) == ["unreachable"]
    assert f"`roles` for which it fires may reach {model}" in found[0].said


def test_two_rules_of_which_a_role_may_use_one_alone_do_not_conflict_for_it() -> None:
    guests = Is(ROLE, words(["guest"]))
    a, b = leads("a", All((guests, MANY)), "small", 1), leads("b", All((MANY, Not(CODING))), "large", 1)
    assert prove(ruled(a, b, roles=ROLES)) == []


def test_a_price_limit_is_held_against_the_requests_that_higher_rules_leave() -> None:
    fleet = Fleet((Place("small", "a"), Place("large", "a")), lambda model, pool, prompt, output: 1e-6 * prompt)
    tokens = Variable("context_tokens")
    over = leads("short", Is(tokens, between(0, 50_000, True)), "small", 2)
    cheap = leads("cheap", Is(tokens, between(100, INF, True)), "large", 1, at_most_usd=0.01)
    assert prove(ruled(cheap), fleet) == []
    found = prove(ruled(over, cheap), fleet)
    assert kinds(found) == ["ceiling"]
    assert "50000 prompt tokens" in found[0].said


def around(rng: np.random.Generator, middle: Vectors, spread: float, count: int) -> Vectors:
    """Unit vectors about as far from another as told."""
    found: Vectors = middle + spread * rng.normal(size=(count, len(middle))) / np.sqrt(len(middle))
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


@given(st.integers(0, 10_000), st.integers(2, 5), st.floats(-4, 0), st.floats(-6, -1))
@settings(deadline=None, max_examples=100)
def test_caps_around_one_vector_are_never_proved_apart_however_close_their_middles_are(
    seed: int, count: int, spread: float, slack: float
) -> None:
    rng = np.random.default_rng(seed)
    middle = around(rng, np.zeros(64), 1.0, 1)[0]
    vectors, point = around(rng, middle, 10**spread, count), around(rng, middle, 0.1, 1)[0]
    cosines, wide = vectors @ point, 10**slack * rng.random((2, count))
    found = caps_meet(vectors, cosines - wide[0], cosines + wide[1])
    assert found.meet
    assert not found.apart


@given(st.integers(0, 10_000), st.integers(1, 8))
@settings(deadline=None, max_examples=60)
def test_caps_that_are_said_to_meet_have_a_vector_and_those_said_apart_a_bound(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    vectors, low = around(rng, around(rng, np.zeros(64), 1.0, 1)[0], 1.0, count), rng.uniform(-1, 1, count)
    found = caps_meet(vectors, low, low + rng.uniform(0.01, 1.0, count))
    assert found.meet != found.apart
    if found.meet:
        assert np.all(found.cosines >= low - 1e-6)


NEAR_A, NEAR_B = Variable(f"{NEAR}a"), Variable(f"{NEAR}b")


def judge(vectors: dict[str, Vectors]) -> Judge:
    made = RuleSet(
        rules=(), fallback=Answer(models=("small",)), anchors={name: Anchor(examples=("x",)) for name in vectors}
    )  # fmt: skip
    return Judge(made, Space(made), vectors)


def test_anchors_of_too_many_examples_are_undecided_and_never_taken_for_apart() -> None:
    # Only the last of 40 examples lies where both caps reach; 40 × 40 pairs are more than are gone through.
    far, close = np.eye(100)[:39], np.eye(100)[39:40]
    vectors = {"a": np.concatenate([far, close]), "b": np.concatenate([np.eye(100)[40:79], close])}
    box = {NEAR_A: between(0.9, INF), NEAR_B: between(0.9, INF)}
    found = judge(vectors).look(box)
    assert found.state == UNDECIDED
    assert "give fewer" in found.why
    few = {name: each[-3:] for name, each in vectors.items()}
    assert judge(few).look(box).state == SHOWN


def test_a_cosine_outside_a_middle_span_is_below_it_or_above_it_and_not_within() -> None:
    same = {"a": np.eye(6)[:1], "b": np.eye(6)[:1]}
    outside = Numbers(((-1.0, 0.2), (0.8, 1.1)))
    assert judge(same).look({NEAR_A: outside, NEAR_B: between(0.4, 0.6)}).state == EMPTY
    assert judge(same).look({NEAR_A: outside, NEAR_B: between(0.7, 0.9)}).state == SHOWN
