"""Whether a prompt attacks, and how: two levels, attack or not by the sum of the kinds, then which kind."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from router.classify.ngrams import hashed
from router.classify.tasks.port import Example, task
from router.classify.tasks.reading import rows
from router.classify.tasks.settings import Settings

ORDINARY = "ordinary "
"""How the groups of everyday prompts begin: they teach what is no attack."""
SOURCES = (
    ("arena_hard/prompts.jsonl.gz", "prompt", 1),
    ("clinc150/train_val.jsonl.gz", "text", 60),
    ("mmlu_pro/questions.jsonl.gz", "question", 20),
    ("llmrouter_dc/scores.jsonl.gz", "prompt", 10),
)
"""File, column, and of how many rows one is taken."""


SERVED = 0.3  # how much an everyday prompt counts where rules act on the answer
EVERYDAY = 0.04  # how much an everyday prompt counts: more keeps them quieter and tells look-alikes worse


@task
class Guard(Settings):
    """Whether a prompt attacks: harmful by itself, a jailbreak, or an injection; look-alikes are benign."""

    reads: ClassVar[str] = "safety_prompts/prompts.jsonl.gz"
    labels: ClassVar[tuple[str, ...]] = ("benign", "harmful", "jailbreak", "prompt_injection")
    ridge: ClassVar[float] = 3.0
    quiet: ClassVar[str] = "benign"

    def examples(self, data: Path) -> Iterator[Example]:
        """Labelled prompts, then everyday ones where the folder has them."""
        for row in rows(data / "safety_prompts" / "prompts.jsonl.gz"):
            yield Example(row["text"], row["label"], row["text"])
        for name, column, one_of in SOURCES:
            if (data / name).is_file():
                for row in rows(data / name):
                    text = row[column].strip()
                    if hashed(text) % one_of == 0:
                        yield Example(text, "benign", f"{ORDINARY}{text}", EVERYDAY)


class OneKind(Settings):
    """Whether a prompt is an attack of some of the guard's kinds; everyday prompts count more, as rules act on this."""

    reads: ClassVar[str] = Guard.reads
    labels: ClassVar[tuple[str, ...]] = ("no", "yes")
    ridge: ClassVar[float] = Guard.ridge
    quiet: ClassVar[str] = "no"
    kinds: ClassVar[tuple[str, ...]]  # of the guard's labels

    def examples(self, data: Path) -> Iterator[Example]:
        """The guard's examples."""
        for each in Guard().examples(data):
            counts = SERVED if each.group.startswith(ORDINARY) else each.counts
            yield each._replace(label="yes" if each.label in self.kinds else "no", counts=counts)
