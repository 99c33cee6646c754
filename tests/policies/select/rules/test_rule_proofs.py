"""Proofs: boxes are conditions, caps meet where a vector does, and every finding has a request that shows it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.select.rules.deciding import Place
from policies.select.rules.known import NEAR, PARTITION
from policies.select.rules.predicate import LABEL, SCORE, VALUE, All, Any, Is, Not, Predicate, Variable, taken, truth
from policies.select.rules.prove.boxes import Box, Space, TooMany, together
from policies.select.rules.prove.caps import Vectors, caps_meet
from policies.select.rules.prove.finding import Finding
from policies.select.rules.prove.proofs import Fleet, prove
from policies.select.rules.prove.scores import sayable
from policies.select.rules.prove.witness import lies_in, request
from policies.select.rules.rule import Anchor, Answer, Partition, Role, Rule, RuleSet, in_order
from policies.select.rules.structural import readings
from policies.select.rules.values import Numbers, between, words
from policies.signals.port import SIGNALS
from policies.signals.reading import Readings
from tests.policies.select.rules.random_rules import (
    CRISP,
    DOMAIN,
    JAILBREAK,
    READINGS,
    ROLE,
    TURNS,
    conditions,
    rule,
    rules,
)

SPACE = Space(rules())
INF = float("inf")


def count(name: str, low: float, high: float = INF) -> Is:
    return Is(Variable(name), between(low, high, True))


def flag(name: str) -> Is:
    return Is(Variable(name), Numbers(((1.0, 2.0),)))


def label(name: str, *told: str) -> Is:
    return Is(Variable(name, LABEL), words(told))


def inside(box: Box, told: Readings) -> bool:
    def has(variable: Variable) -> bool:
        reading = told[variable.signal]
        value = taken(reading, variable.part) if reading.known() else None
        return box[variable].unknown if value is None else box[variable].has(value)  # type: ignore[arg-type]

    return all(has(variable) for variable in box)


@given(conditions(), READINGS, st.booleans())
@settings(deadline=None)
def test_a_condition_holds_exactly_in_its_boxes(when: Predicate, told: Readings, holds: bool) -> None:
    boxes = SPACE.boxes(when, holds)
    assert any(inside(box, told) for box in boxes) == (truth(when, told) is holds)


@given(conditions(), conditions(), READINGS)
@settings(deadline=None)
def test_what_is_left_of_boxes_is_in_the_first_and_not_in_the_others(
    a: Predicate, b: Predicate, told: Readings
) -> None:
    left = SPACE.without(SPACE.boxes(a), SPACE.boxes(b))
    assert any(inside(box, told) for box in left) == (truth(a, told) is True and truth(b, told) is not True)


def test_boxes_that_share_nothing_are_not_together() -> None:
    one, other = SPACE.boxes(count("turns", 0, 2))[0], SPACE.boxes(count("turns", 2))[0]
    assert together(one, other) is None
    assert together(one, {}) == one


def test_a_condition_with_too_many_cases_says_so() -> None:
    many = All(tuple(Any((count("turns", i), count("images", i), count("tool_calls", i))) for i in range(9)))
    with pytest.raises(TooMany):
        SPACE.boxes(many)
    assert prove(rules(rule("many", many)))[0].kind == "undecided"


def unit(rng: np.random.Generator, n: int, d: int) -> Vectors:
    found: Vectors = rng.normal(size=(n, d))
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


@given(st.integers(0, 10_000), st.integers(1, 4), st.floats(-0.9, 0.95))
@settings(deadline=None, max_examples=60)
def test_caps_around_a_vector_that_is_in_all_of_them_meet(seed: int, n: int, slack: float) -> None:
    rng = np.random.default_rng(seed)
    vectors, point = unit(rng, n, 16), unit(rng, 1, 16)[0]
    cosines = vectors @ point
    assert caps_meet(vectors, cosines - abs(slack) * 0.1, np.full(n, 1.0)).meet
    assert caps_meet(vectors, cosines - 0.01, cosines + 0.01).meet


@given(st.floats(0.05, 1.5), st.floats(0.05, 1.5), st.floats(0.0, np.pi))
@settings(deadline=None)
def test_two_caps_meet_exactly_where_their_angles_reach(one: float, other: float, apart: float) -> None:
    vectors = np.array([[1.0, 0.0, 0.0, 0.0], [np.cos(apart), np.sin(apart), 0.0, 0.0]])
    gap = one + other - apart
    if abs(gap) > 1e-3:
        low = np.cos([one, other])
        assert caps_meet(vectors, low, np.ones(2)).meet == (gap > 0)


def test_a_cap_inside_another_leaves_nothing_where_the_outer_one_is_left_out() -> None:
    same = np.array([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    assert not caps_meet(same, np.array([0.9, -1.0]), np.array([1.0, 0.8])).meet
    assert caps_meet(same, np.array([0.7, -1.0]), np.array([1.0, 0.8])).meet


@given(st.lists(st.floats(0.01, 1.0), min_size=3, max_size=3), st.floats(0.0, 1.0))
def test_a_classifier_can_say_what_some_scores_say(raw: list[float], share: float) -> None:
    scores = dict(zip("abc", np.array(raw) / sum(raw), strict=True))
    best = max(scores, key=lambda name: scores[name])
    box: Box = {Variable("x", f"{SCORE}{name}"): between(s * share, s + 1e-6) for name, s in scores.items()}
    assert sayable("x", "abc", {**box, Variable("x", LABEL): words([best])})


def test_two_scores_above_a_half_cannot_be_said() -> None:
    high = between(0.6, INF)
    assert not sayable("x", "abc", {Variable("x", f"{SCORE}a"): high, Variable("x", f"{SCORE}b"): high})
    assert not sayable("x", "abc", {Variable("x", f"{SCORE}a"): high, Variable("x", LABEL): words(["b"])})
    assert not sayable("x", "ab", {Variable("x", "sure"): between(0.0, 0.4)})


@given(conditions(CRISP))
@settings(deadline=None, max_examples=80)
def test_a_request_made_for_a_box_lies_in_it_and_fires_the_rule(when: Predicate) -> None:
    for box in SPACE.boxes(when)[:4]:
        made = request(box)
        if made is not None:
            assert lies_in(made, box)
            assert truth(when, readings(made, {variable.signal for variable in box})) is True


EVERY = [
    count("message_count", 9), count("turns", 3, 4), label("last_role", "tool"), label("last_role", "assistant"),
    label("last_role", "system"), label("last_role", "other"), count("tools_offered", 5), count("tool_calls", 2),
    count("tool_failures", 3), count("failure_streak", 2), flag("chained"), label("modality", "image"),
    count("images", 3), count("visual_tokens", 500), label("response_format", "json_schema"),
    label("response_format", "other"), count("context_tokens", 8000), count("output_limit", 100),
    Is(Variable("budget_usd"), between(0.01, 0.02)), Is(Variable("budget_tokens"), between(10, 20)),
    label("usual_domain", "law"), label("usual_domain", "none"), Is(Variable("usual_turns"), between(5, INF)),
    Is(Variable("usual_turns_p90"), between(9, 12)), Is(Variable("usual_tools"), between(0.5, INF)),
    label("caller_role", "owner"), label("tenant", "acme"), flag("agent"), flag("code"),
    *(label("language", one) for one in SIGNALS["language"].labels),
    *(label("script", one) for one in SIGNALS["script"].labels),
    count("hidden_characters", 4), count("encoded_run", 100), label("claim:team", "a"), label("header:x-a", "b"),
    All((count("tool_failures", 3), count("failure_streak", 1, 2), label("last_role", "user"))),
    All((label("language", "de"), flag("code"), count("hidden_characters", 2))),
    All((count("message_count", 12), count("turns", 2, 3), count("tool_calls", 1), label("last_role", "assistant"))),
    Not(flag("agent")), Not(label("caller_role", "none", "owner")), label("system_fingerprint", "0badcafe"),
]  # fmt: skip


@pytest.mark.parametrize("when", EVERY, ids=[str(i) for i in range(len(EVERY))])
def test_for_every_structural_signal_a_request_can_be_made(when: Predicate) -> None:
    assert any(request(box) is not None for box in SPACE.boxes(when))


def kinds(found: list[Finding]) -> list[str]:
    return [one.kind for one in found]


LONG, IMAGES = count("context_tokens", 8000), count("images", 1)


def test_rules_that_are_in_order_are_proved() -> None:
    assert prove(rules(rule("long", LONG, "large", 2), rule("see", IMAGES, "vision", 1))) == []


def test_two_rules_that_fire_together_with_different_answers_conflict() -> None:
    found = prove(rules(rule("long", LONG, "large"), rule("see", IMAGES, "vision")))
    assert kinds(found) == ["conflict"]
    assert found[0].rules == ("long", "see")
    assert found[0].request is not None
    assert found[0].request["counted"] == {"prompt_tokens": 8000}


def test_rules_with_the_same_answer_or_of_disjoint_conditions_do_not_conflict() -> None:
    assert prove(rules(rule("long", LONG, "large"), rule("see", IMAGES, "large"))) == []
    assert prove(rules(rule("long", LONG, "large"), rule("short", Not(LONG), "small"))) == []


def test_a_conflict_that_a_higher_rule_decides_is_none() -> None:
    over = rule("both", All((LONG, IMAGES)), "both", 9)
    assert prove(rules(over, rule("long", LONG, "large"), rule("see", IMAGES, "vision"))) == []


@given(conditions(CRISP), conditions(CRISP))
@settings(deadline=None, max_examples=40)
def test_a_conflict_is_shown_by_a_request_on_which_both_rules_fire(a: Predicate, b: Predicate) -> None:
    boxes = [both for x in SPACE.boxes(a) for y in SPACE.boxes(b) if (both := together(x, y))]
    for one in (one for one in prove(rules(rule("a", a, "x"), rule("b", b, "y"))) if one.kind == "conflict"):
        assert boxes
        assert one.request is not None


def test_a_condition_that_contradicts_itself_never_fires() -> None:
    found = prove(rules(rule("never", All((count("turns", 3), count("turns", 0, 3))))))
    assert kinds(found) == ["unreachable"]
    assert "contradicts itself" in found[0].said


def test_a_condition_that_no_request_can_meet_never_fires() -> None:
    found = prove(rules(rule("never", All((IMAGES, label("modality", "text"))))))
    assert kinds(found) == ["unreachable"]
    assert found[0].readings == {"images": "1 to inf", "modality": "text"}


def test_a_rule_that_always_comes_too_late_is_shadowed() -> None:
    found = prove(rules(rule("all", count("turns", 2), "a", 2), rule("late", count("turns", 5), "b", 1)))
    assert kinds(found) == ["shadowed"]
    assert found[0].rules == ("late", "all")
    assert found[0].request is not None


def test_two_rules_may_shadow_a_third_between_them() -> None:
    over = (rule("few", count("turns", 0, 4), "a", 2), rule("many", count("turns", 4), "c", 2))
    found = prove(rules(*over, rule("late", LONG, "b", 1)))
    assert kinds(found) == ["shadowed"]
    assert found[0].rules == ("late", "few", "many")


def test_a_learned_rule_never_shadows_for_its_classifier_may_be_silent() -> None:
    over = rule("both", Any((Is(JAILBREAK, between(0.5, 2)), Is(JAILBREAK, between(0, 0.5)))), "a", 2)
    assert prove(rules(over, rule("late", LONG, "b", 1))) == []


def test_two_classifiers_are_undecidable_and_one_of_them_is_not() -> None:
    math, law = label("domain", "math"), label("domain", "law")
    assert prove(rules(rule("math", math, "a"), rule("law", law, "b"))) == []
    found = prove(rules(rule("math", math, "a"), rule("bad", Is(JAILBREAK, between(0.5, 2)), "b")))
    assert kinds(found) == ["undecided"]
    assert found[0].readings == {"domain": "math", "jailbreak": "0.5 to 2"} or "partition" in found[0].said


def near(name: str, low: float) -> Is:
    return Is(Variable(f"{NEAR}{name}"), between(low, INF))


def anchored(*given: Rule, at_least: float = 0.0) -> RuleSet:
    anchors = {"east": Anchor(examples=("go east",)), "north": Anchor(examples=("go north", "up"))}
    cells = {"way": Partition(members=("east", "north"), at_least=at_least)}
    return RuleSet(rules=in_order(given), fallback=Answer(models=("small",)), anchors=anchors, partitions=cells)


EAST_NORTH = {"east": np.eye(5)[:1], "north": np.eye(5)[1:3]}


def test_caps_that_meet_are_a_conflict_and_caps_apart_are_none() -> None:
    wide = anchored(rule("e", near("east", 0.6), "a"), rule("n", near("north", 0.7), "b"))
    assert kinds(prove(wide, vectors=EAST_NORTH)) == ["conflict"]
    tight = anchored(rule("e", near("east", 0.8), "a"), rule("n", near("north", 0.7), "b"))
    assert prove(tight, vectors=EAST_NORTH) == []


def test_a_condition_on_caps_that_do_not_meet_never_fires() -> None:
    made = anchored(rule("never", All((near("east", 0.8), near("north", 0.7))), "a"))
    assert kinds(prove(made, vectors=EAST_NORTH)) == ["unreachable"]


def test_without_an_encoder_caps_are_undecided() -> None:
    made = anchored(rule("e", near("east", 0.8), "a"), rule("n", near("north", 0.7), "b"))
    found = prove(made)
    assert kinds(found) == ["undecided"]
    assert "no encoder" in found[0].said


def test_the_cells_of_a_partition_never_fire_together() -> None:
    cells = [Is(Variable(f"{PARTITION}way", LABEL), words([name])) for name in ("east", "north")]
    assert prove(anchored(rule("e", cells[0], "a"), rule("n", cells[1], "b"))) == []


FLEET = Fleet((Place("small", "a"), Place("large", "b")), lambda model, pool, prompt, output: 1e-6 * prompt)


def test_a_rule_that_leads_to_the_rules_own_name_is_a_circle() -> None:
    assert kinds(prove(rules(rule("back", LONG, "auto")))) == ["cycle"]


def test_a_model_that_the_fleet_does_not_serve_is_named_with_the_nearest() -> None:
    found = prove(rules(rule("long", LONG, "larg")), FLEET)
    assert kinds(found) == ["target"]
    assert "'large'" in found[0].said


def test_a_pool_that_does_not_serve_the_model_leads_nowhere() -> None:
    made = Rule(name="r", when=LONG, answer=Answer(models=("large",), pools=("a",)))
    assert kinds(prove(rules(made), FLEET)) == ["target"]


def test_a_price_limit_below_the_cheapest_request_cannot_be_kept() -> None:
    cheap = Rule(name="r", when=LONG, answer=Answer(models=("large",), at_most_usd=0.001))
    found = prove(rules(cheap), FLEET)
    assert kinds(found) == ["ceiling"]
    assert "8000 prompt tokens" in found[0].said
    enough = Rule(name="r", when=LONG, answer=Answer(models=("large",), at_most_usd=0.01))
    assert prove(rules(enough), FLEET) == []


def with_roles(*given: Rule, **roles: Role) -> RuleSet:
    return RuleSet(rules=in_order(given), fallback=Answer(models=("small",)), roles=roles)


def test_every_role_reaches_a_model_whatever_it_asks() -> None:
    guest = Role(deny_models=frozenset({"small"}))
    found = prove(with_roles(rule("long", LONG, "large"), guest=guest, owner=Role()), FLEET)
    assert kinds(found) == ["role"]
    assert found[0].request is not None
    assert found[0].request["claims"] == {"role": "guest"}
    both = (rule("long", LONG, "large"), rule("short", Not(LONG), "large"))
    assert prove(with_roles(*both, guest=guest), FLEET) == []


def test_a_role_whose_pools_are_all_denied_reaches_nothing() -> None:
    found = prove(with_roles(clerk=Role(deny_pools=frozenset({"a", "b"}))), FLEET)
    assert kinds(found) == ["role"]


def test_a_rule_for_one_role_may_serve_that_role_alone() -> None:
    guest = Role(deny_models=frozenset({"small"}))
    own = rule("guests", Is(ROLE, words(["guest"])), "large")
    assert prove(with_roles(own, guest=guest), FLEET) == []


def test_numbers_that_nobody_told_are_their_own_case() -> None:
    rich, poor = Is(Variable("budget_usd"), between(1, INF)), Is(Variable("budget_usd"), between(0, 1))
    late = rule("late", LONG, "b", 1)
    assert prove(rules(rule("rich", rich, "a", 2), rule("poor", poor, "c", 2), late)) == []


def test_every_rule_is_named_in_the_sentence_that_is_about_it() -> None:
    for one in prove(rules(rule("long", LONG, "auto"), rule("see", IMAGES, "vision"))):
        assert all(repr(name) in one.said for name in one.rules)
    assert TURNS.part == VALUE
    assert DOMAIN.part == LABEL
