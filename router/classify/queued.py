"""Texts waiting to be classified: taken in batches, by the encoder where there is time, lightly where there is not."""

from collections import deque
from dataclasses import dataclass, field

from router.classify.wire import Ask

MOST_BATCH = 8  # texts at once through the encoder: the last of them waits for the first
MOST_LIGHT = 8  # and on the static tier alone, whose answers go back sooner in small batches
MOST_WAITING = 1024
GUESS_S = 0.001  # what a text takes on the static tier, before one was read
LEARNING = 0.2  # weight of the newest measurement of what a text takes
FORGETTING = 0.1  # how fast a measurement that keeps the encoder from being tried is doubted
PLANNED = 0.5  # of the time left that is planned with: the rest is for what comes meanwhile, and for a busy machine


@dataclass(slots=True, kw_only=True)
class Job:
    """One text, by when it is due, and to whom its answer goes."""

    ask: Ask
    due_s: float
    owner: int  # which connection


@dataclass(slots=True, kw_only=True)
class Taken:
    """What is done next, and what is given up because it would not be done in time."""

    batch: list[Job] = field(default_factory=list)
    late: list[Job] = field(default_factory=list)
    light: bool = False  # the batch is for the static tier alone


class Queued:
    """A queue with deadlines; whoever uses it tells the time."""

    def __init__(self, batch: int = MOST_BATCH, *, light: bool = False) -> None:
        """With a light tier, texts that the encoder has no time for are still read by that."""
        self._jobs: deque[Job] = deque()
        self._batch, self._has_light = batch, light
        self.seconds_each = 0.0  # what a text lately took through the encoder
        self.light_each = GUESS_S  # and on the static tier alone

    def __len__(self) -> int:
        return len(self._jobs)

    def add(self, job: Job) -> bool:
        """Take a text in; False where too many wait."""
        if len(self._jobs) >= MOST_WAITING:
            return False
        self._jobs.append(job)
        return True

    def take(self, now: float) -> Taken:
        """The next batch, and those that would not be done in time."""
        if not self._has_light:
            return self._oldest(now, self.seconds_each, self._batch)
        whole = self._whole(now)
        if whole:
            return Taken(batch=[self._jobs.popleft() for _ in range(whole)])
        taken = self._oldest(now, self.light_each, MOST_LIGHT)
        taken.light = True
        return taken

    def took(self, seconds: float, texts: int, *, light: bool = False) -> None:
        """A batch of so many texts took that long."""
        each = seconds / max(texts, 1)
        known = self.light_each if light else self.seconds_each
        learned = known + LEARNING * (each - known) if known else each
        if light:
            self.light_each = learned
        else:
            self.seconds_each = learned

    def _whole(self, now: float) -> int:
        """How many of the oldest go through the encoder, so that all others can still be read lightly in time."""
        waiting = len(self._jobs)
        planned = PLANNED * (self._jobs[0].due_s - now) if waiting else 0.0
        spare = planned - waiting * self.light_each
        more = max(self.seconds_each - self.light_each, 1e-9)
        if 0 < spare < more:
            self.seconds_each *= 1 - FORGETTING / waiting  # it may have been an outlier
        return min(int(spare / more), waiting, self._batch) if spare > 0 else 0

    def _oldest(self, now: float, each_s: float, most: int) -> Taken:
        taken = Taken()
        while self._jobs and len(taken.batch) < most:
            job = self._jobs.popleft()
            done_s = now + each_s * (len(taken.batch) + 1)
            (taken.batch if done_s <= job.due_s else taken.late).append(job)
        if not taken.batch and taken.late and now < taken.late[-1].due_s:
            taken.batch.append(taken.late.pop())  # one is tried all the same: what a text takes may be an outlier
        return taken
