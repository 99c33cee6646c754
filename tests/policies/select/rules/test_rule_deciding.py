"""Which rule answers: priorities, what is unknown, roles, places and prices."""

import pytest
from hypothesis import given

from policies.select.rules.deciding import Decided, Denied, Place, decide, needed, wanted
from policies.select.rules.predicate import LABEL, SCORE, SPAN, SURE, All, Any, Is, Not, Predicate, Variable, truth
from policies.select.rules.rule import Answer, Role, Rule, RuleSet, in_order
from policies.select.rules.values import Numbers, between, words
from policies.signals.reading import UNKNOWN, Reading, Readings, Span
from tests.policies.select.rules.random_rules import CODE, DOMAIN, READINGS, TURNS, conditions, rule, rules

YES, NO = Reading(1.0), Reading(0.0)
UP = Numbers(((0.5, 2.0),))
FLEET = (Place("small", "a"), Place("large", "a"), Place("large", "b"), Place("m", "b"))


def up(name: str) -> Is:
    return Is(Variable(name), UP)


def test_what_is_unknown_makes_nothing_true_nor_false() -> None:
    assert truth(up("x"), {}) is None
    assert truth(Not(up("x")), {"x": UNKNOWN}) is None
    assert truth(Not(up("x")), {"x": NO}) is True
    assert truth(Any((up("x"), up("y"))), {"y": YES}) is True
    assert truth(Any((up("x"), up("y"))), {"y": NO}) is None
    assert truth(All((up("x"), up("y"))), {"y": NO}) is False
    assert truth(All((up("x"), up("y"))), {"y": YES}) is None


def test_a_label_that_abstains_is_unknown() -> None:
    test = Is(DOMAIN, words(["math"]))
    assert truth(test, {"domain": Reading(0.2)}) is None
    assert truth(test, {"domain": Reading(0.9, "math")}) is True
    assert truth(test, {"domain": Reading(0.9, "law")}) is False


def test_a_label_may_be_asked_how_sure_it_is_and_for_the_score_of_another() -> None:
    told = {"domain": Reading(0.6, "math", {"math": 0.6, "law": 0.4})}
    assert truth(Is(Variable("domain", SURE), between(0.5, 1.1)), told) is True
    assert truth(Is(Variable("domain", f"{SCORE}law"), between(0.5, 1.1)), told) is False
    assert truth(Is(Variable("domain", f"{SCORE}art"), between(0.5, 1.1)), told) is None


def test_a_kind_of_span_is_there_or_not() -> None:
    told = {"pii": Reading(1.0, spans=(Span(0, 4, "EMAIL"),))}
    assert truth(Is(Variable("pii", f"{SPAN}EMAIL"), UP), told) is True
    assert truth(Is(Variable("pii", f"{SPAN}PHONE"), UP), told) is False


@given(conditions(), READINGS)
def test_more_knowledge_never_takes_a_verdict_back(when: Predicate, told: Readings) -> None:
    for name in told:
        less = truth(when, {k: v for k, v in told.items() if k != name})
        assert less is None or less == truth(when, told)


@given(conditions(), READINGS)
def test_not_turns_a_verdict_round_and_twice_leaves_it(when: Predicate, told: Readings) -> None:
    found = truth(when, told)
    assert truth(Not(when), told) == (None if found is None else not found)
    assert truth(Not(Not(when)), told) == found


def test_the_highest_priority_answers_whatever_the_order_in_the_file() -> None:
    made = rules(rule("low", up("code"), "small"), rule("high", up("code"), "large", 5))
    found = decide(made, {"code": YES}, FLEET)
    assert isinstance(found, Decided)
    assert (found.rule, found.places) == ("high", (Place("large", "a"), Place("large", "b")))


def test_where_no_rule_fires_the_fallback_answers() -> None:
    found = decide(rules(rule("one", up("code"), "large")), {"code": NO}, FLEET)
    assert isinstance(found, Decided)
    assert (found.rule, found.places[0].model) == ("fallback", "small")


def test_a_rule_whose_models_nobody_serves_leaves_the_answer_to_the_next() -> None:
    made = rules(rule("gone", up("code"), "gone", 2), rule("next", up("code"), "m"))
    found = decide(made, {"code": YES}, FLEET)
    assert isinstance(found, Decided)
    assert found.rule == "next"


