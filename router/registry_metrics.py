"""What Prometheus is told of the registry: whether it answers, and what of other routers is known through it."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from router.registry_load import RegistryState
from router.registry_sessions import Sessions


class RegistryMetrics(Collector):
    """Families made from the live objects when asked."""

    def __init__(self, state: RegistryState, sessions: Sessions) -> None:
        self._state, self._sessions = state, sessions

    def collect(self) -> Iterator[Metric]:
        """All families."""
        state, sessions = self._state, self._sessions
        yield GaugeMetricFamily("weir_registry_up", "1 while Redis answers.", value=float(state.up))
        yield GaugeMetricFamily(
            "weir_registry_routers", "Other routers whose load is counted here.", value=state.others
        )
        yield CounterMetricFamily("weir_registry_losses", "Ticks that Redis did not answer.", value=state.losses)
        yield CounterMetricFamily(
            "weir_registry_rejected", "Other routers' loads that were none: left alone.", value=state.rejected
        )
        yield GaugeMetricFamily("weir_registry_sessions", "Sessions whose last replica is known.", value=len(sessions))
        yield CounterMetricFamily("weir_registry_sessions_written", "Sessions written behind.", value=sessions.written)
        yield CounterMetricFamily(
            "weir_registry_sessions_unwritten", "Sessions that found no room to be written.", value=sessions.unwritten
        )
