"""What an engine tells of its prefix cache."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Blocks that entered the cache: consecutive ones of one job, `first` the index of the first of them."""

    hashes: tuple[int, ...]
    parent: int | None  # the hash before them in the chain
    job: str
    first: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """Blocks that were evicted, in that order."""

    hashes: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleared:
    """The whole cache was emptied."""


KvEvent = Stored | Removed | Cleared
