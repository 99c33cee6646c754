"""An inference engine in virtual time: jobs in, events out, exact to step boundaries."""

from math import inf, nextafter

from policies.perf.latency import LatencyModel
from sims.replica.cache import BlockCache
from sims.replica.jobs import Event, Finished, FirstToken, Impossible, Job, Load
from sims.replica.kv_events import KvEvent
from sims.replica.meter import Meter
from sims.replica.phase import Phase
from sims.replica.scheduler import Scheduler, Step
from sims.replica.sequence import Sequence

NOTHING = Step(batch=0, context=0, chunks=(), prefill_tokens=0, visual_tokens=0, attended=0.0, repeats=0)


class Engine:
    """One replica: continuous batching over a latency model. Times are seconds on the caller's clock and never fall.

    A step is formed when time passes its start, so every job submitted at that very instant is part of it. With
    `macro=False` each decode step is taken on its own; results agree to rounding. Cache events pile up until they are
    taken: an engine whose events nobody reads is made with `kv_events=False`.
    """

    def __init__(
        self,
        perf: LatencyModel,
        block_tokens: int = 16,
        prefix_caching: bool = True,
        *,
        kv_events: bool = True,
        macro: bool = True,
        born: float = 0.0,
    ) -> None:
        if perf.max_seqs > perf.chunk_tokens:
            raise ValueError(f"max_seqs {perf.max_seqs} above chunk_tokens {perf.chunk_tokens}: a step holds them all")
        self.perf, self.block_tokens = perf, block_tokens
        self.cache = BlockCache(perf.kv_tokens // block_tokens, prefix_caching, kv_events)
        self._scheduler = Scheduler(self.cache, block_tokens, perf.chunk_tokens, perf.max_seqs)
        self._meter = Meter(perf, born)
        self._macro = macro
        self._jobs: dict[str, Sequence] = {}
        self._events: list[Event] = []
        self._now = born
        self._start = born  # of the next step to form
        self._phase: Phase | None = None  # the steps in flight
        self._step = NOTHING
        self._taken = 0  # of the step's repeats already entered
        self._leaving: list[Sequence] = []  # cancelled in mid-step

    def submit(self, job: Job, now: float) -> None:
        """Queue a job; it joins at the next step boundary. Raises `Impossible` when it can never run."""
        self.check(job)
        self._sync(now)
        seq = Sequence(job, self.cache.caching)
        self._jobs[job.id] = seq
        if self._scheduler.idle:
            self._start = now
        elif not self._scheduler.waiting:
            self._cut()
        self._scheduler.enqueue(seq)

    def cancel(self, job: str, now: float) -> None:
        """Take a job out, at the end of the step in flight if it is running; an unknown or finished one is ignored."""
        self._sync(now)
        seq = self._jobs.pop(job, None)
        if seq is None:
            return
        if job not in self._scheduler.running:
            self._scheduler.drop(seq)
        elif self._phase is None:
            self._scheduler.remove(seq)
        else:
            seq.cancelled = True
            self._leaving.append(seq)
            self._cut()

    def next_time(self) -> float:
        """The time at which `advance` will next change something, inf when idle."""
        if self._phase is not None:
            return self._phase.end
        return inf if self._scheduler.idle else nextafter(self._start, inf)

    def next_step(self, ahead: int = 1) -> float:
        """The time at which `ahead` more steps will have ended since the last `advance`, or the batch changes."""
        if self._phase is None:
            return self.next_time()
        return self._phase.at(min(self._phase.done(self._now) + ahead, self._phase.steps))

    def advance(self, until: float) -> list[Event]:
        """Process every step boundary up to and including `until`; returns what happened, in order of time."""
        self._run(until)
        events, self._events = self._events, []
        return events

    def emitted(self, job: str, now: float) -> int:
        """Tokens that an unfinished job has emitted by `now`, no later than `next_time()`; KeyError when unknown."""
        seq = self._jobs[job]
        if not seq.decoding:
            return seq.emitted
        ahead = self._phase.done(now) if self._phase is not None else 0
        return seq.emitted + self._scheduler.decodes.counter - seq.base + ahead

    def take_kv_events(self) -> list[KvEvent]:
        """What happened in the prefix cache since the last call."""
        self._sync(self._now)
        events, self.cache.events = self.cache.events, []
        return events

    def clear_cache(self) -> bool:
        """Empty the prefix cache; False, and nothing done, while any block is in use."""
        self._sync(self._now)
        return self.cache.clear()

    def load(self) -> Load:
        """What the engine is doing, as of the last step boundary."""
        self._sync(self._now)
        scheduler, busy_s = self._scheduler, self._busy()
        running = len(scheduler.running)
        return Load(
            running,
            len(scheduler.waiting),
            running - scheduler.decodes.batch,
            scheduler.queued_tokens,
            scheduler.decodes.context,
            self.cache.used * self.block_tokens,
            busy_s,
            self._meter.joules(self._now, busy_s),
        )

    def _busy(self) -> float:
        in_flight = self._now - self._phase.start if self._phase is not None else 0.0
        return self._meter.busy_s + in_flight

    def check(self, job: Job) -> None:
        """Raise `Impossible` for a job that can never run here."""
        block = self.block_tokens
        if job.id in self._jobs:
            raise Impossible(f"job {job.id!r} is already here")
        if job.prompt_tokens < 1 or job.output_tokens < 1:
            raise Impossible(f"job {job.id!r}: a job has at least one prompt token and one output token")
        needed = -(-(job.prompt_tokens + job.output_tokens - 1) // block)
        if needed > self.cache.capacity:
            raise Impossible(f"job {job.id!r} needs {needed} KV blocks of {block} tokens; {self.cache.capacity} exist")
        if len(job.blocks) > job.prompt_tokens // block:
            raise Impossible(f"job {job.id!r}: {len(job.blocks)} block hashes for {job.prompt_tokens} prompt tokens")
        if job.output_blocks and len(job.blocks) < job.prompt_tokens // block:
            raise Impossible(f"job {job.id!r}: output blocks need the hashes of all prompt blocks before them")

    def _run(self, until: float) -> None:
        while True:
            if self._phase is None:
                if self._scheduler.idle or self._start >= until:
                    break
                self._form()
            assert self._phase is not None
            if self._phase.end > until:
                break
            self._complete()
        self._now = max(self._now, until)

    def _form(self) -> None:
        step = self._scheduler.form(self._macro)
        for seq, _ in step.chunks:
            if seq.admitted < 0.0:
                seq.admitted = self._start
        perf = self.perf
        first_s = perf.step(step.batch, step.context, step.prefill_tokens, step.attended)
        if step.visual_tokens:
            first_s += perf.encode_seconds(step.visual_tokens)
        growth_s = 0.0
        if step.repeats > 1:
            # Affine in the context; taken over a long stretch, the difference keeps its digits.
            growth_s = (perf.step(step.batch, step.context + 4096.0 * step.batch) - first_s) / 4096.0
        self._step, self._taken = step, 0
        self._phase = Phase(self._start, step.repeats, first_s, growth_s)

    def _complete(self) -> None:
        """End the phase: tokens out, finished and cancelled jobs gone, the next step free to form."""
        phase, scheduler = self._phase, self._scheduler
        assert phase is not None
        end = phase.end
        self._enter(phase.steps)
        self._phase, self._start = None, end
        for seq, new in self._step.chunks:
            if scheduler.computed(seq, new):
                if seq.emitted == 1 and not seq.cancelled:
                    self._events.append(FirstToken(id=seq.id, at=end, admitted=seq.admitted, cached_tokens=seq.cached))
                scheduler.decodes.join(seq)
        for seq in self._leaving:
            scheduler.remove(seq)
        self._leaving.clear()
        for seq in scheduler.decodes.finished():
            scheduler.remove(seq)
            del self._jobs[seq.id]
            self._events.append(
                Finished(
                    id=seq.id,
                    at=end,
                    output_tokens=seq.emitted,
                    cached_tokens=seq.cached,
                    preemptions=seq.preemptions,
                )
            )

    def _enter(self, steps: int) -> None:
        """Count the phase's first steps as done."""
        assert self._phase is not None
        decodes = self._scheduler.decodes
        self._meter.add(self._phase, self._step, self._taken, steps)
        decodes.reserve(decodes.counter + steps)
        decodes.advance(steps)
        self._taken += steps

    def _sync(self, now: float) -> None:
        """Bring the state to `now`, splitting a phase after the last step that is done."""
        self._run(now)
        phase = self._phase
        if phase is None or phase.steps == 1:
            return
        done = phase.done(self._now)
        if not done:
            return
        self._enter(done)
        self._phase = rest = phase.after(done)
        if rest.start >= self._now:
            self._phase, self._start = None, rest.start
        else:
            decodes = self._scheduler.decodes
            decodes.reserve(decodes.counter + 1)

    def _cut(self) -> None:
        """End the phase with the step in flight."""
        if self._phase is not None:
            self._phase = self._phase._replace(steps=1)
