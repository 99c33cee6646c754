"""What requests are promised and how much they matter: by SLO class, and by objective (InferenceObjective)."""

from router.order import Order
from router.settings import Settings


class Promises:
    """The deadlines and priorities of one router."""

    __slots__ = ("_classes", "_objectives", "tpot_s", "ttft_s")

    def __init__(self, settings: Settings) -> None:
        ttft_s, tpot_s = self.ttft_s, self.tpot_s = settings.ttft_slo_s, settings.tpot_slo_s
        self._classes = {
            name: (own_ttft_s or ttft_s, own_tpot_s or tpot_s, priority)
            for name, own_ttft_s, own_tpot_s, priority in settings.slo_classes
        }
        self._objectives = dict(settings.objectives)

    def deadlines(self, slo: str) -> tuple[float, float]:
        """TTFT and TPOT of an SLO class, seconds; of none, or of one that nobody described, everybody's."""
        if slo and slo in self._classes:
            ttft_s, tpot_s, _ = self._classes[slo]
            return ttft_s, tpot_s
        return self.ttft_s, self.tpot_s

    def priority(self, slo: str) -> int:
        """How much requests of an SLO class matter; 0 for those of none, or of one that nobody described."""
        told = self._classes.get(slo)
        return told[2] if told is not None else 0

    def weigh(self, order: Order, objective: str) -> None:
        """Note how much a request matters: as its objective says where it names one, else as its SLO class.

        Below 0 an objective's are refused rather than kept waiting or late; one that nobody described is 0.
        """
        if objective:
            order.priority = self._objectives.get(objective, 0)
            order.sheddable = order.priority < 0
        else:
            order.priority = self.priority(order.slo)
