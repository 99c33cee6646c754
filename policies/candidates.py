"""What is predicted of every replica that may serve a request; plain Python, for records and explanations."""

from typing import NamedTuple

import numpy as np

from policies.cached import Cached
from policies.fleet import HBM, READY, Table
from policies.predict import eligible, tpot_seconds
from policies.request import Ask
from policies.split import first_token_seconds, pair_usd, partner


class Candidate(NamedTuple):
    """What was predicted for one eligible replica, with the replica that would decode: itself, unless it cannot."""

    row: int
    cached_tokens: float
    ttft_s: float
    tpot_s: float
    cost_usd: float
    decode: int


def candidates(ask: Ask, fleet: Table, cached: Cached) -> list[Candidate]:
    """Predictions for every eligible replica, in row order."""
    rows = [int(i) for i in np.flatnonzero(fleet[:, READY]) if eligible(ask, fleet, int(i))]
    return [_candidate(ask, fleet, cached, i, partner(ask, fleet, i)) for i in rows]


def _candidate(ask: Ask, fleet: Table, cached: Cached, i: int, d: int) -> Candidate:
    return Candidate(
        i,
        float(cached[i, HBM]),
        first_token_seconds(ask, fleet, cached, i, d),
        tpot_seconds(ask, fleet, d),
        pair_usd(ask, fleet, cached, i, d),
        d,
    )
