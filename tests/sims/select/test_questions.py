"""Which question an arrival asks, how long its answers are, and what the served one was judged."""

from dataclasses import replace

import numpy as np
import pytest

from sims.arrivals import Arrivals
from sims.select.questions import LONGEST, served_quality
from tests.sims.select.scenes import arrivals, questions


def test_a_seed_asks_the_same_questions_again_and_another_seed_others() -> None:
    first, again, other = (questions().asked(arrivals(), seed).question.tolist() for seed in (1, 1, 2))
    assert first == again != other


def test_an_arrival_of_a_topic_asks_a_question_of_that_topic() -> None:
    told = questions()
    found = told.asked(arrivals(60, topics=["law", "physics", "law"] * 20), 0)
    assert [told.topics[i] for i in found.question[:3]] == ["law", "physics", "law"]
    assert len(set(found.question.tolist())) > 10


def test_a_topic_that_no_question_has_is_an_error() -> None:
    with pytest.raises(ValueError, match="no question of topic 'cooking'"):
        questions().asked(arrivals(2, topics=["law", "cooking"]), 0)


def test_an_answer_is_as_much_longer_as_the_model_is_more_talkative() -> None:
    found = questions().asked(arrivals(), 0)
    assert found.tokens[0].tolist() == [75, 25]
    wild = replace(questions(), out_tokens=np.tile([1e4, 1.0], (40, 1)))
    assert wild.asked(arrivals(), 0).tokens[0].tolist() == [round(50 * 1e4 / 5000.5), round(50 / LONGEST)]


def test_lengths_that_nobody_told_are_the_traces_own() -> None:
    unknown = replace(questions(), out_tokens=np.full((40, 2), np.nan))
    assert unknown.asked(arrivals(), 0).tokens[0].tolist() == [50, 50]


def test_the_quality_is_of_the_model_that_served_and_nothing_where_none_did() -> None:
    found = questions().asked(arrivals(3, topics=["physics"] * 3), 0)
    replica = np.array([0, 2, -1], np.int32)
    assert served_quality(found, [0, 0, 1], replica).tolist() == [0.0, 1.0, 0.0]


def test_topics_stay_with_their_arrivals() -> None:
    told = arrivals(4, topics=["law", "physics", "physics", "law"])
    kept = told.chosen(np.array([2, 0]))
    assert [each.topic for each in kept] == ["physics", "law"]
    assert [each.topic for each in Arrivals.of(list(told))] == ["law", "physics", "physics", "law"]
    assert [each.topic for each in arrivals(2)] == ["", ""]
