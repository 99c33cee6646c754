"""What the classifier is made of: encoders by tier, and heads on what is seen through them."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

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
    tokens: int = 0  # of all that the model is asked with it; 0 where nobody said


class Head(Protocol):
    """One learned signal, or several that are computed together."""

    @property
    def tier(self) -> str:
        """What it sees texts through."""


@runtime_checkable
class Reads(Head, Protocol):
    """A head of one signal that needs nothing computed beside others."""

    def readings(self, seen: Seen) -> Sequence[Reading]:
        """One reading a text."""


class Made(NamedTuple):
    """Everything that was loaded: the encoder of each tier, and heads by signal."""

    tier: Callable[[str], Embeds]
    heads: Mapping[str, Head]
    light: Mapping[str, Head] = {}  # stand-ins of the static tier for heads of the encoder's, for when time is short
    choosing: "SelectHead | None" = None  # what tells each model's quality
