"""Who comes next: arrivals in order of time, and turns that wait for their session's previous answer."""

from collections import deque
from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from math import inf

from sims.arrival import Arrival


class Line:
    """Indexes of arrivals as they come."""

    def __init__(self, arrivals: Sequence[Arrival]) -> None:
        self._arrivals = arrivals
        self._due = [(arrival.at, i) for i, arrival in enumerate(arrivals) if arrival.after_s is None]
        self._turns: dict[str, deque[int]] = {}
        for i, arrival in enumerate(arrivals):
            if arrival.after_s is not None:
                self._turns.setdefault(arrival.session, deque()).append(i)
        heapify(self._due)

    def next_time(self) -> float:
        """When the next one comes; inf when nobody is due."""
        return self._due[0][0] if self._due else inf

    def take(self) -> int:
        """The next one."""
        return heappop(self._due)[1]

    def ended(self, i: int, now: float) -> None:
        """Arrival i has its answer, or never will: its session's next turn may follow."""
        turns = self._turns.get(self._arrivals[i].session)
        if turns:
            after = turns.popleft()
            arrival = self._arrivals[after]
            assert arrival.after_s is not None
            heappush(self._due, (max(arrival.at, now + arrival.after_s), after))
