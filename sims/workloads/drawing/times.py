"""When requests arrive."""

from collections.abc import Iterator

import numpy as np

BATCH = 1024


def gamma_times(rng: np.random.Generator, rate_rps: float, cv: float) -> Iterator[float]:
    """Seconds of endless arrivals whose gaps are gamma distributed; `cv` 1 is Poisson, more is bursty, 0 is even."""
    if not rate_rps > 0.0 or not cv >= 0.0:
        raise ValueError(f"rate_rps must be above 0 and cv not below, not {rate_rps} and {cv}")
    at, mean = 0.0, 1.0 / rate_rps
    while True:
        gaps = rng.gamma(cv**-2.0, mean * cv**2.0, BATCH) if cv > 0.0 else np.full(BATCH, mean)
        for gap in gaps.tolist():
            at += gap
            yield at
