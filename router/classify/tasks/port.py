"""What a task is: a name, labels, and where its examples come from."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, NamedTuple, Protocol

from policies.registry import Registry


class Example(NamedTuple):
    """A text and its label; texts of one group are never on both sides of a split."""

    text: str
    label: str  # a task's label, or OUTSIDE
    group: str
    counts: float = 1.0  # how much it counts in training


OUTSIDE = ""
"""The label of an example that belongs to no class: it teaches when to abstain."""


class Task(Protocol):
    """One classification that a head is trained for."""

    labels: ClassVar[tuple[str, ...]]  # () where the examples say
    synthetic: ClassVar[bool]  # examples are made from templates here, so figures tell of templates only
    ridge: ClassVar[float]
    buckets: ClassVar[int]  # of n-grams; more for long texts
    outside_recall: ClassVar[float]  # share of outside examples to abstain on; 0 where it never abstains
    reads: ClassVar[str]  # the files of a data folder that it learns from, as a pattern; empty where none are needed
    quiet: ClassVar[str]  # the label on which a guard does not fire; empty for what is no guard

    def examples(self, data: Path) -> Iterator[Example]:
        """All examples in a data folder; raises `OSError` where its files are absent."""


TASKS: Registry[type[Task]] = Registry("head", "router.classify.tasks")
task = TASKS.register
