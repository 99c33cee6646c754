"""What trying things out may cost: dollars billed for requests that were not sent where they would do best."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Self

MOST_OPEN = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """Dollars for exploring: a sum at the start and a share of all dollars spent; reserved when sent, settled later."""

    start_usd: float = float("inf")
    share: float = 0.0
    spent_usd: float = 0.0  # on all requests
    explored_usd: float = 0.0  # on exploring ones, reserved or billed
    reserved: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))  # by id, exploring, not billed

    def left_usd(self) -> float:
        """What one more exploring request may cost."""
        return self.start_usd + self.share * self.spent_usd - self.explored_usd

    def sent(self, request: str, usd: float, exploring: bool) -> Self:
        """A request was sent that should cost so much."""
        if not exploring:
            return replace(self, spent_usd=self.spent_usd + usd)
        reserved = dict(self.reserved)
        if len(reserved) >= MOST_OPEN:  # never billed: what was reserved stands
            del reserved[next(iter(reserved))]
        reserved[request] = usd
        return replace(
            self,
            spent_usd=self.spent_usd + usd,
            explored_usd=self.explored_usd + usd,
            reserved=MappingProxyType(reserved),
        )

    def billed(self, bills: Mapping[str, float]) -> Self:
        """What requests did cost, by id; those that did not explore change nothing here."""
        mine = {request: usd for request, usd in bills.items() if request in self.reserved}
        if not mine:
            return self
        more = sum(usd - self.reserved[request] for request, usd in mine.items())
        left = {request: usd for request, usd in self.reserved.items() if request not in mine}
        return replace(
            self,
            spent_usd=self.spent_usd + more,
            explored_usd=self.explored_usd + more,
            reserved=MappingProxyType(left),
        )
