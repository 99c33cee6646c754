"""How much longer than usual an answer is expected to be: the trained head's median beside the medians it told lately.

A model's own answers say how long it is on average; the head, taught by other models' answers, says which are longer.
"""

from policies.select.learners import OUTPUT_P50
from policies.signals.reading import Readings

FADES = 0.01  # how much one request moves the mean, once a hundred have
MOST = 4.0  # times as long as usual that an answer may be taken to be, and its inverse


class Lengths:
    """The mean of what the head told."""

    def __init__(self) -> None:
        self._mean = 0.0
        self._told = 0

    def longer(self, known: Readings) -> float:
        """Times the usual length; 1 where the head told nothing."""
        told = known.get(OUTPUT_P50)
        if told is None or not told.known() or told.value <= 0.0:
            return 1.0
        self._told += 1
        self._mean += max(FADES, 1.0 / self._told) * (told.value - self._mean)
        return min(max(told.value / self._mean, 1.0 / MOST), MOST)
