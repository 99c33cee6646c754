"""Reading memory by address. Compiled, each is one instruction or two (`sims.engine.native.pointers`); as plain Python
they do the same, slowly, so that every function of the loop runs uncompiled too."""

import ctypes
from math import inf, nextafter
from typing import Any

import numpy as np

from sims.engine.compiled import layout
from sims.engine.records import (
    Block,
    Engine,
    Entry,
    Event,
    Flight,
    Guess,
    Missed,
    Outcome,
    Shelf,
    Transfer,
    Turn,
    World,
)

MANY = 1 << 32
"""Items of an array of which nobody asks how long it is."""

ROUTE = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 6, ctypes.c_double, ctypes.c_int64)
"""A policy's function: addresses and counts, as `policies.native`'s routes take them."""

HAND_OVER = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 4)
"""The function that chooses who decodes: the ask, the table, its rows, the row that computed the prompt."""

IMAGES = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 3, ctypes.c_double)
"""The function that chooses who encodes: the ask, the table, its rows, visual tokens."""


class _Record:
    """A record in memory, its fields Python's own numbers."""

    __slots__ = ("_fields",)
    _fields: Any

    def __init__(self, kind: "np.dtype[np.void]", address: int) -> None:
        place = (ctypes.c_char * kind.itemsize).from_address(address)
        object.__setattr__(self, "_fields", np.frombuffer(memoryview(place), kind))

    def __getattr__(self, name: str) -> float:
        return self._fields[name].item()  # type: ignore[no-any-return]

    def __setattr__(self, name: str, value: float) -> None:
        self._fields[name] = value


def record_at(record: type, address: int, index: int = 0) -> Any:
    """The record of that index in an array at an address."""
    return _Record(layout(record), address + index * layout(record).itemsize)


def _array(item: Any, letter: Any, address: int) -> Any:
    return memoryview((item * MANY).from_address(address)).cast("B").cast(letter)


def engine(world: World, row: int) -> Engine:
    """One replica's engine."""
    return record_at(Engine, world.engines_, row)  # type: ignore[no-any-return]


def flight(world: World, index: int) -> Flight:
    """One request in flight."""
    return record_at(Flight, world.flights_, index)  # type: ignore[no-any-return]


def outcome(world: World, index: int) -> Outcome:
    """What came of one arrival."""
    return record_at(Outcome, world.outcomes_, index)  # type: ignore[no-any-return]


def event(world: World, index: int) -> Event:
    """One place of the ring."""
    return record_at(Event, world.ring_, index)  # type: ignore[no-any-return]


def missed(world: World, index: int) -> Missed:
    """One of the events that were lost."""
    return record_at(Missed, world.missed_, index)  # type: ignore[no-any-return]


def turn(world: World, index: int) -> Turn:
    """One place of the heap of turns."""
    return record_at(Turn, world.turns_, index)  # type: ignore[no-any-return]


def guess(world: World, index: int) -> Guess:
    """One place of the heap of guesses."""
    return record_at(Guess, world.guesses_, index)  # type: ignore[no-any-return]


def transfer(world: World, index: int) -> Transfer:
    """One of the transfers."""
    return record_at(Transfer, world.transfers_, index)  # type: ignore[no-any-return]


def entry(owner: Engine, index: int) -> Entry:
    """One place of the heap of those that decode."""
    return record_at(Entry, owner.heap_, index)  # type: ignore[no-any-return]


def block(owner: Engine | Shelf, slot: int) -> Block:
    """One slot of a cache."""
    return record_at(Block, owner.blocks_, slot)  # type: ignore[no-any-return]


def history(world: World, row: int) -> Shelf:
    """What the router remembers of having sent to one replica."""
    return record_at(Shelf, world.histories_, row)  # type: ignore[no-any-return]


def host(world: World, row: int) -> Shelf:
    """One replica's host memory."""
    return record_at(Shelf, world.hosts_, row)  # type: ignore[no-any-return]


def disk(world: World, row: int) -> Shelf:
    """One replica's disk."""
    return record_at(Shelf, world.disks_, row)  # type: ignore[no-any-return]


def integers(address: int) -> Any:
    """An array of int64."""
    return _array(ctypes.c_int64, "q", address)


def smalls(address: int) -> Any:
    """An array of int32."""
    return _array(ctypes.c_int32, "i", address)


def floats(address: int) -> Any:
    """An array of float64."""
    return _array(ctypes.c_double, "d", address)


def just_after(time: float) -> float:
    """The next greater float of a time that is not negative."""
    return nextafter(time, inf)


def lowest_bit(word: int) -> int:
    """The place of the lowest bit set in a word that is not 0."""
    return (word & -word).bit_length() - 1


def called(
    function: int, ask: int, table: int, rows: int, cached: int, settings: int, n: int, now: float, told: int
) -> int:
    """The answer of the function at an address, see `ROUTE`."""
    return int(ROUTE(function)(ask, table, rows, cached, settings, n, now, told))


def encoder_of(function: int, ask: int, table: int, rows: int, visual_tokens: float) -> int:
    """The answer of the function at an address, see `IMAGES`."""
    return int(IMAGES(function)(ask, table, rows, visual_tokens))


def handed(function: int, ask: int, table: int, rows: int, row: int) -> int:
    """The answer of the function at an address, see `HAND_OVER`."""
    return int(HAND_OVER(function)(ask, table, rows, row))
