"""What the front process keeps: lessons for later workers and runs, and where a canary stands."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from policies.canary import Stage
from policies.select.port import Context, Feedback
from policies.signals.reading import Reading
from router.auto import evidence
from router.auto.canary_metrics import canary_metrics
from router.auto.evidence import Evidence, canary, staged
from router.auto.lessons import Lesson, decode, encode, feedback, lesson
from router.frames import LESSONS, STAGE

LEARN: dict[str, Any] = {"policy": "ucb", "memory": "learned", "objective": {"worth_usd": 1.0}}
CANARY = LEARN | {"canary": {"policy": "thompson", "least": 40, "rest_s": 100.0}}


class Heard:
    """Evidence that says to a list."""

    def __init__(self, folder: Path, learn: dict[str, Any] = LEARN) -> None:
        self.said: list[str] = []
        self.kept = Evidence(learn, folder, 0.0, self.said.append)

    def hears(self, lessons: Sequence[Lesson], now: float = 1.0) -> list[bytes]:
        return self.kept.heard(encode(list(lessons)), now)

    def lessons(self) -> list[Lesson]:
        return [one for each in self.kept.messages() if each[:1] == LESSONS for one in decode(each[1:])]


def told(policy: str, quality: float, at: int = 0, failure: str = "") -> Lesson:
    return Lesson(id=f"{policy}-{at}", model="m", quality=quality, at_s=float(at), policy=policy, failure=failure)


def test_a_lesson_is_feedback_and_back_with_the_readings_that_learners_go_by() -> None:
    readings = {"domain": Reading(0.8, "law", {"law": 0.8}), "difficulty": Reading(0.4)}
    asked = Context("r", np.array([0.5, 1.0]), readings, "acme", "s", "small")
    given = Feedback(asked, "large", "p", 0.25, 0.75, 0.01, 7.0, "timeout", 0.5)
    [sent] = decode(encode([lesson(given, "ucb", "c")]))
    again = feedback(sent, "c")
    assert again.context.features.tolist() == [0.5, 1.0]
    assert again.context.readings == {"domain": readings["domain"]}
    assert again._replace(context=asked) == given
    assert (again.context.tenant, again.context.session, again.context.last_model) == ("acme", "s", "small")


def test_features_of_other_columns_are_left_out() -> None:
    given = Feedback(Context("r", np.array([0.5])), "m", "p", 1.0, 1.0, 0.0, 0.0)
    assert feedback(lesson(given, "ucb", "these"), "others").context.features.tolist() == []


def test_a_worker_that_starts_is_told_all_lessons(tmp_path: Path) -> None:
    heard = Heard(tmp_path)
    assert heard.kept.messages() == []
    heard.hears([told("ucb", 1.0)])
    heard.hears([told("ucb", 0.0, 1)])
    assert [one.quality for one in heard.lessons()] == [1.0, 0.0]


def test_what_was_learned_outlives_the_router(tmp_path: Path) -> None:
    Heard(tmp_path).hears([told("ucb", 0.5)])
    again = Heard(tmp_path)
    assert [one.quality for one in again.lessons()] == [0.5]
    again.hears([told("ucb", 0.25)])
    assert [one.quality for one in Heard(tmp_path).lessons()] == [0.5, 0.25]


@pytest.mark.parametrize("cut", [1, 3, 9])
def test_a_file_that_ends_half_way_loses_its_last_lessons_only(tmp_path: Path, cut: int) -> None:
    heard = Heard(tmp_path)
    for at in range(3):
        heard.hears([told("ucb", 0.5, at)])
    path = tmp_path / "learned"
    path.write_bytes(path.read_bytes()[:-cut])
    again = Heard(tmp_path)
    assert [one.at_s for one in again.lessons()] == [0.0, 1.0]
    assert len(again.said) == 1
    assert "broken" in again.said[0]
    third = Heard(tmp_path)
    assert (len(third.lessons()), third.said) == (2, [])


def test_the_file_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "MOST", 10)
    heard = Heard(tmp_path)
    for at in range(60):
        heard.hears([told("ucb", 0.5, at)])
    assert len(heard.lessons()) == 10
    assert len((tmp_path / "learned").read_bytes()) < 10 * 3 * 120
    assert [one.at_s for one in Heard(tmp_path).lessons()][-1] == 59.0


def test_a_folder_that_takes_no_file_is_complained_of_once(tmp_path: Path) -> None:
    heard = Heard(tmp_path / "nowhere")
    for at in range(3):
        heard.hears([told("ucb", 0.5, at)])
    assert len(heard.said) == 1
    assert len(heard.lessons()) == 3


def test_what_cannot_be_read_is_complained_of_once_and_learning_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "learned").mkdir()
    heard = Heard(tmp_path)
    heard.hears([told("ucb", 1.0)])
    assert [one.partition(":")[0] for one in heard.said] == ["what was learned cannot be read"]
    assert len(heard.lessons()) == 1


def test_without_a_file_nothing_is_written(tmp_path: Path) -> None:
    Heard(tmp_path, {"policy": "ucb"}).hears([told("ucb", 0.5)])
    assert list(tmp_path.iterdir()) == []


def trial(heard: Heard, new: float, old: float, failure: str = "") -> list[bytes]:
    """Sixty requests of either policy, a little scattered; what workers were told."""
    out = []
    for at in range(60):
        shake = 0.02 * (at % 3 - 1)
        out += heard.hears([told("ucb", old + shake, at), told("thompson", new + shake, at, failure)], now=float(at))
    return out


def test_a_canary_that_is_surely_better_takes_over_and_it_is_said_once(tmp_path: Path) -> None:
    heard = Heard(tmp_path, CANARY)
    messages = trial(heard, 0.9, 0.5)
    assert len(messages) == len(heard.said) == 1
    assert "canary thompson is promoted: better by 0.4" in heard.said[0]
    worker = staged(canary(CANARY), messages[0][1:])
    assert worker is not None
    assert (worker.stage, worker.serves("any")) == (Stage.PROMOTED, "thompson")


@pytest.mark.parametrize(("new", "failure"), [(0.2, ""), (0.5, "provider")])
def test_a_canary_that_is_worse_or_fails_is_rolled_back_and_may_try_again_later(
    tmp_path: Path, new: float, failure: str
) -> None:
    heard = Heard(tmp_path, CANARY)
    [message] = trial(heard, new, 0.5, failure)
    worker = staged(canary(CANARY), message[1:])
    assert worker is not None
    assert {worker.serves(f"{i}") for i in range(200)} == {"ucb"}
    assert heard.kept.again(50.0) == []
    [again] = heard.kept.again(1000.0)
    assert again[:1] == STAGE
    assert "begun again" in heard.said[-1]


def test_where_a_canary_stands_outlives_the_router(tmp_path: Path) -> None:
    trial(Heard(tmp_path, CANARY), 0.9, 0.5)
    again = Heard(tmp_path, CANARY).kept.canary
    assert again is not None
    assert again.stage is Stage.PROMOTED


def test_a_policys_bill_counts_against_it(tmp_path: Path) -> None:
    heard = Heard(tmp_path, CANARY)
    lessons = [told(policy, 0.9, at) for at in range(30) for policy in ("ucb", "thompson")]
    for one in lessons:
        one.usd = 0.5 if one.policy == "thompson" else 0.0
    heard.hears(lessons)
    assert heard.kept.canary is not None
    assert heard.kept.canary.stage is Stage.ROLLED_BACK


def test_the_canary_shows_in_the_metrics(tmp_path: Path) -> None:
    heard = Heard(tmp_path, CANARY)
    trial(heard, 0.9, 0.5)
    stage, mean, seen = canary_metrics(heard.kept.canary)
    assert {one.labels["stage"]: one.value for one in stage.samples}["promoted"] == 1.0
    assert {one.labels["policy"] for one in mean.samples} == {"ucb", "thompson"}
    assert len(seen.samples) == 2
    assert [family.samples for family in canary_metrics(None)] == [[], [], []]
