"""Whether a text carries instructions that its user did not write."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from router.classify.tasks.guard import ORDINARY, SERVED, Guard
from router.classify.tasks.port import Example, task

KINDS = ("prompt_injection",)  # of the guard's


@task
class Injection:
    """Whether a prompt carries somebody else's instructions."""

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
