"""What the links between replicas take, as transfers of KV show it; until one is seen, what the profile says."""

from math import exp, log

import numpy as np
import numpy.typing as npt

from policies.fleet import TRANSFER_BASE_S, TRANSFER_S

MOVES = 0.2
"""How far one transfer moves the mean."""

STEP = 0.1
"""Steps of a logarithm in which it is told: links that differ by less are one to a decision, which is quicker so."""

LEAST_TOKENS = 64.0
"""Fewer say more of the set-up than of the link."""


class Links:
    """Seconds a token of each replica's link, measured."""

    def __init__(self) -> None:
        self._token_s: dict[int, float] = {}

    def measured(self, table: npt.NDArray[np.float64], row: int, tokens: float, seconds: float) -> None:
        """Learn from one transfer that a replica had a part in, and write it into its row."""
        if tokens < LEAST_TOKENS:
            return
        seen = max(seconds - float(table[row, TRANSFER_BASE_S]), 1e-6) / tokens
        known = self._token_s.get(row, float(table[row, TRANSFER_S]))
        self._token_s[row] = known + MOVES * (seen - known)
        self.restore(table, row)

    def restore(self, table: npt.NDArray[np.float64], row: int) -> None:
        """Write what is known into a row that was written anew."""
        token_s = self._token_s.get(row)
        if token_s is not None:
            table[row, TRANSFER_S] = exp(round(log(token_s) / STEP) * STEP)

    def forget(self, row: int) -> None:
        """Its replica left."""
        self._token_s.pop(row, None)
