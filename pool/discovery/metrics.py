"""Where replicas are found, for Prometheus: what is wrong there, and how lists and watches went."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pool.discovery.fleet import Fleet

COUNTED = ("lists", "watches", "events", "expired", "malformed", "troubles")


class Found(Collector):
    """Families made from the discovery as it stands; none before there is one."""

    def __init__(self) -> None:
        self.fleet: Fleet | None = None

    def collect(self) -> Iterator[Metric]:
        """All families."""
        if self.fleet is None:
            return
        wrong = GaugeMetricFamily(
            "weir_pool_problems", "Things wrong where replicas are found", labels=["pool", "reason"]
        )
        counts: dict[tuple[str, str], int] = {}
        for problem in (*self.fleet.problems, *self.fleet.unable.values()):
            counts[problem.about, problem.reason] = counts.get((problem.about, problem.reason), 0) + 1
        for place, count in counts.items():
            wrong.add_metric(place, count)
        yield wrong
        if self.fleet.leads is not None:
            words = "1 at the pool service that holds the Lease and acts on the fleet"
            yield GaugeMetricFamily("weir_pool_leads", words, value=int(self.fleet.leads))
        if self.fleet.cluster is None:
            return
        went = CounterMetricFamily(
            "weir_pool_watch", "How lists and watches of Kubernetes went", labels=["resource", "what"]
        )
        for watched in self.fleet.cluster:
            for what in COUNTED:
                went.add_metric([watched.reflector.resource.plural, what], getattr(watched.reflector.course, what))
        yield went
