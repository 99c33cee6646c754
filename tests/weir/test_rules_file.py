"""Rules from YAML: what is meant, and one sentence with file, line and key for what is not."""

from pathlib import Path

import pytest

from policies.select.rules.predicate import LABEL, All, Is, Not, Variable
from policies.select.rules.sessions import USUAL
from policies.select.rules.values import Numbers, words
from weir.rulesfile import line_of, read_rules, rules_of, told
from weir.strictyaml import BadFile

GOOD = """\
fallback: {models: [small]}
names: [auto, any]
conditions:
  long: {signal: context_tokens, at_least: 8000}
anchors:
  billing: {examples: ["I was charged twice", "refund my invoice"]}
  tech: {examples: ["the app crashes"]}
partitions:
  topic: {members: [billing, tech], temperature: 0.05, at_least: 0.6}
roles:
  guest: {deny_models: [large]}
  owner:
rules:
  - name: long
    priority: 2
    when: {condition: long}
    then: {models: [large], at_most_usd: 0.1}
  - name: hard
    priority: 3
    when:
      all:
        - {signal: domain, is: [math, physics], at_least: 0.6}
        - not: {signal: agent}
    then: {models: [large, small], pools: [p], effects: {reasoning: true, headers: {x-a: b}, keep_tools: [read]}}
  - name: bill
    when: {any: [{partition: topic, is: [billing]}, {near: tech, at_least: 0.7}, {claim: team, is: [money]}]}
    then: {models: [small], effects: {system_prompt: Be kind., cache: false, drop_tools: [write]}}
"""


def test_rules_stand_in_the_order_in_which_they_are_asked() -> None:
    rules, _ = rules_of(GOOD, "r.yaml")
    assert [rule.name for rule in rules.rules] == ["hard", "long", "bill"]
    assert rules.names == {"auto", "any"}
    assert rules.roles["guest"].deny_models == {"large"}
    assert not rules.roles["owner"].deny_models
    assert rules.partitions["topic"].at_least == 0.6


def test_conditions_mean_what_they_say() -> None:
    hard, long, bill = rules_of(GOOD, "r.yaml")[0].rules
    assert long.when == Is(Variable("context_tokens"), Numbers(((8000.0, float("inf")),)))
    assert isinstance(hard.when, All)
    assert isinstance(hard.when.parts[1], Not)
    assert Is(Variable("partition:topic", LABEL), words(["billing"])) in bill.when.parts  # type: ignore[union-attr]
    assert bill.answer.effects.cache is None
    assert hard.answer.effects.keep_tools == ("read",)


def test_a_message_tells_the_same_rules() -> None:
    rules, message = rules_of(GOOD, "r.yaml")
    assert told(message) == rules


