"""Whether an answer needs facts of the world, which a model may have wrong.

There is no public set for it here: the examples are made from the templates below.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from router.classify.tasks.port import task
from router.classify.tasks.templates import Templated


@task
class NeedsFacts(Templated):
    """Whether an answer needs facts that could be wrong."""

    templates: ClassVar[Mapping[str, Sequence[str]]] = {
        "yes": (
            "who invented {topic}",
            "when was {topic} first described",
            "what is the population of the capital city",
            "how many people work on {topic} today",
            "which year did {topic} begin",
            "who won the championship last year",
            "what is the latest version of {topic}",
            "cite three sources on {topic}",
            "what does the law say about {topic}",
            "how much does {topic} cost",
        ),
        "no": (
            "write a poem about {topic}",
            "rewrite this sentence to be more polite",
            "brainstorm ten names for a blog on {topic}",
            "imagine a story in which {topic} talks",
            "summarise the text above",
            "fix the grammar of this paragraph on {topic}",
            "act as a friendly tutor for {topic}",
            "make this mail shorter",
            "suggest a title for my essay on {topic}",
            "turn this list into a table",
        ),
    }
