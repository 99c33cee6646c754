"""Models whose pools get replicas when requests wait for one, and how long requests may wait."""

import numpy as np

from policies.fleet import READY, Fleet
from router.settings import Settings


class Coming:
    """Who is not there yet and will be."""

    __slots__ = ("_fleet", "_settings", "names")

    def __init__(self, fleet: Fleet, settings: Settings) -> None:
        self._fleet, self._settings = fleet, settings
        self.names: frozenset[str] = frozenset()  # models and adapters

    def patience_s(self, name: str) -> float:
        """How long a request for a model may wait for a replica to become ready."""
        return self._settings.start_hold_s if name in self.names else self._settings.hold_s

    def serves(self) -> bool:
        """Whether requests are taken in: somebody is ready, or comes when requests wait."""
        return bool(self.names) or bool(np.any(self._fleet.table[:, READY] > 0.0))
