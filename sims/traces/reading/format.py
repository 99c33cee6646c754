"""What a trace format is, and the registry of them."""

from typing import ClassVar, Protocol

from policies.registry import Registry
from sims.arrival import Arrival
from sims.traces.reading.row import Row


class Format(Protocol):
    """Knows the columns of one kind of trace; a frozen dataclass whose fields are its options."""

    columns: ClassVar[tuple[str, ...]]  # what a row must have; a file that has them all is taken for this format

    @property
    def quantum_s(self) -> float:
        """Rows of one time are spread evenly over this many seconds; 0 leaves times as they are."""

    def time(self, row: Row) -> float:
        """Seconds of a row, from any origin; must not fall from row to row."""

    def arrival(self, row: Row, at: float) -> Arrival:
        """The row as an arrival at `at` seconds; raises `BadTrace`."""


TRACES: Registry[type[Format]] = Registry("trace format", "sims.traces")
trace = TRACES.register
