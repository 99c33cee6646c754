"""With which probability a policy takes each option of a logged request."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from policies.evaluate.logged import Floats
from policies.select.port import Context, Option, Selector

DRAWS = 64


@runtime_checkable
class TellsOdds(Protocol):
    """A selector that knows its odds."""

    def probabilities(self, context: Context, options: Sequence[Option]) -> Floats:
        """With which probability each option is taken; sums to one."""


def odds(policy: Selector, context: Context, options: Sequence[Option]) -> Floats:
    """The policy's own odds where it tells them; otherwise its shares over request ids of the same request.

    Never the logged id: a policy that draws from it would agree with the log more often than by chance.
    """
    if isinstance(policy, TellsOdds):
        return np.asarray(policy.probabilities(context, options))
    shares = np.zeros(len(options))
    for i in range(DRAWS):
        choice = policy.choose(context._replace(id=f"{context.id}/again/{i}"), options)
        if choice.propensity >= 1.0 - 1e-9:
            return np.asarray(np.arange(len(options)) == choice.option, dtype=np.float64)
        shares[choice.option] += 1.0 / DRAWS
    return shares
