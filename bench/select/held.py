"""What teaches and what is tested: folds of the open rows, or the open rows for another folder's.

No row that is tested teaches: where another folder shares much with the open one folds tell, a little is left out.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from bench.select.folds import Rows, folds
from router.classify.tasks.reading import BadRow

SHARED = 0.2  # of the tested texts that may be among those that teach, for these to be other rows
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
    """(taught, tested): one pair where `data` is a folder of other rows, else five folds by text of `data`."""
    tested = read(data)
    taught = read(opened) if opened.is_dir() and data.resolve() != opened.resolve() else tested
    if len(set(tested.texts) & set(taught.texts)) <= SHARED * len(set(tested.texts)):
        yield _without(taught, tested.texts), tested
        return
    for _, test in folds(list(tested.texts)):
        some: T = tested.chosen(test)  # type: ignore[assignment]
        yield _without(taught, some.texts), some


def _without(taught: T, texts: Sequence[str]) -> T:
    asked = set(texts)
    left = [i for i, text in enumerate(taught.texts) if text not in asked]
    return taught.chosen(np.array(left, np.int64))  # type: ignore[return-value]


def same_models(taught: Sequence[str], tested: Sequence[str], data: Path) -> None:
    """Raises `BadRow` where the tested rows are of other models than those that teach."""
    if tuple(taught) != tuple(tested):
        lacking, more = sorted(set(taught) - set(tested)), sorted(set(tested) - set(taught))
        said = [f"{what} {', '.join(names)}" for what, names in (("without", lacking), ("beside", more)) if names]
        raise BadRow(f"{data} has other models than the open rows: {'; '.join(said)}")
