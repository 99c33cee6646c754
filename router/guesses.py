"""A decision taken again where guesses say more than what is known: burst siblings, and mispredicted replicas."""

import numpy as np

from policies.fleet import Fleet
from policies.native.placer import Placer
from policies.native.routes import NativeRoute
from policies.policy import Routing
from router.held import Held


class Guesses:
    """The policy once more, over what is known and guessed together."""

    __slots__ = ("_held", "_known", "_route")

    def __init__(self, policy: Routing, fleet: Fleet, held: Held) -> None:
        self._held, self._route = held, NativeRoute(policy, fleet)
        self._known: list[float] = []  # what was known of the last prompt, by row; empty where nothing was guessed

    def consider(self, placer: Placer, row: int, block_tokens: float, now: float) -> int:
        """The row that guesses lead to, `row` where they say nothing new; `placer` then tells what it was chosen by."""
        held, blocks, known = self._held, self._held.blocks, placer.cached
        joint = self._route.cached
        found = held.guessed.longest_at(blocks.address, blocks.n, block_tokens, self._route.cached_at, len(joint))
        self._known = []
        if not (held.mispredicted or found):
            return row
        trusted = known
        if held.mispredicted:
            trusted = known.copy()
            trusted[list(held.mispredicted)] = 0.0
        if trusted is known and not (joint > known).any():
            return row
        self._known = known[:, 0].tolist()
        np.maximum(joint, trusted, out=joint)
        known[:] = joint
        chosen = self._route.choose(placer.asked(), now)
        if chosen >= 0:
            told = self._route.told()
            for i in range(len(told)):
                placer.told[i] = told[i]
        return chosen

    def known(self, row: int, believed: float, prompt_tokens: float) -> float:
        """Tokens of the last prompt that a replica's events say it holds, where so many are believed."""
        return min(self._known[row], prompt_tokens) if self._known else believed
