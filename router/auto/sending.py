"""A request whose answer was decided: everything that cache, cascade and sessions need to send it, or not to."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from policies.select.rules.deciding import Decided
from policies.signals.facts import Facts
from policies.signals.port import Embedding
from policies.signals.reading import Readings
from router.apart.answer import Digest
from router.auto.rewriting import rewritten
from router.semantic_cache import Question

if TYPE_CHECKING:
    from router.gateway.exchange import Exchange

Plain = dict[str, Any]


def unchanged(answer: Plain) -> Plain:
    """A reply as it is."""
    return answer


@dataclass(slots=True, kw_only=True)
class Sending:
    """One request on its way out."""

    exchange: "Exchange"
    asked: Facts
    readings: Readings
    found: Decided
    model: str
    pools: tuple[str, ...]  # only there; empty: wherever the model is served
    wider: tuple[str, ...] | None = None  # where nobody is ready there; None: only there
    body: bytes  # with the model and the rule's effects in it
    original: bytes  # before model and effects
    decision: str
    choice: dict[str, object]  # for the record
    looked_up: tuple[Question, Embedding] | None = None  # what the response cache did not know
    clean: Callable[[Plain], Plain] = unchanged  # what a whole reply must go through before the client has it
    digest: Digest | None = None  # what was read of the original, where that is large
    told: dict[str, str] = field(default_factory=dict)  # what the reply's head says beside model, rule and decision

    def goes_to(self, model: str) -> None:
        """Send it to a model of its rule, its body written anew; of another one a learned choice is void."""
        known = self.digest.places_of(self.original) if self.digest is not None else None
        self.model, self.body = model, rewritten(self.original, model, self.found.answer.effects, known)
        if self.choice["model"] != model:
            self.pools = tuple(dict.fromkeys(place.pool for place in self.found.places if place.model == model))
            self.wider = None
            self.choice |= {"model": model, "pools": sorted(self.pools)}
            self.choice.pop("options", None)

    def stamp(self) -> bytes:
        """The lines of the reply's head, each behind a line's end."""
        told = {"model": self.model, "rule": self.found.rule, "decision": self.decision, **self.told}
        return "".join(f"\r\nx-weir-{name}: {plain(value)}" for name, value in told.items()).encode(
            "latin-1", "replace"
        )

    def lines(self) -> bytes:
        """The same for a reply of the gateway's own, with the request's id, each before a line's end."""
        return b"%b\r\nx-request-id: %b\r\n" % (self.stamp()[2:], self.exchange.id_bytes)


def plain(name: str) -> str:
    """A name as a header's value."""
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in name)
