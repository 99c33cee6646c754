import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.chaos.asked import TEXT
from bench.chaos.heard import Fate, Heard, misread
from tests.chaos.requests import EXPECTED, asked, event, heard

HALF = len(EXPECTED) // 2
FIRST, SECOND = EXPECTED[:HALF], EXPECTED[HALF:]


def test_an_answer_that_is_right_in_every_byte_and_count_is_whole() -> None:
    assert heard(FIRST, SECOND).fate() is Fate.WHOLE


@pytest.mark.parametrize(
    "changes", [{"done": False}, {"ends": 0}, {"used": 3}, {"used": None}, {"trouble": ["reset"]}, {"text": FIRST}]
)
def test_whatever_is_missing_makes_it_lost(changes: dict[str, object]) -> None:
    assert heard(FIRST, SECOND, **changes).fate() is Fate.LOST


def test_two_ends_or_more_tokens_than_asked_for_are_something_twice() -> None:
    assert heard(FIRST, SECOND, ends=2).fate() is Fate.DUPLICATED
    assert heard(FIRST, SECOND, used=5).fate() is Fate.DUPLICATED


def test_another_requests_id_is_cross_wired_even_with_the_right_words() -> None:
    found = heard(FIRST, SECOND)
    found.event(event("", mark="m2"))
    assert found.fate() is Fate.CROSSED


def test_an_error_event_is_trouble() -> None:
    found = heard(FIRST)
    found.event(b'{"error":{"message":"gone"}}')
    assert found.fate() is Fate.LOST
    assert "gone" in found.trouble[0]


def test_an_unstreamed_answer_is_held_against_the_same() -> None:
    found = Heard(asked=asked(stream=False, path=TEXT))
    choice = {"text": EXPECTED, "finish_reason": "length"}
    usage = {"completion_tokens": 4}
    found.whole(msgspec.json.encode({"id": "cmpl-m1", "choices": [choice], "usage": usage}))
    assert found.fate() is Fate.WHOLE


def test_nonsense_is_raised_to_who_reads() -> None:
    with pytest.raises(msgspec.DecodeError):
        heard(FIRST).event(b"{")


@given(st.integers(0, len(EXPECTED) - 1))
def test_what_stops_early_is_lost(at: int) -> None:
    assert misread(EXPECTED, EXPECTED[:at]) is Fate.LOST


@given(st.integers(1, len(EXPECTED)), st.integers(0, len(EXPECTED) - 1))
def test_what_goes_back_is_twice(at: int, back: int) -> None:
    said = EXPECTED[:at] + EXPECTED[min(back, at - 1) :]
    if said != EXPECTED:
        assert misread(EXPECTED, said) is Fate.DUPLICATED


@given(st.integers(1, len(EXPECTED) - 20))
def test_a_hole_is_a_loss(at: int) -> None:
    said = EXPECTED[:at] + EXPECTED[at + 5 :]
    if not EXPECTED.startswith(said):
        assert misread(EXPECTED, said) in (Fate.LOST, Fate.DUPLICATED)


def test_others_words_are_cross_wired() -> None:
    assert misread(EXPECTED, FIRST + " Zwölf Boxkämpfer jagen Viktor") is Fate.CROSSED
    assert misread(EXPECTED, "Zwölf Boxkämpfer jagen Viktor") is Fate.CROSSED


def test_an_answer_and_another_one_behind_it_is_told_from_an_answer_twice() -> None:
    assert misread(EXPECTED, EXPECTED + "Zwölf Boxkämpfer jagen Viktor") is Fate.CROSSED
    assert misread(EXPECTED, EXPECTED + EXPECTED) is Fate.DUPLICATED
