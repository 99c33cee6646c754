"""Reading memory by address. These exist only compiled, see `sims.engine.native.pointers`; here they are types."""

from typing import Any

from sims.engine.records import Block, Engine, Entry, Event, Flight, Outcome, Shelf, Transfer, Turn, World


def engine(world: World, row: int) -> Engine:
    """One replica's engine."""
    raise NotImplementedError


def flight(world: World, index: int) -> Flight:
    """One request in flight."""
    raise NotImplementedError


def outcome(world: World, index: int) -> Outcome:
    """What came of one arrival."""
    raise NotImplementedError


def event(world: World, index: int) -> Event:
    """One place of the ring."""
    raise NotImplementedError


def turn(world: World, index: int) -> Turn:
    """One place of the heap of turns."""
    raise NotImplementedError


def transfer(world: World, index: int) -> Transfer:
    """One of the transfers."""
    raise NotImplementedError


def entry(owner: Engine, index: int) -> Entry:
    """One place of the heap of those that decode."""
    raise NotImplementedError


def block(owner: Engine | Shelf, slot: int) -> Block:
    """One slot of a cache."""
    raise NotImplementedError


def history(world: World, row: int) -> Shelf:
    """What the router remembers of having sent to one replica."""
    raise NotImplementedError


def host(world: World, row: int) -> Shelf:
    """One replica's host memory."""
    raise NotImplementedError


def disk(world: World, row: int) -> Shelf:
    """One replica's disk."""
    raise NotImplementedError


def integers(address: int) -> Any:
    """An array of int64."""
    raise NotImplementedError


def smalls(address: int) -> Any:
    """An array of int32."""
    raise NotImplementedError


def floats(address: int) -> Any:
    """An array of float64."""
    raise NotImplementedError


def just_after(time: float) -> float:
    """The next greater float of a time that is not negative."""
    raise NotImplementedError


def lowest_bit(word: int) -> int:
    """The place of the lowest bit set in a word that is not 0."""
    raise NotImplementedError


def called(
    function: int, ask: int, table: int, rows: int, cached: int, settings: int, n: int, now: float, told: int
) -> int:
    """The answer of the function at an address, of the C type of `policies.native`'s routes."""
    raise NotImplementedError
