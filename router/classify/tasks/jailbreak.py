"""Whether a prompt asks for harm, openly or by talking the model out of its rules."""

from typing import ClassVar

from router.classify.tasks.guard import OneKind
from router.classify.tasks.port import task


@task
class Jailbreak(OneKind):
    """Whether a prompt asks for harm, openly or by a trick."""

    kinds: ClassVar[tuple[str, ...]] = ("harmful", "jailbreak")
