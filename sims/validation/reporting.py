"""An engine and what its /metrics show: the end of its last whole step, nothing of the step it is in.

vLLM writes its gauges after a step, and takes in the requests that came meanwhile only then. So whoever routes by them
sees none of the requests that were sent since that step began, however often they are scraped.
"""

from typing import NamedTuple

from policies.perf.latency import LatencyModel
from sims.replica.engine import Engine


class Gauges(NamedTuple):
    """What a scrape finds."""

    running: int  # requests in the batch
    waiting: int  # requests that the last step's forming left in the queue
    kv_used_tokens: int


class ReportingEngine(Engine):
    """The reference engine with gauges."""

    def __init__(self, perf: LatencyModel, block_tokens: int) -> None:
        super().__init__(perf, block_tokens, kv_events=False)
        self._left = 0  # in the queue once the step in flight was formed
        self._shown = Gauges(0, 0, 0)

    def gauges(self, now: float) -> Gauges:
        """The gauges at `now`, not before the last call of anything."""
        self._sync(now)
        if self._phase is not None and self._taken:
            # Steps of this phase are done: its batch is as it was formed and has only grown.
            return Gauges(len(self._scheduler.running), self._left, self.cache.used * self.block_tokens)
        return self._shown

    def _form(self) -> None:
        super()._form()
        self._left = len(self._scheduler.waiting)

    def _complete(self) -> None:
        super()._complete()
        used = self.cache.used * self.block_tokens
        self._shown = Gauges(len(self._scheduler.running), self._left, used)
