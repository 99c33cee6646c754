"""What is proved of caches, cascades and sessions: what can never happen, or contradicts itself, is told."""

import pytest

from policies.select.rules.deciding import Place
from policies.select.rules.prove.proofs import Fleet, prove
from weir.rulesfile import rules_of

FLEET = Fleet((Place("small", "p"), Place("large", "q")))

GOOD = """\
fallback: {models: [small, large], cascade: {by: [judge, margin], judge: large}}
rules:
  - name: faq
    when: {signal: context_tokens, below: 2000}
    then: {models: [small], effects: {cache: {category: faq, threshold: 0.9}}}
  - name: risky
    priority: 2
    when: {signal: session_risk, at_least: 0.7}
    then: {models: [large], effects: {cache: {category: faq, threshold: 0.9}}}
sessions: {risk: true, commitments: {refund: {header: x-action, is: [refund]}}}
"""


def found(text: str) -> list[tuple[str, str]]:
    return [(one.kind, one.said) for one in prove(rules_of(text, "r.yaml")[0], FLEET)]


def test_a_set_in_which_all_of_it_can_happen_is_proved() -> None:
    assert found(GOOD) == []


@pytest.mark.parametrize(
    ("before", "after", "kind", "said"),
    [
        ("threshold: 0.9}}}\nsessions", "ttl_s: 9}}}\nsessions", "cache", "by different limits"),
        ("context_tokens, below: 2000", "tools_offered, at_least: 1", "cache", "all its requests offer tools"),
        ("[small, large], cascade", "[small], cascade", "cascade", "one model alone"),
        ("judge: large", "judge: auto", "cycle", "a circle"),
        ("judge: large", "judge: largest", "target", "does not serve"),
        ("risk: true, ", "", "sessions", "add `sessions.risk`"),
        ("signal: session_risk", "signal: caller_reputation", "sessions", "add `sessions.reputation`"),
    ],
)  # fmt: skip
def test_what_can_never_happen_or_contradicts_itself_is_told(before: str, after: str, kind: str, said: str) -> None:
    assert before in GOOD
    told = [one for one in found(GOOD.replace(before, after)) if one[0] == kind]
    assert told
    assert said in told[0][1]


def test_a_request_that_shows_a_rule_says_what_has_to_be_remembered() -> None:
    other = "  - {name: too, when: {signal: session_risk, at_least: 0.8}, then: {models: [large]}}"
    text = GOOD.replace("  - name: risky", f"{other}\n  - name: risky").replace("priority: 2", "priority: 0")
    conflict = next(one for one in prove(rules_of(text, "r.yaml")[0], FLEET) if one.kind == "conflict")
    assert conflict.request is not None
    assert conflict.request["remembered"]["session_risk"] >= 0.8
