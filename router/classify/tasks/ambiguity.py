"""How clear a question is: clear, resolvable, ambiguous or unanswerable (AQuA's four).

There is no public set for it here: the examples are made from the templates below.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from router.classify.tasks.port import task
from router.classify.tasks.templates import Templated


@task
class Ambiguity(Templated):
    """How clear a question is."""

    templates: ClassVar[Mapping[str, Sequence[str]]] = {
        "clear": (
            "what is the boiling point of water at sea level",
            "explain how {topic} works for a beginner",
            "write a python function that reverses a string",
            "list the steps to set up {topic} on linux",
            "translate the word bread to italian",
            "give three advantages of {topic}",
            "when did the second world war end",
            "how do i sort a list of numbers in java",
        ),
        "resolvable": (
            "how do i open it, the {topic} file i mean",
            "who is the president",
            "what is the weather like today",
            "how far is it to the airport",
            "what time does it start here",
            "is {topic} open now",
            "what is the exchange rate",
            "how old is the king",
        ),
        "ambiguous": (
            "is it better",
            "how do i fix this",
            "what about the other one",
            "can you make it good",
            "tell me about the bank",
            "which one should i take",
            "do it again but not like that",
            "how long does it take",
        ),
        "unanswerable": (
            "what did i dream of last night",
            "what number am i thinking of",
            "who will win {topic} in fifty years",
            "what will the share price be tomorrow at noon",
            "what does my neighbour think of {topic}",
            "what is written on the note in my pocket",
            "when exactly will i get married",
            "what happened before anything happened",
        ),
    }
