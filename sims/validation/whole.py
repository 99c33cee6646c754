"""vLLM's first engine (V0) without chunked prefill, and caches outside the GPU: what campaigns ran in early 2025.

A step computes either whole prompts or one token of every decoding request, prompts first; so decoding stands still
while prompts wait and fit. The connector of an outside cache brings blocks in before a prompt is computed and takes the
new ones out after it, in the step itself.
"""

from policies.perf.latency import LatencyModel
from sims.replica.engine import Engine
from sims.replica.jobs import Job
from sims.replica.scheduler import Scheduler, Step
from sims.replica.sequence import Sequence
from sims.validation.store import Store

Chunks = list[tuple[Sequence, int]]


class WholePrompts(Scheduler):
    """Prompts whole and before decoding, up to `chunk_tokens` uncached tokens of them in a step."""

    chains: dict[str, tuple[int, ...]]
    store: Store | None = None
    fetched = 0  # blocks that the step being formed brings in
    saved = 0  # blocks that it takes out

    def form(self, macro: bool) -> Step:
        """A step of prompts alone where any fits, else a step of decoding."""
        self.fetched = self.saved = 0
        chunks: Chunks = []
        self._admit(self._chunk_tokens, chunks)
        if not chunks:
            return super().form(macro)
        return Step(
            batch=0,
            context=0,
            chunks=tuple(chunks),
            prefill_tokens=sum(new for _, new in chunks),
            attended=sum(new * (seq.kv - new / 2) for seq, new in chunks),
            repeats=1,
        )

    def _place(self, seq: Sequence, budget: int) -> int:
        """As ever, but whole or not at all, and with what the store brings in."""
        cache, block = self.cache, self._block
        limit = (seq.target - 1) // block
        hits = cache.hits(seq.chain, limit)
        chain = self.chains[seq.id][:limit]
        known = max(hits, self.store.leading(chain)) if self.store is not None else hits
        new = seq.target - known * block
        needed = -(-seq.target // block) - hits
        if new > budget or needed > cache.free - cache.evictable(seq.chain, hits):
            return 0
        cache.hold(seq.chain, hits)
        seq.named, seq.computed, seq.kv = hits, known * block, known * block
        if seq.cached < 0:
            seq.cached = seq.computed
        self.queued_tokens += seq.target - seq.computed - seq.expected
        self._admitted += 1
        seq.serial = self._admitted
        self._compute(seq, new, needed)
        if self.store is not None:
            self.fetched += known - hits
            self.saved += self.store.keep(self.chains[seq.id])
        return new


class WholeEngine(Engine):
    """A V0 engine over a latency model whose `chunk_tokens` is the most uncached prompt tokens of a step."""

    def __init__(
        self, perf: LatencyModel, block_tokens: int, *, prefix_caching: bool = True, store: Store | None = None
    ) -> None:
        super().__init__(perf, block_tokens, prefix_caching, kv_events=False)
        self._whole = WholePrompts(self.cache, block_tokens, perf.chunk_tokens, perf.max_seqs)
        self._whole.chains, self._whole.store = {}, store
        self._scheduler = self._whole

    def submit(self, job: Job, now: float) -> None:
        """Queue a job; an outside cache knows its blocks even where the GPU's does not."""
        self._whole.chains[job.id] = job.blocks
        super().submit(job, now)

    def _form(self) -> None:
        super()._form()
        whole, store = self._whole, self._whole.store
        if store is None or self._phase is None or not (whole.fetched or whole.saved):
            return
        first_s = self._phase.first_s + store.move(whole.fetched, self._start)
        first_s += store.move(whole.saved, self._start + first_s)
        self._phase = self._phase._replace(first_s=first_s)

    def _enter(self, steps: int) -> None:
        """Nobody who decodes gains a token in a step of prompts."""
        if self._step.chunks and not self._step.batch:
            assert self._phase is not None
            self._meter.add(self._phase, self._step, self._taken, steps)
            self._taken += steps
        else:
            super()._enter(steps)
