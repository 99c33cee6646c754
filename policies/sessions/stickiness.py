"""Whether a session changes its model: only when what it gains over the turns left pays for what is lost (Obs. 7)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from policies.select.port import Option


class Prospect(NamedTuple):
    """One option for the rest of a session."""

    quality: float  # expected per turn, 0..1
    usd: float  # of one turn there, its own cache warm
    prefill_s_per_token: float
    usd_per_token: float  # of a prompt token computed anew


@dataclass(frozen=True, slots=True, kw_only=True)
class Stickiness:
    """The price of moving, in dollars."""

    value_usd: float = 0.01  # of a turn of quality 1
    usd_per_s: float = 0.001  # of a second that the caller waits for the context to be computed again
    handoff_usd: float = 0.005  # what a model that did not write the context needs to find its way: extra turns
    margin: float = 0.1  # share by which the gain has to exceed the price: near-equals do not bounce

    def moves(self, now: Prospect, other: Prospect, context_tokens: float, cached_there: float, turns: float) -> bool:
        """Whether to go: expected gain × remaining turns against rebuilding the cache and the handoff."""
        gain = (self.value_usd * (other.quality - now.quality) - (other.usd - now.usd)) * turns
        return gain > (1.0 + self.margin) * self.price(other, context_tokens, cached_there)

    def price(self, other: Prospect, context_tokens: float, cached_there: float) -> float:
        """Dollars of moving a context there once."""
        cold = max(context_tokens - cached_there, 0.0)
        return cold * (other.usd_per_token + self.usd_per_s * other.prefill_s_per_token) + self.handoff_usd

    def stays_or_goes(
        self, at: int, options: Sequence[Option], prospects: Sequence[Prospect], context_tokens: float, turns: float
    ) -> int:
        """The option for this turn: where the session is, or the one with the largest gain that pays."""
        worth = [self.value_usd * each.quality - each.usd for each in prospects]
        paying = [
            i
            for i in range(len(options))
            if i != at and self.moves(prospects[at], prospects[i], context_tokens, options[i].cached_tokens, turns)
        ]
        net = {i: worth[i] * turns - self.price(prospects[i], context_tokens, options[i].cached_tokens) for i in paying}
        return max(paying, key=lambda i: (net[i], -i), default=at)


def turns_left(lengths: Sequence[float], done: int) -> float:
    """How many turns are still to come: the mean of past sessions that went on as long; one where none did."""
    longer = [length - done for length in lengths if length > done]
    return max(sum(longer) / len(longer), 1.0) if longer else 1.0
