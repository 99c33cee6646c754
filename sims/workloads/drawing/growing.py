"""Prompts that grow turn by turn over a beginning that others share, as ids of blocks."""

from itertools import count

Blocks = tuple[int, ...]


class Shared:
    """Hands out block ids; knows the beginnings that prompts share, by name."""

    def __init__(self, block_tokens: int, system_tokens: int) -> None:
        self.block_tokens, self.system_tokens = block_tokens, system_tokens
        self._ids = count()
        self.system: Blocks = self.fresh(system_tokens // block_tokens)
        self._groups: dict[int, Blocks] = {}

    def fresh(self, blocks: int) -> Blocks:
        """So many ids that nobody else has."""
        return tuple(next(self._ids) for _ in range(max(blocks, 0)))

    def of(self, group: int, tokens: int) -> Blocks:
        """The blocks of the system prompt and, after it, of a group's own beginning of so many tokens."""
        if not tokens:
            return self.system
        if group not in self._groups:
            whole = (self.system_tokens + tokens) // self.block_tokens
            self._groups[group] = self.system + self.fresh(whole - len(self.system))
        return self._groups[group]


class Growing:
    """One session's prompt."""

    __slots__ = ("_full", "_shared", "tokens")

    def __init__(self, shared: Shared, start: Blocks, tokens: int) -> None:
        self._shared, self._full, self.tokens = shared, start, tokens

    def grow(self, tokens: int) -> None:
        """So many tokens more, of this session alone."""
        self.tokens += tokens

    def blocks(self) -> Blocks:
        """The ids of the prompt as it stands; a partial block at its end has an id of its own, and never again."""
        size = self._shared.block_tokens
        self._full += self._shared.fresh(self.tokens // size - len(self._full))
        return self._full + self._shared.fresh(1 if self.tokens % size else 0)
