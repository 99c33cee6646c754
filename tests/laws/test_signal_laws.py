"""Every registered structural signal is total, deterministic, pure, and reads a long text as fast as a short one."""

from time import process_time

import pytest
from hypothesis import given, settings

from policies.signals.excerpt import HEAD, TAIL, excerpt
from policies.signals.facts import Facts, Message
from policies.signals.port import SIGNALS
from policies.signals.reading import Reading
from tests.laws.signal_laws import REQUESTS, fits

NAMES = SIGNALS.names()
SLOWEST_S = 0.05  # of processor time for a line of ten million characters: no law of a machine, a bound on blunders


def said(text: str, role: str = "user") -> Facts:
    return Facts("id", "auto", (Message(role, text),))


@pytest.mark.parametrize("name", NAMES)
@given(facts=REQUESTS)
@settings(max_examples=60, deadline=None)
def test_a_signal_answers_every_request_with_what_its_kind_may_say(name: str, facts: Facts) -> None:
    kind = SIGNALS[name]
    assert fits(kind, kind().read(facts))


@pytest.mark.parametrize("name", NAMES)
@given(facts=REQUESTS)
@settings(max_examples=20, deadline=None)
def test_a_signal_says_the_same_again_whoever_asks(name: str, facts: Facts) -> None:
    again = facts._replace(headers=dict(facts.headers), claims=dict(facts.claims))
    first, second = SIGNALS[name]().read(facts), SIGNALS[name]().read(again)
    assert first == second or not (first.known() or second.known())


@pytest.mark.parametrize("name", NAMES)
def test_a_signal_has_a_kind_and_labels_only_where_it_is_one(name: str) -> None:
    kind = SIGNALS[name]
    assert kind.kind in ("flag", "count", "number", "label")
    assert kind.kind == "label" or kind.labels == ()
    assert kind.__doc__


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("piece", ["a", "a ", "é", "QUJD", "\u200b", " \t", "я中", "{", "```", "SELECT "])
def test_a_line_of_ten_million_characters_is_read_in_bounded_time(name: str, piece: str) -> None:
    facts = said(piece * (10_000_000 // len(piece)))
    one = SIGNALS[name]()
    took = []
    for _ in range(3):
        begun = process_time()
        one.read(facts)
        took.append(process_time() - begun)
    assert min(took) < SLOWEST_S


@pytest.mark.parametrize("name", NAMES)
def test_the_middle_of_a_long_text_is_never_looked_at(name: str) -> None:
    head, tail = "what is this " * HEAD, "and so on " * TAIL
    one = SIGNALS[name]()
    assert one.read(said(head + tail)) == one.read(said(head + "\u200b```QUJD" * 999 + tail))


def test_an_excerpt_is_the_text_where_that_is_short() -> None:
    assert excerpt("x" * (HEAD + TAIL)) == "x" * (HEAD + TAIL)
    assert len(excerpt("x" * 10_000_000)) == HEAD + TAIL + 1


def test_an_unknown_reading_does_not_pass_for_a_known_one() -> None:
    assert not fits(SIGNALS["turns"], Reading(float("nan")))
    assert not fits(SIGNALS["turns"], Reading(0.5))
    assert not fits(SIGNALS["language"], Reading(1.0, "klingon"))
