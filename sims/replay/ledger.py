"""The columns that change, counted as a live router counts its own requests: sent, first token, end."""

from policies.fleet import CONTEXT_TOKENS, KV_USED, QUEUED_TOKENS, RUNNING, WAITING, Columns, Fleet

WIDTH = len(Columns._fields)


class Ledger:
    """Takes every request as its router believes it to be; no engine is looked into."""

    def __init__(self, fleet: Fleet) -> None:
        self._table = fleet.scalars()

    def send(self, row: int, queued: float, context: float) -> None:
        """A request goes out: it waits, and its uncached tokens are queued."""
        table, at = self._table, row * WIDTH
        table[at + WAITING] += 1.0
        table[at + QUEUED_TOKENS] += queued
        table[at + KV_USED] += context

    def start(self, row: int, queued: float, context: float) -> None:
        """Its first token came: it runs."""
        table, at = self._table, row * WIDTH
        table[at + WAITING] -= 1.0
        table[at + QUEUED_TOKENS] -= queued
        table[at + RUNNING] += 1.0
        table[at + CONTEXT_TOKENS] += context

    def end(self, row: int, context: float) -> None:
        """Its last token came."""
        table, at = self._table, row * WIDTH
        table[at + RUNNING] -= 1.0
        table[at + CONTEXT_TOKENS] -= context
        table[at + KV_USED] -= context


class Prior:
    """The output length a router expects of each model: a running mean of what it saw end."""

    FIRST, MOVES = 200.0, 0.01

    def __init__(self) -> None:
        self._means: dict[str, float] = {}

    def expected(self, model: str) -> float:
        """Tokens that the next answer will have, about."""
        return self._means.get(model, self.FIRST)

    def learn(self, model: str, tokens: int) -> None:
        """An answer turned out to have so many tokens."""
        mean = self.expected(model)
        self._means[model] = mean + self.MOVES * (tokens - mean)
