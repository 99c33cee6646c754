"""Choices whose verdict is still to come: feedback is matched to its choice once, by its own tenant, in time."""

from collections import OrderedDict
from enum import Enum

from policies.select.port import Choice, Context, Feedback, Option


class Unsettled(Enum):
    """Why feedback was not taken: a closed vocabulary, used in metrics and replies."""

    UNKNOWN = "unknown-decision"  # never made here, or forgotten
    FOREIGN = "foreign-decision"  # another tenant's; said as unknown to whoever asked
    REPLAYED = "replayed"  # told before
    NO_NUMBER = "no-number"  # a quality that is no number between 0 and 1


class Awaiting:
    """Open choices by name, at most so many, each for so long; a mutable store, so that it need not be copied."""

    def __init__(self, most: int = 100_000, keep_s: float = 86_400.0) -> None:
        self.most, self.keep_s = most, keep_s
        self._open: OrderedDict[str, tuple[Context, Option, Choice, float]] = OrderedDict()
        self._settled: OrderedDict[str, str] = OrderedDict()  # id to tenant, so that a replay is known as one

    def __len__(self) -> int:
        return len(self._open)

    def took(self, name: str, context: Context, option: Option, choice: Choice, now: float) -> None:
        """A choice was made; the oldest is forgotten where there are too many."""
        self._open[name] = (context, option, choice, now)
        if len(self._open) > self.most:
            self._open.popitem(last=False)

    def tenant(self, name: str) -> str | None:
        """Whose choice it is; None where it is not open."""
        return self._open[name][0].tenant if name in self._open else None

    def forget(self, name: str) -> None:
        """A choice was not carried out."""
        self._open.pop(name, None)

    def settle(self, name: str, tenant: str, quality: float, usd: float) -> Feedback | Unsettled:
        """The verdict on one choice, as of when it was made; or why it is not taken."""
        if name not in self._open:
            return Unsettled.REPLAYED if self._settled.get(name) == tenant else Unsettled.UNKNOWN
        context, option, choice, at_s = self._open[name]
        if context.tenant != tenant:
            return Unsettled.FOREIGN
        if not 0.0 <= quality <= 1.0:
            return Unsettled.NO_NUMBER
        del self._open[name]
        self._settled[name] = tenant
        if len(self._settled) > self.most:
            self._settled.popitem(last=False)
        return Feedback(context, option.model, option.pool, choice.propensity, quality, usd, at_s)

    def expired(self, now: float) -> list[Feedback]:
        """Choices that nobody judged in time, forgotten here; their quality is NaN, their dollars as predicted."""
        found = []
        while self._open and now - next(iter(self._open.values()))[3] > self.keep_s:  # the oldest stand first
            found.append(self._open.popitem(last=False)[1])
        nothing = float("nan")
        return [Feedback(c, o.model, o.pool, choice.propensity, nothing, o.usd, at) for c, o, choice, at in found]
