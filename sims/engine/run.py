"""What a simulation tells: columns of one entry an arrival, columns of one entry a replica, samples over time."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from policies.fleet import Replica

Floats = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.int8]

SERVED, REFUSED, SHED, UNFINISHED = 0, 1, 2, 3
"""What became of an arrival: refused where no replica of its model can hold it, unfinished where the run ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """The fleet over time; every array but `at` has shape [samples, replicas] and tells of the engine, not the view."""

    at: Floats
    running: Ids
    waiting: Ids
    kv_tokens: Ids
    ready: Bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One simulation. Times are seconds since the trace began, nan where a thing never happened."""

    replicas: tuple[Replica, ...]
    prompt_tokens: Ids
    output_tokens: Ids
    state: Bytes  # SERVED, REFUSED, SHED or UNFINISHED
    replica: Ids  # where it was computed, where it decoded if apart; -1 for none
    prefill_replica: Ids  # where its prompt was computed; -1 for none
    at: Floats  # when it came: of a closed-loop turn, when it truly did
    admitted: Floats  # its first engine step
    first: Floats  # its first token, at the client
    end: Floats  # its last token
    cached: Ids  # prompt tokens the engine found cached
    believed: Ids  # ... and that the router believed it would
    predicted_ttft_s: Floats
    preemptions: Ids
    requests: Ids  # per replica, shape [replicas]
    busy_s: Floats
    up_s: Floats  # paid for: starting, ready or draining
    joules: Floats
    end_s: float  # when the last thing happened
    unstable: bool  # ended early: the queue grew without end
    samples: Samples | None = None
    slo: Ids = field(default_factory=lambda: np.zeros(0, np.int32))  # of each arrival its class; -1 for none
    slos: tuple[str, ...] = ()  # the classes' names

    @property
    def ttft_s(self) -> Floats:
        """Seconds to the first token; inf where it never came."""
        return np.where(np.isfinite(self.first), self.first - self.at, np.inf)

    @property
    def tpot_s(self) -> Floats:
        """Mean seconds a token after the first, 0 where there is one token; inf where the last never came."""
        gaps = np.maximum(self.output_tokens - 1, 1)
        seconds = np.where(self.output_tokens > 1, (self.end - self.first) / gaps, 0.0)
        return np.where(np.isfinite(self.end), seconds, np.inf)

    @property
    def e2e_s(self) -> Floats:
        """Seconds to the last token; inf where it never came."""
        return np.where(np.isfinite(self.end), self.end - self.at, np.inf)

    @property
    def cost_usd(self) -> float:
        """What the replicas cost while they were up."""
        prices = np.array([replica.perf.price_per_hour for replica in self.replicas])
        return float((self.up_s * prices).sum() / 3600.0)

    @property
    def gpu_hours(self) -> float:
        """GPU-hours paid for."""
        gpus = np.array([replica.perf.gpus for replica in self.replicas])
        return float((self.up_s * gpus).sum() / 3600.0)
