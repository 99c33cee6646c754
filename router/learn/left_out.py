"""What a linear head expects of each judged question that it was not taught: leave-one-out, nothing trained ahead."""

import numpy as np

from policies.select.quality.port import Floats
from router.classify.static import StaticEncoder
from router.classify.weights import NoModel
from router.learn.ridge import filled, fit_ridge
from router.learn.select_head import seen
from router.learn.stacking import one_hot
from weir.judged import Judged

PENALTY = 25.0


def left_out(judged: Judged) -> Floats:
    """Expected quality, shape (questions, models), 0..1: by topic, and by text where there are texts.

    Without the static tier's table, which reads texts, topics alone tell.
    """
    features = one_hot(judged.topics)
    if all(judged.texts) and (table := _static()) is not None:
        told = seen(judged.texts, judged.prompt_tokens.tolist(), "static", lambda texts, _: table.embed(texts))
        features = np.concatenate([features, told], axis=1)
    _, answers = fit_ridge(features, filled(judged.quality), PENALTY)
    return np.clip(answers, 0.0, 1.0)


def _static() -> StaticEncoder | None:
    try:
        return StaticEncoder()
    except NoModel:
        return None
