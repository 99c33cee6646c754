"""One engine on the event loop: jobs in at their time, tokens out as they are due, one timer for all of it."""

import asyncio
from bisect import insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf

from sims.emulator.clock import Clock
from sims.emulator.kv_frames import told
from sims.emulator.metrics import Metrics, Times
from sims.emulator.publisher import Publisher
from sims.emulator.replica import EmulatedReplica
from sims.emulator.reply import Choice
from sims.replica.engine import Engine
from sims.replica.jobs import Finished, FirstToken, Job

TIMER_S = 0.0005
"""uvloop rounds timers to the nearest millisecond; half of one more and none comes too early."""


@dataclass(slots=True)
class Course:
    """A choice on its way through the engine; virtual seconds."""

    choice: Choice
    came: float
    queued: float  # when the engine sees it
    admitted: float = inf
    first: float = inf


class Driver:
    """Advances one replica's engine in virtual time and hands what it says to the choices waiting for it."""

    def __init__(self, spec: EmulatedReplica, clock: Clock, interval: int, publisher: Publisher | None) -> None:
        self.spec, self.clock, self.interval, self.publisher = spec, clock, interval, publisher
        self.engine = Engine(spec.perf, spec.block_tokens, kv_events=publisher is not None, born=clock.now())
        self.metrics = Metrics(spec)
        self._courses: dict[str, Course] = {}
        self._streams: dict[str, Choice] = {}  # those past their first token
        self._arriving: list[tuple[float, int, Job]] = []  # before the engine sees them, soonest first
        self._serial = 0
        self._timer: asyncio.TimerHandle | None = None
        self._stopped = False

    def submit(self, choices: Sequence[Choice], delay_s: float = 0.0) -> None:
        """Take a request's choices; the engine sees them once the front end is through with them, and their KV here."""
        came = self.clock.now()
        queued = came + self.spec.perf.frontend_s + delay_s
        for choice in choices:
            self._courses[choice.job.id] = Course(choice, came, queued)
            self._serial += 1
            insort(self._arriving, (queued, self._serial, choice.job))
        self.tick()

    def cancel(self, choices: Iterable[Choice]) -> None:
        """Drop the choices of a client that has left."""
        if self._stopped:
            return
        now = self._advance()
        for choice in choices:
            name = choice.job.id
            if self._courses.pop(name, None) is not None:
                self.metrics.successes["abort"] += 1
                self._streams.pop(name, None)
                self._arriving = [each for each in self._arriving if each[2].id != name]
                self.engine.cancel(name, now)
        self._arm()

    def clear_cache(self) -> bool:
        """Empty the prefix cache and tell so; False while requests run."""
        self.tick()
        cleared = self.engine.clear_cache()
        self._publish()
        return cleared

    def page(self) -> bytes:
        """The replica's /metrics."""
        now = self._advance()
        waiting = {job.id for _, _, job in self._arriving}
        names = self._courses.keys() - waiting
        generating = sum(self.engine.emitted(name, now) for name in names)
        self._arm()
        return self.metrics.page(self.engine.load(), self.engine.cache.capacity, generating)

    def stop(self) -> None:
        """Stop the timer and the publisher; clients that leave afterwards are no concern of the engine's."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        if self.publisher is not None:
            self.publisher.close()

    def tick(self) -> None:
        """Bring everything to the present and wait for what is next."""
        self._arm(self._progress(self._advance()))

    def _advance(self) -> float:
        """Process what is due; returns the virtual time now."""
        now = self.clock.now()
        while self._arriving and self._arriving[0][0] <= now:
            at, _, job = self._arriving.pop(0)
            self.engine.submit(job, at)
        events = self.engine.advance(now)
        self._publish()
        for event in events:
            match event:
                case FirstToken():
                    self._first(event)
                case Finished():
                    self._finish(event)
        return now

    def _first(self, event: FirstToken) -> None:
        course = self._courses.get(event.id)
        if course is None:
            return
        choice, course.admitted, course.first = course.choice, event.admitted, event.at
        choice.first(event.cached_tokens)
        moved, ttft_s = min(choice.job.remote_tokens, event.cached_tokens), (event.at - course.came) / self.clock.scale
        self.metrics.first(choice.job.prompt_tokens, event.cached_tokens - moved, moved, ttft_s)
        if choice.reply.stream:
            self._streams[event.id] = choice

    def _finish(self, event: Finished) -> None:
        course = self._courses.pop(event.id, None)
        if course is None:
            return
        choice = course.choice
        self._streams.pop(event.id, None)
        choice.finish()
        times = (course.came, course.queued, course.admitted, course.first, event.at)
        in_wall_s = Times(*(at / self.clock.scale for at in times))
        self.metrics.finished(event, choice.answer.finish, choice.job.prompt_tokens, in_wall_s)

    def _publish(self) -> None:
        events = self.engine.take_kv_events()
        if events and self.publisher is not None:
            self.publisher.publish([told(event, self._ids, self.spec.block_tokens) for event in events])

    def _ids(self, job: str) -> Sequence[int]:
        return self._courses[job].choice.tokens

    def _progress(self, now: float) -> int:
        """Send what streams have due; returns the steps until the next one has."""
        waits, emitted = self.interval, self.engine.emitted
        for name, choice in self._streams.items():
            waits = min(waits, choice.progress(emitted(name, now), self.interval))
        return waits

    def _arm(self, waits: int = 1) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        at = self.engine.next_step(waits) if self._streams else self.engine.next_time()
        if self._arriving:
            at = min(at, self._arriving[0][0])
        if at < inf:
            self._timer = self.clock.loop.call_at(self.clock.loop_time(at) + TIMER_S, self.tick)
