"""What a quality head is: features in, the expected quality of every model out."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Quality(Protocol):
    """Expected quality, 0..1; one request or many at once, the same answer either way."""

    def expect(self, features: Floats) -> Floats:
        """Of features shaped (features,) or (requests, features) the quality of each model on the last axis."""
