"""What a signal is: a named, typed, total and deterministic reading of one request."""

from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from policies.registry import Registry
from policies.signals.facts import Facts
from policies.signals.reading import Reading

Embedding = npt.NDArray[np.float32]
"""A text's embedding: shape (dimensions,), of unit length."""


class Signal(Protocol):
    """Reads a request; run only when an active rule or selector needs it."""

    # "flag": 0 or 1 | "count": a whole number from 0 | "number" | "label" | "spans"; of those read from structure, only
    # a number may be unknown.
    kind: ClassVar[str]
    labels: ClassVar[tuple[str, ...]]  # what a label may be, () where it may be any word; () for the other kinds

    def read(self, facts: Facts) -> Reading:
        """The reading of one request."""


SIGNALS: Registry[type[Signal]] = Registry("signal", "policies.signals")
signal = SIGNALS.register
