"""What requests are promised: the deadlines of each SLO class and how much it matters."""

from router.settings import Settings


class Promises:
    """The deadlines and classes of a router's settings."""

    __slots__ = ("_classes", "tpot_s", "ttft_s")

    def __init__(self, settings: Settings) -> None:
        ttft_s, tpot_s = self.ttft_s, self.tpot_s = settings.ttft_slo_s, settings.tpot_slo_s
        self._classes = {
            name: (own_ttft_s or ttft_s, own_tpot_s or tpot_s, priority)
            for name, own_ttft_s, own_tpot_s, priority in settings.slo_classes
        }

    def deadlines(self, slo: str) -> tuple[float, float]:
        """TTFT and TPOT, seconds, of requests of a class; those of no class where nobody described it."""
        told = self._classes.get(slo) if slo else None
        return (self.ttft_s, self.tpot_s) if told is None else (told[0], told[1])

    def priority(self, slo: str) -> int:
        """How much requests of a class matter; 0 for those of none, or of one that nobody described."""
        told = self._classes.get(slo)
        return told[2] if told is not None else 0
