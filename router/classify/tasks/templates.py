"""Examples made from templates, for what there is no public set of."""

from collections.abc import Iterator, Mapping, Sequence

from router.classify.tasks.port import Example

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
