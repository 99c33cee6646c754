"""One currency for a choice of model: expected quality, dollars, lateness, joules and what a switch throws away."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from policies.select.congestion import price_now
from policies.select.port import Choice, Context, Option
from policies.select.quality.port import Floats

TURNS_LEFT = "turns_left"
"""The reading that tells how many turns a session is expected to have yet, this one among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What everything is worth in dollars; the defaults weigh quality and the bill alone."""

    worth_usd: float = 0.01  # of an answer of quality 1 over one of quality 0
    late_usd: float = 0.0  # of each predicted second past the deadline
    joule_usd: float = 0.0  # of each predicted joule beside what the bill has of it
    lost_token_usd: float = 0.0  # of each token of the session's context that must be computed again after a switch
    handoff_usd: float = 0.0  # of a switch itself: a model takes up badly what another one began
    surge: float = 0.0  # how fast a model's price rises as its replica fills, see `policies.select.congestion`

    def scores(self, context: Context, options: Sequence[Option], quality: Floats) -> list[float]:
        """Dollars gained by each option, its expected quality in the same order."""
        kept = self._held_tokens(context, options)
        turns = self._turns_left(context)
        return [
            self.worth_usd * float(q) * turns - self._price(option, turns) - self._switch(context, option, kept)
            for option, q in zip(options, quality, strict=True)
        ]

    def best(self, context: Context, options: Sequence[Option], quality: Floats, why: str) -> Choice:
        """The option of the highest score, the first of equals; an option of unknown quality counts as worth nothing.

        Raises ValueError where there is no option.
        """
        if not options:
            raise ValueError(f"request {context.id!r} has no model to choose from")
        known = np.nan_to_num(quality, nan=0.0)
        scores = self.scores(context, options, known)
        best = max(range(len(options)), key=scores.__getitem__)
        return Choice(best, 1.0, f"{why}: {options[best].model}", tuple(map(float, known)))

    def _price(self, option: Option, turns: float) -> float:
        """A turn's price now and joules count once for each turn to come; lateness is this turn's alone."""
        running = price_now(option.usd, option.full, self.surge) + self.joule_usd * option.joules
        return running * turns + self.late_usd * option.over_slo_s

    def _switch(self, context: Context, option: Option, kept: float) -> float:
        """Paid once: the context that the last model holds and this one must compute, and the handing over."""
        if not context.last_model or option.model == context.last_model:
            return 0.0
        return self.handoff_usd + self.lost_token_usd * max(kept - option.cached_tokens, 0.0)

    @staticmethod
    def _held_tokens(context: Context, options: Sequence[Option]) -> float:
        return max((each.cached_tokens for each in options if each.model == context.last_model), default=0.0)

    @staticmethod
    def _turns_left(context: Context) -> float:
        told = context.readings.get(TURNS_LEFT)
        return max(told.value, 1.0) if told is not None and told.known() else 1.0
