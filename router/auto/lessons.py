"""What became of choices, as workers tell one another and as it is kept: enough for any learner to learn from."""

from collections.abc import Sequence

import msgspec
import numpy as np

from policies.select.foretold import QUALITY
from policies.select.model_reputation import DOMAIN
from policies.select.objective import TURNS_LEFT
from policies.select.port import Context, Feedback
from policies.signals.reading import Reading

READ = frozenset({QUALITY, DOMAIN, TURNS_LEFT})
"""The readings that learners go by; the others are in the features, if anywhere."""


class Lesson(msgspec.Struct, array_like=True, gc=False):
    """One settled choice, or two models compared; numbers as in `Feedback`."""

    id: str
    model: str
    quality: float  # with `against`: the model's score, 1 it was better, 0 worse
    at_s: float
    against: str = ""  # the model that it was compared with
    pool: str = ""
    usd: float = float("nan")
    propensity: float = 1.0
    failure: str = ""
    weight: float = 1.0
    policy: str = ""  # by whose choice
    tenant: str = ""
    session: str = ""
    last_model: str = ""
    columns: str = ""  # what the features are
    features: list[float] = []
    readings: dict[str, tuple[float, str, dict[str, float]]] = {}


class Said(msgspec.Struct, array_like=True, gc=False):
    """A verdict on its way to the worker that made the choice."""

    decision: str
    rating: float
    against: str = ""  # the decision that it was compared with
    weight: float = 1.0
    inferred: bool = False  # whether nobody said it in words


said = msgspec.msgpack.Decoder(Said).decode
encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(list[Lesson]).decode


def lesson(told: Feedback, policy: str, columns: str) -> Lesson:
    """What others may learn from feedback."""
    of = told.context
    read = {name: each for name, each in of.readings.items() if name in READ}
    return Lesson(
        id=of.id,
        model=told.model,
        quality=told.quality,
        at_s=told.at_s,
        pool=told.pool,
        usd=told.usd,
        propensity=told.propensity,
        failure=told.failure,
        weight=told.weight,
        policy=policy,
        tenant=of.tenant,
        session=of.session,
        last_model=of.last_model,
        columns=columns,
        features=of.features.tolist(),
        readings={name: (each.value, each.label, dict(each.scores)) for name, each in read.items()},
    )


def feedback(told: Lesson, columns: str) -> Feedback:
    """The feedback again; features of other columns than the learner's now are left out."""
    features: Sequence[float] = told.features if told.columns == columns else ()
    readings = {name: Reading(value, label, scores) for name, (value, label, scores) in told.readings.items()}
    context = Context(told.id, np.array(features, np.float64), readings, told.tenant, told.session, told.last_model)
    return Feedback(
        context, told.model, told.pool, told.propensity, told.quality, told.usd, told.at_s, told.failure, told.weight
    )
