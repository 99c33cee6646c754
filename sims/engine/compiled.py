"""Functions that exist only as machine code, and the plain records they read: what numba is told and mypy checks."""

from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, TypeVar, get_type_hints

import numpy as np

F = TypeVar("F", bound=Callable[..., Any])

COMPILED: list[Callable[..., Any]] = []
"""Every function marked so far, callees before callers."""

Small = Annotated[int, np.int32]
"""A record's field of four bytes."""


def compiled(function: F) -> F:
    """Mark a function as part of the compiled loop; nothing here imports a compiler."""
    COMPILED.append(function)
    return function


@cache
def layout(record: type) -> np.dtype[np.void]:
    """A record class as C would lay it out: int is 8 bytes, float is 8, Small is 4."""
    kinds = {int: np.int64, float: np.float64, Small: np.int32}
    hints = get_type_hints(record, include_extras=True)
    return np.dtype([(name, kinds[kind]) for name, kind in hints.items()], align=True)
