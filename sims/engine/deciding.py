"""The policy as the address of a C function: its compiled kernel, or plain Python behind a callback."""

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from policies.boundary import bounded
from policies.cached import Cached
from policies.fleet import Table
from policies.native.library import function
from policies.policy import ROUTES, Routing
from policies.request import Ask
from sims.engine.memory import ROUTE
from sims.engine.placing import FAILED

Plain = Callable[[int, Ask, Table, Cached], int]
"""A policy in plain Python: (arrival, ask, table, cached) → row, -1 for none."""


def compiled_route(policy: Routing) -> int:
    """The address of a registered policy's compiled kernel, 0 where it is none of the registered."""
    if type(policy) not in list(ROUTES):
        return 0
    return ctypes.cast(function(f"route_{policy.name()}"), ctypes.c_void_p).value or 0  # type: ignore[arg-type]


def compiled_function(name: str) -> int:
    """The address of the function that chooses who decodes what was computed (decoder), or who encodes (encoder)."""
    return ctypes.cast(function(name), ctypes.c_void_p).value or 0  # type: ignore[arg-type]


def plain_kernel(policy: Routing) -> Plain:
    """A routing policy that nobody compiled, as a plain function."""
    kernel, settings = bounded(type(policy).kernel), policy.settings()
    return lambda i, ask, table, cached: int(kernel(ask, table, cached, settings, 0.0)[0])


class Callback:
    """A plain-Python policy as a C function over one simulation's memory; what it raises is kept for the caller."""

    def __init__(self, policy: Plain, ask: npt.NDArray[np.float64], table: Table, cached: Cached) -> None:
        self.raised: BaseException | None = None
        numbers, width, rows = memoryview(ask.data), len(Ask._fields), len(table)

        def call(*_: Any) -> int:
            try:
                *asked, index = numbers.tolist()
                row = policy(int(index), Ask(*asked), table, cached)
                if -1 <= row < rows:
                    return int(row)
                raise ValueError(f"the policy answered row {row} for arrival {int(index)}: there are {rows} replicas")
            except BaseException as problem:  # noqa: BLE001  # an exception cannot cross compiled code; it is raised again
                self.raised = problem
                return FAILED

        assert len(ask) == width + 1
        self._function = ROUTE(call)
        self.address = ctypes.cast(self._function, ctypes.c_void_p).value or 0
