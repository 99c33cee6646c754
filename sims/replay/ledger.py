"""The columns that change, counted as a live router counts its own requests: sent, first token, end."""

from policies.fleet import CONTEXT_TOKENS, KV_USED, QUEUED_ATTENDED, QUEUED_TOKENS, RUNNING, WAITING, WIDTH, Fleet


class Load:
    """What one sent request takes of its replica until it ends."""

    __slots__ = ("at", "attended", "context", "queued")

    def __init__(self, row: int, prompt_tokens: float, cached_tokens: float, expected_tokens: float) -> None:
        self.at = row * WIDTH
        self.queued = max(prompt_tokens - cached_tokens, 1.0)
        self.attended = self.queued * (prompt_tokens - 0.5 * self.queued)
        self.context = prompt_tokens + 0.5 * expected_tokens


class Ledger:
    """Takes every request as its router believes it to be; no engine is looked into."""

    def __init__(self, fleet: Fleet) -> None:
        self._table = fleet.scalars()

    def send(self, load: Load) -> None:
        """A request goes out: it waits, and its uncached tokens are queued."""
        table, at = self._table, load.at
        table[at + WAITING] += 1.0
        table[at + QUEUED_TOKENS] += load.queued
        table[at + QUEUED_ATTENDED] += load.attended
        table[at + KV_USED] += load.context

    def start(self, load: Load) -> None:
        """Its first token came: it runs."""
        table, at = self._table, load.at
        table[at + WAITING] -= 1.0
        table[at + QUEUED_TOKENS] -= load.queued
        table[at + QUEUED_ATTENDED] -= load.attended
        table[at + RUNNING] += 1.0
        table[at + CONTEXT_TOKENS] += load.context

    def end(self, load: Load) -> None:
        """Its last token came."""
        table, at = self._table, load.at
        table[at + RUNNING] -= 1.0
        table[at + CONTEXT_TOKENS] -= load.context
        table[at + KV_USED] -= load.context


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
