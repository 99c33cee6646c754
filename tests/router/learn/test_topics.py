"""What a prompt is about, by the judged questions nearest to it."""

from collections.abc import Sequence
from dataclasses import replace

from router.classify.encoder import Vectors
from router.learn.topics import topics_of
from tests.router.learn.judged_answers import WIDTH, embed, judged


class Letters:
    name, width = "letters", WIDTH

    def embed(self, texts: Sequence[str]) -> Vectors:
        return embed(texts, self.name)


def test_a_text_has_the_topic_of_the_questions_nearest_to_it() -> None:
    assert topics_of(["apples and pears", "bridges and roads"], judged(), Letters()) == ["a", "b"]


def test_a_text_that_says_nothing_has_no_topic() -> None:
    class Silent(Letters):
        def embed(self, texts: Sequence[str]) -> Vectors:
            return embed([text.strip() or "-" for text in texts], self.name)

    assert topics_of(["apples", "  "], judged(), Silent()) == ["a", ""]


def test_questions_without_a_text_have_no_vote() -> None:
    whole = judged()
    spoken = ("" if topic == "a" else text for text, topic in zip(whole.texts, whole.topics, strict=True))
    quiet = replace(whole, texts=tuple(spoken))
    assert topics_of(["apples"], quiet, Letters()) == ["b"]
