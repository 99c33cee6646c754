"""What model selection is: one question over the models a request may go to, in quality, dollars and seconds."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt

from policies.registry import Registry
from policies.select.congestion import COMFORT
from policies.signals.reading import Readings

Features = npt.NDArray[np.float64]
"""What a selector knows of a request as numbers: shape (features,)."""


class Option(NamedTuple):
    """One model in one pool, as the fleet stands now; predictions, never measurements."""

    model: str
    pool: str
    usd: float  # dollars that this request would cost there by the list, or at the price of a replica's time
    ttft_s: float = 0.0
    e2e_s: float = 0.0
    over_slo_s: float = 0.0  # predicted seconds past the deadline
    joules: float = 0.0
    cached_tokens: float = 0.0  # of this session's context, held there
    full: float = COMFORT  # how near a limit it would bring its replica, see `policies.select.congestion`
    intervene: bool = False  # whether the session's failed turns are cut out before it is asked


class Context(NamedTuple):
    """One request as a selector sees it."""

    id: str  # draws come from its hash: see `policies.request.coin`
    features: Features
    readings: Readings = MappingProxyType({})
    tenant: str = ""
    session: str = ""
    last_model: str = ""  # which model served this session's previous turn


class Choice(NamedTuple):
    """The chosen option, how likely this policy was to take it, and why."""

    option: int
    propensity: float
    why: str
    expected: tuple[float, ...] = ()  # expected quality by option, where the policy has one


class Feedback(NamedTuple):
    """What became of one choice; quality is NaN until somebody judged it."""

    context: Context
    model: str
    pool: str
    propensity: float
    quality: float  # 0..1
    usd: float
    at_s: float
    failure: str = ""  # what kind of failure it was (`policies.select.failure_memory.KINDS`), where it was one
    weight: float = 1.0  # of how many judgements it counts: below 1 where it was inferred, not said


class Selector(Protocol):
    """Chooses a model; same inputs, same answer, in any process."""

    def choose(self, context: Context, options: Sequence[Option]) -> Choice:
        """The choice among at least one option."""


class Learner(Selector, Protocol):
    """A selector that learns: learning makes a new value, the old one stands."""

    def learn(self, feedback: Sequence[Feedback]) -> Self:
        """This selector, having seen that."""


SELECTORS: Registry[type[Selector]] = Registry("model-selection policy", "policies.select")
select = SELECTORS.register
