"""What a decision may be: a closed union, each with its reason."""

from enum import Enum
from typing import NamedTuple

NOBODY = -1


class Refusal(Enum):
    """Why a request is not served: a closed vocabulary, used in metrics, records and replies alike."""

    NO_REPLICA = "no-replica"  # the model is known, no replica of it is ready
    UNKNOWN_MODEL = "unknown-model"
    SATURATED = "saturated"  # every replica's queue is past its bound
    DEADLINE = "deadline"  # the request's deadline passed while it waited
    TOO_LONG = "too-long"  # the prompt does not fit the model's context
    RETRIES = "retries-exhausted"
    DRAINING = "draining"


class Send(NamedTuple):
    """Serve it there, now."""

    prefill: int  # row of the replica that computes the prompt
    decode: int  # row of the replica that generates; the same row when they are together
    why: str
    propensity: float  # probability with which this policy takes this action for a random request id


class Queue(NamedTuple):
    """Hold it at the router: a replica is expected, none is ready."""

    why: str


class Shed(NamedTuple):
    """Refuse it."""

    reason: Refusal
    retry_after_s: float = 1.0


Decision = Send | Queue | Shed


FIELDS = (
    "ok", "status", "retries", "ttft_s", "tpot_s", "e2e_s", "prompt_tokens", "output_tokens", "cached_tokens",
    "cost_usd",
)  # fmt: skip


class Outcome:
    """What happened to a request that was sent."""

    __slots__ = FIELDS

    def __init__(
        self, ok: bool, ttft_s: float, tpot_s: float, e2e_s: float, prompt_tokens: int, output_tokens: int,
        cached_tokens: int, cost_usd: float = 0.0, status: int = 200, retries: int = 0,
    ) -> None:  # fmt: skip
        self.ok, self.status, self.retries = ok, status, retries
        self.ttft_s, self.tpot_s, self.e2e_s = ttft_s, tpot_s, e2e_s
        self.prompt_tokens, self.output_tokens = prompt_tokens, output_tokens
        self.cached_tokens = cached_tokens  # as the engine reported; -1 when it did not say
        self.cost_usd = cost_usd

    def as_dict(self) -> dict[str, float]:
        """Its fields by name."""
        return {name: getattr(self, name) for name in FIELDS}
