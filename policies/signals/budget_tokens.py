"""What the caller is ready to spend, in tokens."""

from typing import ClassVar

from policies.signals.amount import amount
from policies.signals.facts import Facts
from policies.signals.port import signal
from policies.signals.reading import Reading


@signal
class BudgetTokens:
    """What the caller is ready to spend, in tokens."""

    kind: ClassVar[str] = "number"
    labels: ClassVar[tuple[str, ...]] = ()

    def read(self, facts: Facts) -> Reading:
        """Tokens from the header `x-weir-budget-tokens`; unknown where it is absent or no amount."""
        return amount(facts.headers.get("x-weir-budget-tokens", ""))
