"""Which rows teach and which are tested: folds of one folder, or one folder's rows for another's."""

from collections.abc import Iterator
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]
FOLDS = 5


def folds(keys: list[str], count: int = FOLDS, salt: str = "") -> Iterator[tuple[Rows, Rows]]:
    """(taught, tested) rows; a row's fold is its key's hash, so rows of one key never part."""
    digests = (blake2b((salt + key).encode("utf-8", "replace"), digest_size=4).digest() for key in keys)
    fold = np.array([int.from_bytes(digest, "big") % count for digest in digests])
    for each in range(count):
        yield np.flatnonzero(fold != each), np.flatnonzero(fold == each)
