"""Functions that run as plain Python and compile unchanged: the registry the compilers read."""

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

COMPILABLE: list[Callable[..., Any]] = []
"""Every function marked so far, in the order of definition (callees before callers)."""


def compilable(function: F) -> F:
    """Mark a function as fit for compilation; it stays a plain function, so nothing here imports a compiler."""
    COMPILABLE.append(function)
    return function
