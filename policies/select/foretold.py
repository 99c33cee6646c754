"""What a quality head that runs elsewhere expects of each option: the reading `quality`, its scores by model."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from policies.select.port import Option
from policies.signals.reading import Readings

QUALITY = "quality"
"""The reading's name."""


def foretold(readings: Readings, options: Sequence[Option], otherwise: float) -> npt.NDArray[np.float64]:
    """Expected quality of each option, shape (options,); `otherwise` where the head was late or knows no such model."""
    return np.array([foretold_of(readings, option.model, otherwise) for option in options])


def foretold_of(readings: Readings, model: str, otherwise: float) -> float:
    """The same of one model."""
    told = readings.get(QUALITY)
    return told.scores.get(model, otherwise) if told is not None and told.known() else otherwise