def test_a_file_is_read_from_its_path(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(GOOD)
    assert read_rules(path)[0] == rules_of(GOOD, "r.yaml")[0]
    with pytest.raises(BadFile, match="no such file"):
        read_rules(tmp_path / "none.yaml")


def test_the_line_of_a_rule_can_be_found_again() -> None:
    assert line_of(GOOD, "r.yaml", ("rules", 0)) == 14
    assert line_of(GOOD, "r.yaml", ("rules", 1, "then")) == 24


WRONG = {
    "an unknown signal": ("domain", "domian", "22: there is no signal 'domian': did you mean 'domain'?"),
    "an unknown label": ("[math,", "[maths,", "22: there is no label of this signal 'maths': did you mean 'math'?"),
    "an unknown key": ("at_least: 8000", "at_lest: 8000", "4: unknown key 'conditions.long.at_lest': did you mean"),
    "an unknown condition": ("{condition: long}", "{condition: lang}", "16: there is no condition 'lang'"),
    "an unknown member": ("topic, is: [billing]", "topic, is: [bill]", "26: there is no member of topic 'bill'"),
    "an unknown partition": ("partition: topic", "partition: tropic", "26: there is no partition 'tropic'"),
    "an unknown anchor": ("near: tech", "near: teck", "26: there is no anchor 'teck': did you mean 'tech'?"),
    "a member that is no anchor": ("[billing, tech]", "[billing, teck]", "9: there is no anchor 'teck'"),
    "a circle of conditions": ("{signal: context_tokens, at_least: 8000}", "{not: {condition: long}}", "circle"),
    "two forms in one": ("{signal: agent}", "{signal: agent, near: tech}", "not near and signal"),
    "no form at all": ("{signal: agent}", "{is: [a]}", "not none of them"),
    "what a form does not take": ("{near: tech, at_least: 0.7}", "{near: tech, at_least: 0.7, is: [a]}", "`is` says"),
    "a word without words": ("{claim: team, is: [money]}", "{claim: team}", "`claim` needs `is`"),
    "a cosine without bounds": ("{near: tech, at_least: 0.7}", "{near: tech}", "`near` needs"),
    "a number without bounds": ("context_tokens, at_least: 8000", "context_tokens", "give `at_least` or `below`"),
    "a bound that is always kept": ("at_least: 8000", "at_least: -1", "4: context_tokens: that is always so"),
    "an empty span": ("at_least: 8000", "at_least: 9, below: 9", "nothing is at least 9 and below 9"),
    "labels of a number": ("context_tokens, at_least: 8000", "context_tokens, is: [big]", "is a count: test it by"),
    "a label without one": ("{signal: agent}", "{signal: language}", "language is a label: say which by `is`"),
    "a probability of what is read": (
        "{signal: agent}", "{signal: language, is: [de], at_least: 0.5}", "read, not guessed",
    ),
    "a score without bounds": ("is: [math, physics], at_least: 0.6", "label: math", "`label` tests one score"),
    "no models": ("{models: [large], at_most_usd: 0.1}", "{models: []}", "17: rules[0].then.models"),
    "a price of nothing": ("at_most_usd: 0.1", "at_most_usd: 0", "17: rules[0].then.at_most_usd"),
    "a rule twice": ("name: bill", "name: hard", "two rules named 'hard'"),
    "a rule called fallback": ("name: bill", "name: fallback", "no rule may be called 'fallback'"),
    "a name that no header takes": ("name: bill", "name: a b", "25: rules[2].name"),
    "a header that is the router's": ("x-a: b", "host: b", "is for the router to write"),
    "a header with capitals": ("x-a: b", "X-a: b", "must be lower-case"),
    "a header with a line break": ("x-a: b", 'x-a: "b\\r\\nc"', "must be printable ASCII"),
    "no fallback": ("fallback: {models: [small]}", "version: 1", "key 'fallback' is missing"),
    "another version": ("fallback:", "version: 2\nfallback:", "version"),
    "a partition of one": ("[billing, tech]", "[billing]", "9: partitions.topic.members"),
    "text for a number": ("8000", '"many"', "4: conditions.long.at_least must be a number"),
    "not a number": ("8000", ".nan", "4: conditions.long.at_least must be a number"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_said_with_its_line(what: str) -> None:
    before, after, expected = WRONG[what]
    assert GOOD.count(before) >= 1
    with pytest.raises(BadFile) as bad:
        rules_of(GOOD.replace(before, after), "r.yaml")
    assert "r.yaml:" in str(bad.value)
    assert expected in str(bad.value)


def test_conditions_nested_very_deeply_are_refused_and_not_run_into() -> None:
    deep = "{not: " * 2_000 + "{signal: agent}" + "}" * 2_000
    with pytest.raises(BadFile):
        rules_of(GOOD.replace("{condition: long}", deep), "r.yaml")


def test_a_file_without_rules_sends_everything_to_the_fallback() -> None:
    rules, message = rules_of("fallback: {models: [m]}", "r.yaml")
    assert rules.rules == ()
    assert told(message) == rules


def test_what_may_be_switched_on_takes_its_defaults() -> None:
    text = "fallback: {models: [a, b], cascade: true, effects: {cache: true}}\nsessions: {risk: true, memory: false}"
    rules, message = rules_of(text, "r.yaml")
    assert rules.fallback.cascade is not None
    assert rules.fallback.cascade.by == ("margin",)
    assert rules.fallback.effects.cache is not None
    assert rules.fallback.effects.cache.threshold == 0.92
    assert rules.sessions is not None
    assert rules.sessions.risk is not None
    assert rules.sessions.memory is None
    assert told(message) == rules


SESSIONS = """\
fallback: {models: [a]}
sessions:
  ttl_s: 60
  risk: {signals: [jailbreak], keep: 0.5, levels: [0.5, 0.6, 0.7, 0.8]}
  reputation: {half_life_s: 60}
  stickiness: {quality: {a: 0.5, b: 0.9}, turns: 4, margin: 0.2}
  token_budget: {expected: [100, 300], trigger: 2, rungs: [1, 2, 3, 4], tools: 3}
  commitments: {refund: {claim: wants, is: [refund]}}
  tool_rights: {mode: block, roles: {guest: [read_*], owner: ["*"]}}
  tool_choice: {most: 5}
  applications: {fewest: 3}
  memory: {recent_turns: 2}
"""


def test_sessions_are_read_and_travel() -> None:
    rules, message = rules_of(SESSIONS, "r.yaml")
    found = rules.sessions
    assert found is not None
    assert told(message).sessions == found
    assert (found.risk and found.risk.thresholds.levels) == (0.5, 0.6, 0.7, 0.8)
    assert (found.token_budget and found.token_budget.ladder.trigger) == 2.0
    assert (found.tool_rights and found.tool_rights.may("guest", "read_mail")) is True
    assert set(found.commitments) == {"refund"}
    assert found.makes() == {"session_risk", "caller_reputation", *USUAL}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("[jailbreak]", "[domain]", "no guard"),
        ("0.5, 0.6, 0.7, 0.8", "0.5, 0.4, 0.7, 0.8", "must rise"),
        ("[100, 300]", "[300, 100]", "must rise"),
        ("mode: block", "mode: ask", "mode"),
        ("is: [refund]", "at_least: 1", "says nothing beside"),
        ("most: 5", "most: 0", "most"),
        ("recent_turns: 2", "recent: 2", "recent"),
        ("quality: {a: 0.5, b: 0.9}", "quality: {a: 0.5, b: 9}", "quality"),
    ],
)
def test_what_is_wrong_with_sessions_is_said(before: str, after: str, said: str) -> None:
    assert before in SESSIONS
    with pytest.raises(BadFile, match=r"r\.yaml:") as bad:
        rules_of(SESSIONS.replace(before, after), "r.yaml")
    assert said in str(bad.value)


@pytest.mark.parametrize(
    ("cascade", "said"),
    [
        ("{by: [judge]}", "names the model"),
        ("{judge: b}", "names the model"),
        ("{by: [luck]}", "by"),
        ("{answers: 1}", "answers"),
    ],
)
def test_what_is_wrong_with_a_cascade_is_said(cascade: str, said: str) -> None:
    with pytest.raises(BadFile) as bad:
        rules_of(f"fallback: {{models: [a, b], cascade: {cascade}}}", "r.yaml")
    assert said in str(bad.value)
