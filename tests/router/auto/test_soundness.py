"""Readings that contradict themselves: as unknown as a reading that never came, and named once."""

from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.signals.learned import DOMAINS
from policies.signals.reading import UNKNOWN, Reading
from router.auto.soundness import sound
from router.complaints import Complaints
from tests.router.auto.ruled import FakeClassifier, ruled
from tests.router.routers import Routers

SOUND = {
    "domain": Reading(0.7, "law", {"law": 0.7, "math": 0.3}),
    "difficulty": Reading(0.5),
    "jailbreak": Reading(1.0),
    "output_p50": Reading(5000.0),
    "near:x": Reading(-0.5),
    "partition:x": Reading(0.9, "a", {"a": 0.9, "b": 0.1}),
    "partition:y": Reading(0.5, "", {"a": 0.5, "b": 0.5}),
    "pii": Reading(1.0),
    "injection": Reading(nan),
    "something_else": Reading(12.0),
}


def test_what_makes_sense_is_as_it_was() -> None:
    assert sound(SOUND) == (SOUND, [])


ODD: dict[str, tuple[str, Reading]] = {
    "another label than the likeliest": ("domain", Reading(0.7, "law", {"law": 0.3, "math": 0.7})),
    "a label that its scores do not know": ("domain", Reading(0.7, "law", {"math": 0.7})),
    "a label that the signal does not have": ("domain", Reading(0.7, "cooking")),
    "scores above one": ("domain", Reading(0.7, "law", {"law": 0.7, "math": 0.7})),
    "a score that is no number": ("domain", Reading(0.7, "law", {"law": nan})),
    "a score below nothing": ("domain", Reading(0.7, "law", {"law": 0.7, "math": -0.5})),
    "a probability above one": ("jailbreak", Reading(1.5)),
    "a difficulty below nothing": ("difficulty", Reading(-3.0)),
    "a cosine above one": ("near:x", Reading(1.5)),
    "an endless answer": ("output_p50", Reading(inf)),
    "an endless flag": ("jailbreak", Reading(-inf)),
    "two cells at once": ("partition:x", Reading(0.9, "b", {"a": 0.9, "b": 0.1})),
    "endless, whatever it is": ("something_else", Reading(inf)),
}


@pytest.mark.parametrize("what", ODD)
def test_what_contradicts_itself_or_its_signal_is_unknown(what: str) -> None:
    name, reading = ODD[what]
    assert sound(SOUND | {name: reading}) == (SOUND | {name: UNKNOWN}, [name])


@given(
    st.sampled_from(["domain", "difficulty", "jailbreak", "near:x", "partition:y", "output_p90", "pii", "x"]),
    st.floats(), st.sampled_from(["", "law", "math", "?"]),
    st.dictionaries(st.sampled_from(DOMAINS), st.floats(), max_size=4),
)  # fmt: skip
def test_nothing_that_a_classifier_may_say_is_too_odd(
    name: str, value: float, label: str, scores: dict[str, float]
) -> None:
    told, odd = sound({name: Reading(value, label, scores)})
    assert set(odd) <= {name}
    assert not told[name].known() or not odd


HARD = """\
fallback: {models: [small]}
rules:
  - {name: law, priority: 2, when: {signal: domain, is: [law]}, then: {models: [large]}}
  - {name: hard, priority: 1, when: {signal: difficulty, at_least: 0.5}, then: {models: [large]}}
"""


@pytest.mark.parametrize(
    "told",
    [
        {"domain": ODD["another label than the likeliest"][1]},
        {"domain": ODD["a score that is no number"][1], "difficulty": Reading(9.0)},
        {"domain": Reading(nan), "difficulty": Reading(inf)},
        {"domain": UNKNOWN, "difficulty": UNKNOWN},
    ],
)
async def test_the_fallback_serves_and_it_is_said_once(routers: Routers, told: dict[str, Any]) -> None:
    running = await ruled(routers, HARD, classifier=FakeClassifier(told))
    said: list[str] = []
    running.core.complaints = Complaints(said.append)
    async with running.caller() as caller:
        for _ in range(3):
            reply = await caller.ask(model="auto")
            assert (reply.status, reply.headers["x-weir-rule"]) == (200, "fallback")
    odd = sound(told)[1]
    assert sorted(one.split()[4] for one in said) == sorted(odd)
    assert running.core.metrics.snapshot().unread.get("odd", 0) == 3 * len(odd)
