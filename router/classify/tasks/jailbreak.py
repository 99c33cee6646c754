"""Whether a prompt asks for harm, openly or by talking the model out of its rules."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from router.classify.tasks.guard import ORDINARY, SERVED, Guard
from router.classify.tasks.port import Example, task

KINDS = ("harmful", "jailbreak")  # of the guard's


@task
class Jailbreak:
    """Whether a prompt asks for harm, openly or by a trick."""

    labels: ClassVar[tuple[str, ...]] = ("no", "yes")
    synthetic: ClassVar[bool] = False
    ridge: ClassVar[float] = Guard.ridge
    buckets: ClassVar[int] = Guard.buckets
    outside_recall: ClassVar[float] = 0.0
    quiet: ClassVar[str] = "no"

    def examples(self, data: Path) -> Iterator[Example]:
        """The guard's examples; everyday prompts count more, as rules act on this."""
        for each in Guard().examples(data):
            counts = SERVED if each.group.startswith(ORDINARY) else each.counts
            yield each._replace(label="yes" if each.label in KINDS else "no", counts=counts)
