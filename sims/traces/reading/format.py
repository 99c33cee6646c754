"""What a trace format is, and the registry of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

from policies.registry import Registry
from sims.arrival import Arrival
from sims.arrivals import Arrivals
from sims.traces.reading.row import Row


class Format(Protocol):
    """Knows the columns of one kind of trace; a frozen dataclass whose fields are its options."""

    columns: ClassVar[tuple[str, ...]]  # what a row must have; a file that has them all is taken for this format

    @property
    def quantum_s(self) -> float:
        """Rows of one time are spread evenly over this many seconds; 0 leaves times as they are."""

    def time(self, row: Row) -> float:
        """Seconds of a row, from any origin; must not fall from row to row unless the format is `Unordered`."""

    def arrival(self, row: Row, at: float) -> Arrival | None:
        """The row as an arrival at `at` seconds, None where it is no request; raises `BadTrace`."""


@runtime_checkable
class Unordered(Protocol):
    """A format whose rows are written when requests end: they are read whole and put in the order of time."""

    def key(self, row: Row) -> str:
        """Whose row it is: of several rows of one request the last counts; empty when every row is its own."""


@runtime_checkable
class Conversing(Protocol):
    """A format that names sessions and does not number their turns, but knows how long each request took."""

    @property
    def closed(self) -> bool:
        """Whether a turn waits for the end of the one before it, as long as it did then; else times rule."""

    @property
    def grows(self) -> int:
        """Where no blocks are told: turns of a session continue its prompt, in blocks of so many tokens; 0 for no."""

    def lasted_s(self, row: Row) -> float:
        """Seconds from the request's arrival to its end; nan where that is not told."""


@runtime_checkable
class Dated(Protocol):
    """A format whose times are not counted from its first row."""

    def origin_s(self) -> float:
        """The time that is 0 seconds."""


@runtime_checkable
class Whole(Protocol):
    """A format whose rows are no requests but what requests are drawn from."""

    columns: ClassVar[tuple[str, ...]]

    def arrivals(self, path: Path) -> Iterator[Arrival]:
        """Every arrival of the file, times from 0 on; raises `BadTrace`."""

    def batches(self, path: Path) -> Iterator[Arrivals]:
        """The same as columns, a piece at a time."""


TRACES: Registry[type[Format] | type[Whole]] = Registry("trace format", "sims.traces")
trace = TRACES.register
