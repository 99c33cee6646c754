"""What teaches and what is tested: folds of the open rows, or the open rows for another folder's."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from bench.select.folds import Rows, folds

OPEN = Path(__file__).parents[3] / "shared" / "data"


class Table(Protocol):
    """Rows of one data set."""

    @property
    def texts(self) -> Sequence[str]:
        """What a request would say."""

    def chosen(self, index: Rows) -> "Table":
        """Some rows."""


T = TypeVar("T", bound=Table)


def taught_and_tested(read: Callable[[Path], T], data: Path, opened: Path = OPEN) -> Iterator[tuple[T, T]]:
    """(taught, tested): five folds by text where `data` is the open folder or there is none, else one pair."""
    tested = read(data)
    if data.resolve() != opened.resolve() and opened.is_dir():
        taught = read(opened)
        known = set(tested.texts)
        yield taught.chosen(np.array([i for i, text in enumerate(taught.texts) if text not in known])), tested  # type: ignore[misc]
        return
    for train, test in folds(list(tested.texts)):
        yield tested.chosen(train), tested.chosen(test)  # type: ignore[misc]
