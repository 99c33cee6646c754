"""Whether an answer needs several steps of reasoning.

There is no public set for it here: the examples are made from the templates below.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from router.classify.tasks.port import task
from router.classify.tasks.templates import Templated


@task
class NeedsReasoning(Templated):
    """Whether an answer needs several steps."""

    templates: ClassVar[Mapping[str, Sequence[str]]] = {
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
