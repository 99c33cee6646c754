"""Where pools divide a model's requests by length, laid into the fleet's table; and what is to be left of a prompt that
may be compressed to fit the short one.
"""

from policies.boundary import squeezed_tokens
from policies.fleet import BOUND_TOKENS, WIDTH, Fleet
from router.models import Model
from router.order import Order

Told = tuple[tuple[str, str, float, float], ...]
"""The short pool, the long one, tokens and gamma of each boundary."""


class Boundaries:
    """The boundaries in force over one fleet."""

    __slots__ = ("_fleet", "_squeezes", "told")

    def __init__(self, fleet: Fleet, told: Told) -> None:
        self._fleet, self.told = fleet, told
        self._squeezes: dict[str, tuple[float, float]] = {}  # tokens and gamma, by model
        for row in range(len(fleet)):
            self.lay(row)

    def lay(self, row: int) -> None:
        """Enter what the replica in a row takes, it having joined, or the boundaries being others."""
        replica = self._fleet.replicas[row]
        bound = 0.0
        for short, long, tokens, gamma in self.told:
            if replica is not None and replica.pool in (short, long):
                bound = tokens if replica.pool == short else -tokens
                self._squeezes[replica.model] = tokens, gamma
        self._fleet.scalars()[row * WIDTH + BOUND_TOKENS] = bound

    def share(self, order: Order, model: Model) -> float:
        """What is to be left of an order's prompt, 1 for all of it: of one that may not be compressed, too."""
        found = self._squeezes.get(model.name)
        if found is None or not order.compressible or order.media:
            return 1.0
        tokens = prompt_tokens(order, model)
        return squeezed_tokens(tokens, *found) / max(tokens, 1.0)


def prompt_tokens(order: Order, model: Model) -> float:
    """How long an order's prompt is, as far as that is known before it is placed."""
    if order.tokens is not None:
        return float(len(order.tokens))
    return float(order.prompt_tokens) or order.text_bytes / model.estimate.bytes_per_token
