"""The settings that tasks share: each names only what it sets otherwise."""

from typing import ClassVar


class Settings:
    """A head's settings as most tasks have them."""

    labels: ClassVar[tuple[str, ...]] = ()
    synthetic: ClassVar[bool] = False
    ridge: ClassVar[float] = 0.3
    buckets: ClassVar[int] = 2048
    outside_recall: ClassVar[float] = 0.0
    reads: ClassVar[str] = ""
    quiet: ClassVar[str] = ""
