"""How long an engine should keep a conversation's KV blocks, and how much it should want to: a rule over pauses.

Between two turns a session waits for a tool or for a person, and its blocks are ordinary free ones that any other
prompt may evict. Pauses are log-normal (arXiv 2605.18825), other ones for every tool set: a session's own count most,
those of its tool set stand in until there are some, a prior before that. Engines take priorities from 0 to 100 with a
time to live (vLLM issue 37003); a benchmark there shows a gain of a few per cent either way, so the share of a cache
that directives may bind is bounded, and pauses that cannot be outlasted get none.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

_NORMAL = NormalDist()
SHORTEST_S = 0.05  # shorter pauses are counted as this: a logarithm needs one


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """Pauses seen, as the moments of their logarithms; older ones fade so that `memory` of them count."""

    n: float = 0.0
    mean: float = 0.0  # of ln(seconds)
    spread: float = 0.0  # sum of squared deviations
    memory: float = 256.0

    def seen(self, seconds: float) -> "Pauses":
        """The same after one more pause."""
        fade = min(1.0, (self.memory - 1.0) / self.n) if self.n > 0.0 else 1.0
        n, value = self.n * fade + 1.0, math.log(max(seconds, SHORTEST_S))
        step = value - self.mean
        mean = self.mean + step / n
        spread = self.spread * fade + step * (value - mean)
        return Pauses(n=n, mean=mean, spread=spread, memory=self.memory)

    def counting(self, most: float) -> "Pauses":
        """The same, with at most so much weight."""
        if self.n <= most:
            return self
        return Pauses(n=most, mean=self.mean, spread=self.spread * most / self.n, memory=self.memory)

    def joined(self, other: "Pauses") -> "Pauses":
        """Both together."""
        n = self.n + other.n
        if n == 0.0:
            return self
        apart = other.mean - self.mean
        spread = self.spread + other.spread + apart * apart * self.n * other.n / n
        return Pauses(n=n, mean=self.mean + apart * other.n / n, spread=spread, memory=self.memory)

    def within(self, seconds: float) -> float:
        """The share of pauses that are no longer than this."""
        if seconds <= 0.0 or self.n <= 0.0:
            return 0.0
        return _NORMAL.cdf((math.log(seconds) - self.mean) / self._deviation())

    def outlasting(self, share: float) -> float:
        """Seconds that so large a share of pauses, strictly between 0 and 1, does not exceed."""
        return math.exp(min(self.mean + self._deviation() * _NORMAL.inv_cdf(share), 700.0))

    def _deviation(self) -> float:
        return max(math.sqrt(max(self.spread, 0.0) / max(self.n, 1.0)), 0.1)


def around(seconds: float, factor: float, n: float = 2.0) -> Pauses:
    """Pauses of about so many seconds, two thirds of them within a factor: the weight of `n` that were seen."""
    return Pauses(n=n, mean=math.log(seconds), spread=n * math.log(factor) ** 2)


TYPICAL = around(15.0, 3.0)
"""A session's pause where nothing was seen: 15 s (reference O15), a third of them outside 5 to 45 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """How often a conversation went on after a turn; of eight turns (reference O15) seven do."""

    resumed: float = 7.0
    all: float = 8.0
    memory: float = 512.0

    def seen(self, *, resumed: bool) -> "Turns":
        """The same after one more turn is known to have been followed by another, or to have been the last."""
        fade = min(1.0, (self.memory - 1.0) / self.all)
        return Turns(resumed=self.resumed * fade + resumed, all=self.all * fade + 1.0, memory=self.memory)

    @property
    def go_on(self) -> float:
        """The probability that there is another turn."""
        return self.resumed / self.all


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Whom a directive is worth it for."""

    share: float = 0.9  # of pauses that a time to live outlasts
    most_ttl_s: float = 120.0
    least: float = 0.3  # probability of another turn in time, below which none is given
    least_tokens: int = 512  # shorter prompts are computed again as cheaply
    bound: float = 0.3  # of a replica's KV tokens that may be bound at once
    from_set: float = 8.0  # weight of what other sessions with the same tools did


@dataclass(frozen=True, slots=True, kw_only=True)
class Directive:
    """Keep the first `tokens` tokens of a prompt for `ttl_s`, with a priority from 0 to 100."""

    tokens: int
    priority: int
    ttl_s: float


def expected(own: Pauses, of_set: Pauses, rule: Rule) -> Pauses:
    """The pauses to expect of a session: its own, those of its tool set, and the prior."""
    return own.joined(of_set.counting(rule.from_set)).joined(TYPICAL)


def directive(
    pauses: Pauses, go_on: float, prompt_tokens: float, bound_tokens: float, kv_tokens: float, rule: Rule
) -> Directive | None:
    """What to ask an engine for, if anything; `bound_tokens` of its `kv_tokens` are bound by directives already."""
    if prompt_tokens < rule.least_tokens or bound_tokens + prompt_tokens > rule.bound * kv_tokens:
        return None
    ttl = min(pauses.outlasting(rule.share), rule.most_ttl_s)
    chance = go_on * pauses.within(ttl)
    if chance < rule.least:
        return None
    return Directive(tokens=int(prompt_tokens), priority=min(round(100.0 * chance), 100), ttl_s=round(ttl, 1))