def test_models_come_in_the_answers_order_and_pools_fence_them() -> None:
    answer = Answer(models=("m", "large"), pools=("b",))
    made = RuleSet(rules=(Rule(name="r", when=up("code"), answer=answer),), fallback=Answer(models=("small",)))
    found = decide(made, {"code": YES}, FLEET)
    assert isinstance(found, Decided)
    assert found.places == (Place("m", "b"), Place("large", "b"))


def test_a_price_limit_leaves_only_places_within_it() -> None:
    answer = Answer(models=("large",), at_most_usd=0.01)
    made = RuleSet(rules=(Rule(name="r", when=up("code"), answer=answer),), fallback=Answer(models=("small",)))
    dear = (Place("large", "a", 0.02), Place("large", "b", 0.01), Place("small", "a", 0.001))
    found = decide(made, {"code": YES}, dear)
    assert isinstance(found, Decided)
    assert found.places == (dear[1],)
    found = decide(made, {"code": YES}, (dear[0], dear[2]))
    assert isinstance(found, Decided)
    assert found.rule == "fallback"


ROLES = {"owner": Role(), "guest": Role(deny_models=frozenset({"large"})), "none": Role(deny_pools=frozenset({"a"}))}


def with_roles() -> RuleSet:
    made = (Rule(name="r", when=up("code"), answer=Answer(models=("large",))),)
    return RuleSet(rules=made, fallback=Answer(models=("small",)), roles=ROLES)


@pytest.mark.parametrize(("role", "expected"), [("owner", "r"), ("guest", "fallback")])
def test_a_role_is_led_past_what_is_denied_to_it(role: str, expected: str) -> None:
    found = decide(with_roles(), {"code": YES, "caller_role": Reading(1.0, role)}, FLEET)
    assert isinstance(found, Decided)
    assert found.rule == expected


def test_a_role_that_is_not_named_reaches_nothing() -> None:
    assert decide(with_roles(), {"code": YES, "caller_role": Reading(1.0, "thief")}, FLEET) == Denied("thief")


def test_a_caller_without_a_token_has_the_role_none() -> None:
    found = decide(with_roles(), {"code": YES}, FLEET)
    assert isinstance(found, Decided)
    assert found.places == (Place("large", "b"),)
    assert decide(with_roles(), {"code": NO}, FLEET) == Denied("none")


def test_without_roles_everybody_may_reach_everything() -> None:
    assert isinstance(decide(rules(), {"caller_role": Reading(1.0, "thief")}, FLEET), Decided)


def test_only_signals_that_some_rule_reads_are_needed() -> None:
    assert needed(rules(rule("a", up("code")), rule("b", Not(Is(TURNS, between(1, 2)))))) == {"code", "turns"}
    assert "caller_role" in needed(with_roles())


LEARNED = frozenset({"domain", "jailbreak"})
HARD = rule("hard", All((up("code"), Is(Variable("domain", LABEL), words(["math"])))), "large", 5)
SAFE = rule("safe", up("jailbreak"), "m", 1)


def test_a_learned_signal_is_wanted_only_where_it_can_change_the_answer() -> None:
    made = rules(HARD, SAFE)
    assert wanted(made, {"code": YES}, LEARNED) == {"domain", "jailbreak"}
    assert wanted(made, {"code": NO}, LEARNED) == {"jailbreak"}
    assert wanted(made, {"code": NO, "jailbreak": NO}, LEARNED) == frozenset()


def test_nothing_is_wanted_for_rules_below_one_that_fires() -> None:
    made = rules(rule("first", up("code"), "small", 9), HARD, SAFE)
    assert wanted(made, {"code": YES}, LEARNED) == frozenset()


def test_what_was_asked_and_stayed_unknown_is_not_wanted_again() -> None:
    assert wanted(rules(SAFE), {"jailbreak": UNKNOWN}, LEARNED) == frozenset()


@given(conditions(), conditions(), READINGS)
def test_asking_for_what_is_wanted_alone_gives_the_same_answer(a: Predicate, b: Predicate, told: Readings) -> None:
    made = RuleSet(rules=in_order((rule("a", a, "large", 1), rule("b", b, "m"))), fallback=Answer(models=("small",)))
    crisp = {name: reading for name, reading in told.items() if name not in LEARNED}
    asked = wanted(made, crisp, LEARNED)
    enough = {**crisp, **{name: told[name] for name in asked}}
    assert decide(made, enough, FLEET) == decide(made, told, FLEET)


def test_a_flag_of_structure_is_up_or_down() -> None:
    assert truth(Is(CODE, UP), {"code": YES}) is True
