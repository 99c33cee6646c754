"""What a user says of the turn before: satisfied, unclear, wrong, different, or nothing.

There is no public set for it here: the examples are made from the templates below.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from router.classify.tasks.port import task
from router.classify.tasks.templates import Templated


@task
class Feedback(Templated):
    """What a user says of the turn before."""

    templates: ClassVar[Mapping[str, Sequence[str]]] = {
        "satisfied": (
            "thanks, that is exactly what i needed",
            "perfect, thank you",
            "great, that works now",
            "yes, {topic} makes sense now, thanks",
            "awesome, you solved it",
            "that helped a lot with {topic}, cheers",
            "wonderful, exactly right",
            "ok great, thank you for the help with {topic}",
        ),
        "unclear": (
            "i don't understand, what do you mean",
            "could you explain that more simply",
            "i am lost, what does {topic} have to do with it",
            "sorry, that is confusing",
            "can you say that again in plain words",
            "what do you mean by that",
            "that is too complicated, explain {topic} again",
            "huh? i don't follow",
        ),
        "wrong": (
            "that is not correct",
            "no, that is wrong",
            "you made a mistake about {topic}",
            "this does not work, i get an error",
            "the answer is incorrect, check again",
            "that's false, {topic} is not like that",
            "it still fails, your fix is wrong",
            "you are mistaken, try again",
        ),
        "different": (
            "that is not what i asked for",
            "i meant something else, i wanted {topic}",
            "no, i asked about {topic} instead",
            "give me another option",
            "can you do it differently",
            "i'd rather have {topic}, try another way",
            "not this one, something different please",
            "please rewrite it in another style",
        ),
        "none": (
            "what is {topic}",
            "write a short text about {topic}",
            "how do i start with {topic}",
            "compare {topic} with its alternatives",
            "list three facts on {topic}",
            "translate a sentence on {topic} to french",
            "who invented {topic}",
            "plan a lesson about {topic}",
        ),
    }
