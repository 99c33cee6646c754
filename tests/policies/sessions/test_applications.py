"""Applications by their system prompts: what was seen says what is usual, late or never where too little was."""

from math import isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.sessions.applications import HALVED_AT, MOST_LENGTHS, Application, Usual
from policies.signals.facts import Facts
from policies.signals.learned import DOMAINS
from policies.signals.port import SIGNALS

FEWEST = 5


def seen(domains: list[str], tools: list[bool], lengths: list[int]) -> Application:
    """An application after these turns and ended sessions."""
    found = Application()
    for domain, offered in zip(domains, tools, strict=True):
        found = found.asked(domain, offered)
    for turns in lengths:
        found = found.ended(turns)
    return found


def test_nothing_is_usual_of_an_application_that_was_hardly_seen() -> None:
    usual = seen(["law"] * 4, [True] * 4, [3] * 4).usual(FEWEST)
    assert usual.domain == ""
    assert all(isnan(value) for value in usual[1:])
    assert Usual().domain == ""


def test_each_part_is_told_from_its_own_count_on() -> None:
    usual = seen([*["law"] * 4, *[""] * 4], [True, False] * 4, [1, 2, 3, 4, 30]).usual(FEWEST)
    assert usual.domain == ""  # four turns had one
    assert usual.tools == 0.5
    assert usual.turns == 3.0
    assert usual.turns_p90 == pytest.approx(19.6)


def test_the_commonest_domain_counts_and_of_two_as_common_the_first_by_name() -> None:
    assert seen(["math", "law", "math", "law", "law"], [False] * 5, []).usual(FEWEST).domain == "law"
    assert seen(["math", "law"] * 3, [False] * 6, []).usual(FEWEST).domain == "law"


def test_an_application_that_changes_is_told_anew() -> None:
    found = seen(["law"] * HALVED_AT, [False] * HALVED_AT, [])
    for _ in range(600):
        found = found.asked("math", True)
    assert found.usual(FEWEST).domain == "math"
    assert found.usual(FEWEST).tools > 0.5
    assert seen([], [], [*[2] * 50, *[9] * MOST_LENGTHS]).usual(FEWEST).turns == 9.0


@given(
    st.lists(st.sampled_from(["", *DOMAINS]), max_size=30),
    st.lists(st.integers(1, 100), max_size=30),
    st.integers(1, 10),
)
def test_what_is_usual_lies_within_what_was_seen(domains: list[str], lengths: list[int], fewest: int) -> None:
    usual = seen(domains, [bool(domain) for domain in domains], lengths).usual(fewest)
    assert usual.domain in ("", *domains)
    assert isnan(usual.tools) or 0.0 <= usual.tools <= 1.0
    assert isnan(usual.turns) or min(lengths) <= usual.turns <= usual.turns_p90 <= max(lengths)


def test_two_applications_that_took_turns_at_random_are_told_apart() -> None:
    chance = np.random.default_rng(7)
    found = {"agents": Application(), "helpdesk": Application()}
    for _ in range(60):
        name = str(chance.choice(list(found)))
        turns = int(chance.integers(15, 40) if name == "agents" else chance.integers(1, 5))
        for _ in range(turns):
            domain = "computer science" if chance.random() < (0.7 if name == "agents" else 0.1) else "law"
            found[name] = found[name].asked(domain, name == "agents")
        found[name] = found[name].ended(turns)
    agents, helpdesk = (found[name].usual(FEWEST) for name in ("agents", "helpdesk"))
    assert (agents.domain, helpdesk.domain) == ("computer science", "law")
    assert (agents.tools, helpdesk.tools) == (1.0, 0.0)
    assert agents.turns > 10 > helpdesk.turns_p90


def test_a_number_that_nobody_told_is_unknown() -> None:
    facts = Facts(id="r", model="auto", messages=())
    told = facts._replace(usual_tools=0.5, usual_turns=4.0, usual_turns_p90=9.0)
    for name, value in (("usual_tools", 0.5), ("usual_turns", 4.0), ("usual_turns_p90", 9.0)):
        assert not SIGNALS[name]().read(facts).known()
        assert SIGNALS[name]().read(told).value == value


def test_a_domain_that_nobody_told_is_none() -> None:
    facts = Facts(id="r", model="auto", messages=())
    read = SIGNALS["usual_domain"]().read
    assert read(facts).label == "none"
    assert read(facts._replace(usual_domain="law")).label == "law"
    assert set(DOMAINS) < set(SIGNALS["usual_domain"].labels)
