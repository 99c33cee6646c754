"""Queues of many servers: how often one waits, and how long.

Erlang's formulas are exact for Poisson arrivals and exponential service. Other service times and arrivals scale the
wait by (Ca² + Cs²) / 2 (Allen and Cunneen); with Poisson arrivals and service less variable than exponential, Kimura's
interpolation between M/M/c and Cosmetatos' M/D/c is closer and is taken instead.
"""

from dataclasses import dataclass
from math import exp, inf, log, sqrt

import numpy as np

MOST_SERVERS = 10_000_000


def erlang_b(servers: int, load: float) -> float:
    """Share of arrivals that find all servers of a loss system busy; `load` is in erlangs.

    1/B = Σ_k c!/((c-k)!·aᵏ): a sum of positive terms in logarithms, so nothing cancels or overflows.
    Raises ValueError for a negative figure.
    """
    if servers < 0 or not load >= 0.0 or servers > MOST_SERVERS:
        raise ValueError(f"servers must be 0 to {MOST_SERVERS:,} and load 0 or more, not {servers} and {load}")
    if load == 0.0:
        return 0.0 if servers else 1.0
    terms = np.concatenate(([0.0], np.cumsum(np.log(np.arange(servers, 0, -1) / load))))
    top = float(terms.max())
    return exp(-top) / float(np.exp(terms - top).sum())


def erlang_c(servers: int, load: float) -> float:
    """Probability that an arrival must wait in M/M/c; 1 from `load` = servers on."""
    if load >= servers:
        return 1.0 if load > 0.0 else 0.0
    blocked = erlang_b(servers, load)
    return blocked / (1.0 - load / servers * (1.0 - blocked))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A wait that is none with some probability and exponential otherwise."""

    probability: float  # of waiting at all
    mean_s: float  # of those who wait; infinite where the queue grows without end

    @property
    def overall_s(self) -> float:
        """Mean over everybody, in seconds."""
        return self.probability * self.mean_s if self.probability > 0.0 else 0.0

    def exceeds(self, seconds: float) -> float:
        """Probability of waiting longer than that."""
        if self.mean_s == inf:
            return 1.0
        return self.probability * exp(-seconds / self.mean_s) if self.mean_s > 0.0 else 0.0

    def quantile(self, share: float) -> float:
        """Seconds that this share of arrivals does not exceed."""
        if self.mean_s == inf:
            return inf
        return self.mean_s * log(self.probability / (1.0 - share)) if self.probability > 1.0 - share else 0.0


NONE = Wait(probability=0.0, mean_s=0.0)
ENDLESS = Wait(probability=1.0, mean_s=inf)


def queue(
    servers: int, rate: float, service_s: float, *, service_cv2: float = 1.0, arrival_cv2: float = 1.0,
    interpolated: bool = True,
) -> Wait:  # fmt: skip
    """The wait in G/G/c: `rate` arrivals a second, a mean service of `service_s`, squared coefficients of variation.

    `interpolated` takes Kimura's formula where it is the closer one. A queue that cannot keep up is `ENDLESS`.
    """
    load = rate * service_s
    if load <= 0.0:
        return NONE
    if load >= servers:
        return ENDLESS
    probability = erlang_c(servers, load)
    exponential_s = service_s / (servers - load)  # mean wait of those who wait in M/M/c
    factor = 0.5 * (arrival_cv2 + service_cv2)
    if interpolated and arrival_cv2 == 1.0 and service_cv2 < 1.0:
        factor = _kimura(servers, load / servers, service_cv2)
    return Wait(probability=probability, mean_s=factor * exponential_s)


def _kimura(servers: int, utilisation: float, service_cv2: float) -> float:
    """Mean wait over that of M/M/c, between those of even and of exponential service."""
    return (1.0 + service_cv2) / (2.0 * service_cv2 + (1.0 - service_cv2) / even_service(servers, utilisation))


def even_service(servers: int, utilisation: float) -> float:
    """Mean wait of M/D/c over that of M/M/c, by Cosmetatos; a half for one server and towards full use."""
    more = (1.0 - utilisation) * (servers - 1) * (sqrt(4.0 + 5.0 * servers) - 2.0) / (16.0 * servers * utilisation)
    return 0.5 * (1.0 + min(more, 1.0))
