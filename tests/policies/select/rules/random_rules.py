"""Random conditions and readings over a few variables of every kind, for laws."""

from math import inf

from hypothesis import strategies as st

from policies.select.rules.predicate import LABEL, VALUE, All, Any, Is, Not, Predicate, Variable
from policies.select.rules.rule import Answer, Rule, RuleSet, in_order
from policies.select.rules.values import Numbers, Values, between, words
from policies.signals.reading import UNKNOWN, Reading

TURNS, CODE, BUDGET = Variable("turns", VALUE), Variable("code", VALUE), Variable("budget_usd", VALUE)
MODALITY, ROLE, DOMAIN = Variable("modality", LABEL), Variable("caller_role", LABEL), Variable("domain", LABEL)
JAILBREAK = Variable("jailbreak", VALUE)

counts = st.tuples(st.integers(0, 4), st.integers(1, 4)).map(lambda ends: between(ends[0], ends[0] + ends[1], True))
amounts = st.tuples(st.floats(0, 3), st.floats(0.5, 2)).map(lambda ends: between(ends[0], ends[0] + ends[1]))
ONE_OF: dict[Variable, st.SearchStrategy[Values]] = {
    TURNS: counts,
    CODE: st.just(Numbers(((1.0, inf),))),
    BUDGET: amounts,
    JAILBREAK: st.floats(0.1, 0.9).map(lambda low: Numbers(((low, inf),))),
    MODALITY: st.sampled_from(["text", "image"]).map(lambda word: words([word])),
    ROLE: st.lists(st.sampled_from(["owner", "guest", "clerk"]), min_size=1, max_size=2).map(words),
    DOMAIN: st.lists(st.sampled_from(["math", "law", "other"]), min_size=1, max_size=2).map(words),
}
CRISP = (TURNS, CODE, BUDGET, MODALITY, ROLE)


def conditions(variables: tuple[Variable, ...] = tuple(ONE_OF)) -> st.SearchStrategy[Predicate]:
    """Conditions over some variables."""
    one = st.sampled_from(variables).flatmap(lambda variable: ONE_OF[variable].map(lambda v: Is(variable, v)))
    return st.recursive(
        one,
        lambda part: st.one_of(
            st.lists(part, min_size=1, max_size=3).map(lambda parts: All(tuple(parts))),
            st.lists(part, min_size=1, max_size=3).map(lambda parts: Any(tuple(parts))),
            part.map(Not),
        ),
        max_leaves=5,
    )


_number = st.one_of(st.just(UNKNOWN), st.floats(0, 6).map(Reading))
READINGS = st.fixed_dictionaries({
    "turns": st.integers(0, 8).map(lambda n: Reading(float(n))),
    "code": st.sampled_from([Reading(0.0), Reading(1.0)]),
    "budget_usd": _number,
    "jailbreak": st.one_of(st.just(UNKNOWN), st.floats(0, 1).map(Reading)),
    "modality": st.sampled_from([Reading(1.0, "text"), Reading(1.0, "image")]),
    "caller_role": st.sampled_from([Reading(1.0, one) for one in ("owner", "guest", "clerk", "none", "else")]),
    "domain": st.sampled_from([UNKNOWN, *(Reading(0.9, one) for one in ("math", "law", "other", "physics"))]),
})  # fmt: skip


def rule(name: str, when: Predicate, model: str = "m", priority: int = 0) -> Rule:
    """A rule that leads to one model."""
    return Rule(name=name, when=when, answer=Answer(models=(model,)), priority=priority)


def rules(*given: Rule) -> RuleSet:
    """A set of rules whose fallback is `small`."""
    return RuleSet(rules=in_order(given), fallback=Answer(models=("small",)))
