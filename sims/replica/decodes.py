"""All decoding requests of one engine in bulk: every step gives each of them one token."""

from heapq import heappop, heappush

from sims.replica.cache import BlockCache
from sims.replica.sequence import Sequence

Agenda = list[tuple[int, int, Sequence]]
"""A heap of (decode counter, admission number, request)."""


class Decodes:
    """The batch and when each request leaves it, on a counter of steps, so that many steps cost what one does.

    `reserved` counts the steps whose blocks are taken; it runs at most one step in flight, or one phase, ahead.
    """

    def __init__(self, cache: BlockCache, block_tokens: int) -> None:
        self.counter = 0  # steps done
        self.reserved = 0
        self.batch = 0
        self.context = 0  # tokens attended to in the next step
        self._cache = cache
        self._block = block_tokens
        # Requests by the step, modulo the block size, in which they need a new block.
        self._needing = [0] * block_tokens
        self._finishing: Agenda = []
        self._filling: Agenda = []  # when a request's next named block is full

    def join(self, seq: Sequence) -> None:
        """Let a request decode from the next step on; its prompt is computed and one token emitted."""
        seq.decoding, seq.base = True, self.counter
        self.batch += 1
        self.context += seq.prompt + seq.emitted
        self._needing[(seq.base - seq.kv) % self._block] += 1
        heappush(self._finishing, (self.counter + seq.output - seq.emitted, seq.serial, seq))
        self._await_block(seq)

    def leave(self, seq: Sequence) -> None:
        """Take a request out, its own counts brought up to date."""
        self._needing[(seq.base - seq.kv) % self._block] -= 1
        gained = self.counter - seq.base
        seq.decoding = False
        seq.emitted += gained
        seq.kv += gained
        self.batch -= 1
        self.context -= seq.prompt + seq.emitted

    def advance(self, steps: int) -> None:
        """Give every request `steps` tokens; their blocks must be reserved."""
        self.counter += steps
        self.context += steps * self.batch

    def finished(self) -> list[Sequence]:
        """Take out the requests that have emitted all their tokens, first admitted first."""
        done: list[Sequence] = []
        agenda = self._finishing
        while agenda and agenda[0][0] <= self.counter:
            _, serial, seq = heappop(agenda)
            if seq.decoding and seq.serial == serial:
                self.leave(seq)
                done.append(seq)
        return done

    def until_finish(self) -> int:
        """Steps until the next request finishes; there must be one."""
        at = self._next(self._finishing)
        assert at is not None
        return at - self.counter

    def until_block(self) -> int | None:
        """Unreserved steps before the one in which a request completes a named block, if any will."""
        at = self._next(self._filling)
        return None if at is None else at - self.reserved

    def blocks(self, steps: int) -> int:
        """New blocks that the next `steps` unreserved steps need."""
        rounds, rest = divmod(steps, self._block)
        place, needing = self.reserved % self._block, self._needing
        ends = place + rest
        partial = sum(needing[place:ends])
        if ends > self._block:
            partial += sum(needing[: ends - self._block])
        return rounds * self.batch + partial

    def affordable(self, free: int, steps: int) -> int:
        """The most steps, up to `steps`, whose new blocks fit into `free`."""
        if self.blocks(steps) <= free:
            return steps
        low, high = 0, steps
        while high - low > 1:
            middle = (low + high) // 2
            if self.blocks(middle) <= free:
                low = middle
            else:
                high = middle
        return low

    def reserve(self, to: int) -> None:
        """Take the blocks of all steps up to the counter `to`; blocks that become full are named on the way."""
        filling = self._filling
        while filling and filling[0][0] <= to:
            at, serial, seq = heappop(filling)
            if seq.decoding and seq.serial == serial:
                self._take(at)
                self._cache.name(seq.chain, seq.named, seq.named + 1, seq.id)
                seq.named += 1
                self._await_block(seq)
        self._take(to)

    def _take(self, to: int) -> None:
        needed = self.blocks(to - self.reserved)
        self.reserved = to
        if needed:
            self._cache.take(needed)

    def _await_block(self, seq: Sequence) -> None:
        if seq.named < len(seq.chain):
            at = seq.base + (seq.named + 1) * self._block - seq.kv
            heappush(self._filling, (at, seq.serial, seq))

    @staticmethod
    def _next(agenda: Agenda) -> int | None:
        while agenda and not (agenda[0][2].decoding and agenda[0][2].serial == agenda[0][1]):
            heappop(agenda)
        return agenda[0][0] if agenda else None
