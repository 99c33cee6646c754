"""What a model refused for good stays refused, whoever asks how (WRP direction O10).

Free text is never a rule: a declaration is typed (caller, agent, kind of action), and made by a call, not by a phrase.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, NamedTuple, Self

DECLARES = "declare_boundary"
"""The tool by which a model declares; an engine's answer with this call is read, its text is not."""

FOREVER = float("inf")


class Boundary(NamedTuple):
    """What is refused to whom."""

    caller: str
    agent: str
    action: str  # a kind of action from a closed list


@dataclass(frozen=True, slots=True, kw_only=True)
class Commitments:
    """Boundaries in force, each with the moment until which it holds."""

    actions: frozenset[str]  # the closed list
    until: Mapping[Boundary, float] = field(default_factory=lambda: MappingProxyType({}))

    def declared(self, caller: str, agent: str, arguments: Mapping[str, Any], now: float) -> Self:
        """Having seen the declaring call; what is hedged, unknown or ill-typed binds nobody."""
        action, ttl = arguments.get("action"), arguments.get("ttl_s", FOREVER)
        firm = arguments.get("firm") is True
        if not firm or not isinstance(action, str) or action not in self.actions or not isinstance(ttl, int | float):
            return self
        if not ttl > 0.0:
            return self
        boundary = Boundary(caller, agent, action)
        held = max(self.until.get(boundary, 0.0), now + ttl)  # a later, shorter one does not loosen it
        return replace(self, until=MappingProxyType({**self.until, boundary: held}))

    def forbids(self, caller: str, agent: str, action: str, now: float) -> bool:
        """Whether a request is answered with 403, unseen by the model."""
        return now < self.until.get(Boundary(caller, agent, action), 0.0)

    def lifted(self, boundary: Boundary, *, by_owner: bool) -> Self:
        """Without one boundary; only its owner may."""
        if not by_owner or boundary not in self.until:
            return self
        return replace(self, until=MappingProxyType({b: t for b, t in self.until.items() if b != boundary}))
