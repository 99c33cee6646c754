"""What the next engine step computes: vLLM v1's continuous batching with chunked prefill and recompute preemption."""

from collections import deque
from dataclasses import dataclass

from sims.replica.cache import BlockCache
from sims.replica.decodes import Decodes
from sims.replica.sequence import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step's work; `repeats` is how many steps of the same work may follow one another, this one included."""

    batch: int  # decoding requests
    context: int  # tokens they attend to
    chunks: tuple[tuple[Sequence, int], ...]  # prompt chunks: request, new tokens
    prefill_tokens: int
    visual_tokens: int = 0  # encoded before all that
    attended: float  # Σ new · (before + new / 2) over the chunks
    repeats: int


class Scheduler:
    """The queue, the running batch and the blocks they hold. At most one running request is part-way through its
    prompt, and it is the last: a prompt is cut only where it used up the step's tokens."""

    def __init__(self, cache: BlockCache, block_tokens: int, chunk_tokens: int, max_seqs: int) -> None:
        self.cache = cache
        self.decodes = Decodes(cache, block_tokens)
        self.waiting: deque[Sequence] = deque()
        self.running: dict[str, Sequence] = {}  # in the order of admission
        self.queued_tokens = 0
        self._block = block_tokens
        self._chunk_tokens = chunk_tokens
        self._max_seqs = max_seqs
        self._admitted = 0
        self._visual = 0  # tokens to encode in the step that is formed

    @property
    def idle(self) -> bool:
        """Whether there is nothing to compute."""
        return not (self.running or self.waiting)

    def enqueue(self, seq: Sequence) -> None:
        """Put a request at the queue's end."""
        self._expect(seq)
        self.waiting.append(seq)

    def drop(self, seq: Sequence) -> None:
        """Take out a request that waits."""
        self.waiting.remove(seq)
        self.queued_tokens -= seq.expected

    def form(self, macro: bool) -> Step:
        """Take the blocks of the next step and say what it computes; some request must run or wait."""
        decodes, self._visual = self.decodes, 0
        preempted = self._make_room()
        decodes.reserve(decodes.counter + 1)
        chunks: list[tuple[Sequence, int]] = []
        budget = self._chunk_tokens - decodes.batch
        if len(self.running) > decodes.batch:
            budget, dropped = self._continue(budget, chunks)
            preempted = preempted or dropped
        if not preempted:
            self._admit(budget, chunks)
        # A step that preempted admits nobody, so the next one must look at the queue again.
        single = bool(chunks) or preempted or not macro
        return Step(
            batch=decodes.batch,
            context=decodes.context,
            chunks=tuple(chunks),
            prefill_tokens=sum(new for _, new in chunks),
            visual_tokens=self._visual,
            attended=sum(new * (seq.kv - new / 2) for seq, new in chunks),
            repeats=1 if single else self._repeats(),
        )

    def computed(self, seq: Sequence, new: int) -> bool:
        """Enter a chunk as computed; True when it was the last one and so gave a token."""
        seq.computed += new
        self.queued_tokens -= new
        if seq.computed < seq.target:
            return False
        seq.emitted += 1
        return True

    def remove(self, seq: Sequence) -> None:
        """Take a running request out and give its blocks back."""
        if seq.decoding:
            self.decodes.leave(seq)
        elif seq.computed < seq.target:
            self.queued_tokens -= seq.target - seq.computed
        del self.running[seq.id]
        self._release(seq)

    def _make_room(self) -> bool:
        """Preempt the newest requests until every decode that needs a block in the next step gets one."""
        preempted = False
        while self.decodes.blocks(1) > self.cache.free:
            self._preempt()
            preempted = True
        return preempted

    def _preempt(self) -> None:
        """Send the newest running request back to the queue's front, all it computed lost but for the cache."""
        _, seq = self.running.popitem()
        if seq.decoding:
            self.decodes.leave(seq)
        else:
            self.queued_tokens -= seq.target - seq.computed
        self._release(seq)
        seq.target, seq.computed, seq.remote = seq.prompt + seq.emitted, 0, 0
        seq.preemptions += 1
        self._expect(seq)
        self.waiting.appendleft(seq)

    def _release(self, seq: Sequence) -> None:
        self.cache.release(seq.chain, seq.named, -(-seq.kv // self._block) - seq.named)
        seq.named = seq.kv = 0

    def _expect(self, seq: Sequence) -> None:
        hits = self.cache.hits(seq.chain, (seq.target - 1) // self._block)
        seq.expected = seq.target - self._known(seq, hits)
        self.queued_tokens += seq.expected

    def _continue(self, budget: int, chunks: list[tuple[Sequence, int]]) -> tuple[int, bool]:
        """Give the request part-way through its prompt its next chunk; returns the budget left and whether it,
        being the newest, had to be preempted for want of blocks."""
        seq = next(reversed(self.running.values()))
        new = min(seq.target - seq.computed, budget)
        needed = -(-(seq.computed + new) // self._block) - -(-seq.kv // self._block)
        if needed > self.cache.free:
            self._preempt()
            return budget, True
        if new:
            self._compute(seq, new, needed)
            chunks.append((seq, new))
        return budget - new, False

    def _admit(self, budget: int, chunks: list[tuple[Sequence, int]]) -> None:
        """Admit waiting requests in order while tokens, places and blocks last."""
        waiting, running = self.waiting, self.running
        while waiting and budget > 0 and len(running) < self._max_seqs:
            seq = waiting[0]
            new = self._place(seq, budget)
            if not new:
                return
            waiting.popleft()
            running[seq.id] = seq
            chunks.append((seq, new))
            budget -= new

    def _place(self, seq: Sequence, budget: int) -> int:
        """Take the blocks of a waiting request's first chunk; returns its tokens, or 0 when they do not fit."""
        cache, block = self.cache, self._block
        hits = cache.hits(seq.chain, (seq.target - 1) // block)
        known = self._known(seq, hits)
        new = min(seq.target - known, budget)
        needed = -(-(known + new) // block) - hits
        if needed > cache.free - cache.evictable(seq.chain, hits):
            return 0
        cache.hold(seq.chain, hits)
        seq.named, seq.computed, seq.kv = hits, known, known
        if seq.cached < 0:
            seq.cached = seq.computed
        self._visual += max(seq.visual - seq.computed, 0)
        seq.visual = 0  # its embeddings are kept, whatever becomes of its KV
        self.queued_tokens += seq.target - seq.computed - seq.expected
        self._admitted += 1
        seq.serial = self._admitted
        self._compute(seq, new, needed)
        return new

    def _known(self, seq: Sequence, hits: int) -> int:
        """Tokens that need not be computed: those cached, or those sent; the last one of the prompt always is."""
        return max(hits * self._block, min(seq.remote, seq.target - 1))

    def _compute(self, seq: Sequence, new: int, needed: int) -> None:
        if needed:
            self.cache.take(needed)
        seq.kv = seq.computed + new
        full = min(seq.kv // self._block, len(seq.chain))
        if full > seq.named:
            self.cache.name(seq.chain, seq.named, full, seq.id)
            seq.named = full

    def _repeats(self) -> int:
        """Steps of pure decoding until a request finishes, blocks run out, or the queue's head may get in."""
        decodes = self.decodes
        steps = decodes.until_finish() - 1
        if self.waiting and len(self.running) < self._max_seqs:
            fill = decodes.until_block()
            steps = steps if fill is None else min(steps, fill - 1)
        return 1 + decodes.affordable(self.cache.free, steps)
