"""The compiled loop behind one C function. Imports numba."""

from typing import Any
from unittest import mock

from numba import cfunc, types
from numba.core.cpu import CPUContext
from numba.extending import register_jitable

from policies.kv.expected import expected_until
from policies.perf import step
from policies.request import mix31
from sims.engine import control
from sims.engine.compiled import COMPILED
from sims.engine.native import pointers
from sims.engine.records import World

UNCALLED = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""What is only called from compiled code needs no other way in."""


def _nothing(*_: Any) -> Any:
    """A built-in function of its own, as numba wants one, that nobody calls."""
    return [].append


def entry() -> Any:
    """`asked(address of the world, what, argument)` as a compiled C function."""
    pointers.enter()
    for function in [
        step.distinct_experts,
        step.model_seconds,
        step.step_seconds,
        mix31,
        expected_until,
        *COMPILED,
    ]:
        register_jitable(error_model="numpy", fastmath=False, **UNCALLED)(function)
    world_at, asked = pointers.record_at(World), control.asked

    # The functions are only ever called by one another: making each of them executable would cost as much again.
    with mock.patch.object(CPUContext, "get_executable", _nothing):

        @cfunc(types.int64(types.int64, types.int64, types.int64), error_model="numpy")
        def run(address, what, argument):  # type: ignore[no-untyped-def]
            return asked(world_at(address), what, argument)

    return run
