"""Whether a person or a program speaks: a chat, or an agent among its tools.

There is no public set for it here: the examples are made from the templates below.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from router.classify.tasks.port import task
from router.classify.tasks.templates import Templated


@task
class Audience(Templated):
    """Whether a person or a program speaks."""

    templates: ClassVar[Mapping[str, Sequence[str]]] = {
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
