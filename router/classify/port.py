"""What the classifier is made of: encoders by tier, and heads on what is seen through them."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from policies.signals.reading import Reading
from router.classify.encoder import Embeds
from router.classify.features import Seen

if TYPE_CHECKING:
    from router.learn.select_head import SelectHead

ENCODER, STATIC = "encoder", "static"
"""The tiers: a transformer's vectors, and the mean of a table's."""


class Text(NamedTuple):
    """What is classified: the newest question, and what the user had said the turn before."""

    text: str
    previous: str = ""


class Head(Protocol):
    """One learned signal."""

    @property
    def tier(self) -> str:
        """What it sees texts through."""

    def readings(self, seen: Seen) -> Sequence[Reading]:
        """One reading a text."""


class Made(NamedTuple):
    """Everything that was loaded: the encoder of each tier, and heads by signal."""

    tier: Callable[[str], Embeds]
    heads: Mapping[str, Head]
    choosing: "SelectHead | None" = None  # what tells each model's quality
