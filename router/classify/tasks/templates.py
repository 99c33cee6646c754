"""Examples made from templates, for what there is no public set of."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from router.classify.tasks.port import Example
from router.classify.tasks.settings import Settings

TOPICS = (
    "photosynthesis", "the spreadsheet", "beekeeping", "my garden", "solar panels", "the login page", "chess openings",
    "tax returns", "sourdough", "the database", "guitar chords", "insulation",
)  # fmt: skip
OPENINGS = ("", "hey, ", "so ", "please: ")
TOPIC = "{topic}"


def filled(templates: Mapping[str, Sequence[str]]) -> Iterator[Example]:
    """Every template with topics and openings, its label, and itself as the group."""
    for label, several in templates.items():
        for template in several:
            topics = TOPICS if TOPIC in template else ("",)
            for at, topic in enumerate(topics):
                for opening in OPENINGS if len(topics) == 1 else (OPENINGS[at % len(OPENINGS)],):
                    yield Example(f"{opening}{template.replace(TOPIC, topic)}", label, template)


class Templated(Settings):
    """A task whose labels are those of its templates, in their order."""

    templates: ClassVar[Mapping[str, Sequence[str]]]
    synthetic: ClassVar[bool] = True

    def __init_subclass__(cls) -> None:
        cls.labels = tuple(cls.templates)

    def examples(self, data: Path) -> Iterator[Example]:
        """Templates filled in; a template is one group, so that none is on both sides of a split."""
        return filled(self.templates)
