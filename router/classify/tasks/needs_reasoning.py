"""Whether an answer needs several steps of reasoning.

There is no public set for it here: the examples are made from the templates below.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from router.classify.tasks.port import Example, task
from router.classify.tasks.templates import filled

TEMPLATES = {
    "yes": (
        "prove that the sum of {topic} is even",
        "solve the equation step by step",
        "if {topic} takes 3 hours and costs 12 dollars an hour, how much do five take",
        "find the bug in this function and explain why it fails",
        "design an algorithm for {topic} and give its complexity",
        "derive the formula for {topic}",
        "plan the cheapest route that visits every town once",
        "compare two strategies for {topic} and decide which is better and why",
        "how many ways are there to arrange {topic} in a row",
        "given these constraints, find a schedule for {topic}",
    ),
    "no": (
        "what is the capital of france",
        "translate good morning to spanish",
        "hello, how are you",
        "define {topic}",
        "say thank you in german",
        "what colour is the sky",
        "list synonyms of {topic}",
        "convert this text to upper case",
        "what does {topic} mean",
        "give me a quote about {topic}",
    ),
}


@task
class NeedsReasoning:
    """Whether an answer needs several steps."""

    labels: ClassVar[tuple[str, ...]] = ("no", "yes")
    synthetic: ClassVar[bool] = True
    ridge: ClassVar[float] = 0.3
    buckets: ClassVar[int] = 2048
    outside_recall: ClassVar[float] = 0.0
    quiet: ClassVar[str] = ""

    def examples(self, data: Path) -> Iterator[Example]:
        """Templates filled in; a template is one group, so that none is on both sides of a split."""
        return filled(TEMPLATES)
