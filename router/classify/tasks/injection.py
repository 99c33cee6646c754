"""Whether a text carries instructions that its user did not write."""

from typing import ClassVar

from router.classify.tasks.guard import OneKind
from router.classify.tasks.port import task


@task
class Injection(OneKind):
    """Whether a prompt carries somebody else's instructions."""

    kinds: ClassVar[tuple[str, ...]] = ("prompt_injection",)
