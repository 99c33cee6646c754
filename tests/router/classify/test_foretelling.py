"""What the classifier tells learners: embeddings in few dimensions, and every model's quality."""

import numpy as np
import pytest

from policies.select.quality.linear import Linear
from router.classify.classifier import NO_MEANINGS, Classifier
from router.classify.foretelling import directions, projected
from router.classify.port import Made, Text
from router.learn.select_head import SelectHead
from tests.router.classify.made_up import vectors


class Tier:
    """The made-up words' encoder."""

    def __init__(self, name: str) -> None:
        self.name, self.width = name, 24

    def embed(self, texts: list[str]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return vectors(texts, self.name)


def made(choosing: SelectHead | None = None) -> Made:
    return Made(lambda name: Tier(name), {}, choosing)  # type: ignore[arg-type, return-value]


def read(of: Made, text: str, *names: str) -> dict[str, object]:
    [told] = Classifier(of).read([Text(text)], [frozenset(names)], [NO_MEANINGS])
    return dict(told)


def test_a_projection_is_the_same_in_every_process_and_keeps_what_is_alike_alike() -> None:
    assert directions(384, 8)[0, 0] == directions.__wrapped__(384, 8)[0, 0]
    drawn = np.random.default_rng(0).standard_normal((200, 384)).astype(np.float32)
    unit = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    found = unit @ directions(384, 8)
    assert found.std() == pytest.approx(0.5, rel=0.15)
    near = unit[0] + 0.1 * unit[1]
    near /= np.linalg.norm(near)
    close = np.linalg.norm((near - unit[0]) @ directions(384, 8))
    assert close < 0.5 * np.median(np.linalg.norm(found[1:] - found[0], axis=1))


def test_the_embedding_is_told_in_as_many_dimensions_as_were_asked_for() -> None:
    told = read(made(), "bake bread", "embedding:4")["embedding:4"]
    expected = projected(vectors(["bake bread"], "encoder")[0], "embedding:4")
    assert told == expected
    assert set(expected.scores) == {"0", "1", "2", "3"}


@pytest.mark.parametrize("name", ["embedding:", "embedding:0", "embedding:many"])
def test_dimensions_that_are_no_number_tell_nothing(name: str) -> None:
    assert not projected(np.ones(24, np.float32), name).known()


def test_every_models_quality_is_told_by_its_name_in_the_head() -> None:
    width = 24 + 13 + 13
    quality = Linear(centre=np.zeros(width), weights=np.zeros((width, 2)), mean=np.array([0.3, 1.7]))
    head = SelectHead(models=("a", "b"), tier="static", quality=quality, out_tokens=np.ones(2))
    told = read(made(head), "bake bread", "quality")["quality"]
    assert told.scores == pytest.approx({"a": 0.3, "b": 1.0})  # type: ignore[attr-defined]
    assert (told.label, told.value) == ("b", 1.0)  # type: ignore[attr-defined]


def test_without_a_head_nothing_is_told_of_quality() -> None:
    assert read(made(), "bake bread", "quality") == {}
