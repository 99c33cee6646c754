"""What is proved of caches, cascades and sessions: that what is asked for can ever happen, and contradicts nothing."""

from collections.abc import Iterator, Mapping, Sequence

from policies.registry import known as nearest
from policies.select.rules.deciding import Place
from policies.select.rules.predicate import VALUE, Variable, tests
from policies.select.rules.prove.boxes import Box
from policies.select.rules.prove.finding import Finding, names
from policies.select.rules.rule import FALLBACK, Answer, Rule, RuleSet
from policies.select.rules.sessions import REPUTATION, RISK, USUAL
from policies.select.rules.values import Numbers

TOOLS = Variable("tools_offered", VALUE)
KEEPS = {RISK: "sessions.risk", REPUTATION: "sessions.reputation", **dict.fromkeys(USUAL, "sessions.applications")}
Answered = tuple[str, Answer, tuple[int | str, ...]]


def answers(rules: RuleSet) -> Iterator[Answered]:
    """Every answer with its rule's name and place, the fallback's last."""
    for rule in rules.rules:
        yield rule.name, rule.answer, (*rule.place, "then")
    yield FALLBACK, rules.fallback, (FALLBACK,)


def beside(rules: RuleSet, boxes: Mapping[str, Sequence[Box]], served: Sequence[Place] | None) -> Iterator[Finding]:
    """What is wrong beside where requests go; `served` is None where no fleet was given."""
    yield from _categories(rules)
    yield from (found for rule in rules.rules if (found := _never_cached(rule, boxes[rule.name])) is not None)
    yield from _cascades(rules, served)
    yield from _kept(rules)


def _categories(rules: RuleSet) -> Iterator[Finding]:
    """Rules that share answers agree on when two questions are one."""
    seen: dict[str, Answered] = {}
    for name, answer, where in answers(rules):
        caching = answer.effects.cache
        if caching is None:
            continue
        category = caching.category or name
        other, before, _ = seen.setdefault(category, (name, answer, where))
        if before.effects.cache != caching and (before.effects.cache is None or _differ(before, answer)):
            said = f"{names((other, name))} cache the category {category!r} by different limits: give both the same"
            yield Finding(kind="cache", said=said, rules=(other, name), place=where)


def _differ(one: Answer, other: Answer) -> bool:
    first, second = one.effects.cache, other.effects.cache
    assert first is not None
    assert second is not None
    return (first.threshold, first.ttl_s, first.quota, first.semantic) != (
        second.threshold, second.ttl_s, second.quota, second.semantic,
    )  # fmt: skip


def _never_cached(rule: Rule, boxes: Sequence[Box]) -> Finding | None:
    """A request with tools is never answered from the cache: a rule for these alone caches nothing."""
    if rule.answer.effects.cache is None or not boxes or not all(_offers_tools(box) for box in boxes):
        return None
    said = f"{rule.name!r} caches nothing: all its requests offer tools, and such answers are never given again"
    return Finding(kind="cache", said=said, rules=(rule.name,), place=(*rule.place, "then"))


def _offers_tools(box: Box) -> bool:
    values = box.get(TOOLS)
    return isinstance(values, Numbers) and not values.has(0.0)


def _cascades(rules: RuleSet, served: Sequence[Place] | None) -> Iterator[Finding]:
    """A cascade has somewhere to go, and its judge is served and no name of these rules."""
    for name, answer, where in answers(rules):
        cascade = answer.cascade
        if cascade is None:
            continue
        if len(set(answer.models)) < 2:
            said = f"{name!r} cascades through one model alone: name a dearer one behind it"
            yield Finding(kind="cascade", said=said, rules=(name,), place=where)
        if cascade.judge in rules.names:
            said = f"{name!r} is judged by {cascade.judge!r}, which these rules decide: that is a circle"
            yield Finding(kind="cycle", said=said, rules=(name,), place=where)
        elif served is not None and cascade.judge and cascade.judge not in {one.model for one in served}:
            known = nearest(cascade.judge, sorted({one.model for one in served}))
            said = f"{name!r} is judged by {cascade.judge!r}, which the fleet does not serve: {known}"
            yield Finding(kind="target", said=said, rules=(name,), place=where)


def _kept(rules: RuleSet) -> Iterator[Finding]:
    """A rule that reads what sessions make needs sessions that make it."""
    made = rules.sessions.makes() if rules.sessions is not None else frozenset()
    for rule in rules.rules:
        for signal in sorted({test.variable.signal for test in tests(rule.when)} & set(KEEPS) - made):
            said = f"{rule.name!r} can never fire by {signal}, which nobody keeps: add `{KEEPS[signal]}`"
            yield Finding(kind="sessions", said=said, rules=(rule.name,), place=rule.place)
