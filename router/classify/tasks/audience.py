"""Whether a person or a program speaks: a chat, or an agent among its tools.

There is no public set for it here: the examples are made from the templates below.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from router.classify.tasks.port import Example, task
from router.classify.tasks.templates import filled

TEMPLATES = {
    "chat": (
        "hi, can you help me with {topic}",
        "what do you think about {topic}",
        "please write me a mail about {topic}",
        "i'm bored, tell me a joke",
        "how was {topic} invented",
        "could you explain {topic} to my son",
        "thanks, and what about tomorrow",
        "my boss wants a summary of {topic}",
    ),
    "agent": (
        "you are an autonomous agent. use the tools to finish the task: {topic}",
        "observation: command exited with status 1. decide the next action",
        'tool result: {"status": "ok", "items": 3}',
        "thought: i should search for {topic}. action: search",
        "execute the plan step 2 of 5 and report the outcome as json",
        "you have access to the following functions: read_file, run_tests. fix {topic}",
        "<tool_response>file not found: main.py</tool_response>",
        "given the current state of the page, return the next browser action for {topic}",
    ),
}


@task
class Audience:
    """Whether a person or a program speaks."""

    labels: ClassVar[tuple[str, ...]] = ("chat", "agent")
    synthetic: ClassVar[bool] = True
    ridge: ClassVar[float] = 0.3
    buckets: ClassVar[int] = 2048
    outside_recall: ClassVar[float] = 0.0
    quiet: ClassVar[str] = ""

    def examples(self, data: Path) -> Iterator[Example]:
        """Templates filled in; a template is one group, so that none is on both sides of a split."""
        return filled(TEMPLATES)
