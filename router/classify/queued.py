"""Texts waiting to be classified: taken in batches, those that would come too late left out."""

from collections import deque
from dataclasses import dataclass

from router.classify.wire import Ask

MOST_BATCH = 8  # texts at once: the last of them waits for the first
MOST_WAITING = 1024
LEARNING = 0.2  # weight of the newest measurement of what a text takes


@dataclass(slots=True, kw_only=True)
class Job:
    """One text, by when it is due, and to whom its answer goes."""

    ask: Ask
    due_s: float
    owner: int  # which connection


class Queued:
    """A queue with deadlines; whoever uses it tells the time."""

    def __init__(self, batch: int = MOST_BATCH) -> None:
        self._jobs: deque[Job] = deque()
        self._batch = batch
        self.seconds_each = 0.0  # what a text lately took

    def __len__(self) -> int:
        return len(self._jobs)

    def add(self, job: Job) -> bool:
        """Take a text in; False where too many wait."""
        if len(self._jobs) >= MOST_WAITING:
            return False
        self._jobs.append(job)
        return True

    def take(self, now: float) -> tuple[list[Job], list[Job]]:
        """The next batch, and those that would not be done in time."""
        batch, late = list[Job](), list[Job]()
        while self._jobs and len(batch) < self._batch:
            job = self._jobs.popleft()
            done_s = now + self.seconds_each * (len(batch) + 1)
            (batch if done_s <= job.due_s else late).append(job)
        if not batch and late and now < late[-1].due_s:
            batch.append(late.pop())  # one is tried all the same: what a text takes may have been an outlier
        return batch, late

    def took(self, seconds: float, texts: int) -> None:
        """A batch of so many texts took that long."""
        each = seconds / max(texts, 1)
        self.seconds_each += LEARNING * (each - self.seconds_each) if self.seconds_each else each
