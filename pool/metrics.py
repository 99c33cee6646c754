"""The pool's metrics for Prometheus: read from the live objects when asked, so that events pay nothing."""

from collections import Counter as Counts
from collections.abc import Iterable, Iterator
from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pool.complaints import Complaints
from pool.events import Tally
from pool.feed import Feed
from pool.holdings import Oddities
from pool.registry.failover import Failover
from pool.roles import Switched
from pool.roster import Knowledge, Roster
from pool.routed import Routed
from pool.wanting import Wanting

SCRAPE_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
KINDS = ("stored", "removed", "cleared", "ignored", "malformed")
COMPLAINTS = ("malformed", "misplaced", "odd", "sources", "forged")
ROUTED = {
    "arrived": "Requests that routers sent",
    "ended": "Answers that ended",
    "judged": "Answers of which it is known whether they kept their deadlines",
    "late": "Answers that missed a deadline",
    "prompt_tokens": "Prompt tokens of the requests sent, without what was predicted to be cached",
    "output_tokens": "Tokens of the answers that ended",
}
ODDITIES = ("orphans", "strangers", "contradictions", "refused", "strays")


class Live(Collector):
    """Families made from the roster, the tally and the feed as they stand."""

    def __init__(
        self,
        roster: Roster,
        tally: Tally,
        feed: Feed,
        far: Failover | None,
        complaints: Complaints,
        switched: Switched | None = None,
    ) -> None:
        self._roster, self._tally, self._feed, self._far = roster, tally, feed, far
        self._complaints, self._switched = complaints, switched or Switched()

    def collect(self) -> Iterator[Metric]:
        """All families."""
        yield from self._fleet()
        yield from self._events()
        yield _gauge("weir_pool_subscribers", "Routers that watch", len(self._feed))
        yield _counter("weir_pool_resyncs", "Snapshots sent to routers too slow", self._feed.fallen_behind())
        if self._far is not None:
            yield _gauge("weir_pool_redis_up", "1 when the registry in Redis answers", int(self._far.up))
            yield _counter("weir_pool_redis_losses", "Calls that the registry did not answer", self._far.losses)
        yield from self._roles()
        rejected = {what: self._complaints.counts[what] for what in COMPLAINTS}
        yield _labelled("weir_pool_rejected", "Words of others that were rejected", "what", rejected)

    def _fleet(self) -> Iterator[Metric]:
        ready = GaugeMetricFamily("weir_pool_replicas", "Replicas", labels=["pool", "ready"])
        known = GaugeMetricFamily("weir_pool_knowledge", "Replicas by knowledge of their caches", labels=["knowledge"])
        blocks = GaugeMetricFamily("weir_pool_kv_blocks", "Blocks held, over all tiers", labels=["replica"])
        states: Counts[tuple[str, bool]] = Counts()
        knowledge: Counts[Knowledge] = Counts(dict.fromkeys(Knowledge, 0))
        for entry in self._roster:
            states[entry.described.pool, True] += entry.ready
            states[entry.described.pool, False] += not entry.ready
            knowledge[entry.knowledge] += 1
            blocks.add_metric([entry.name], entry.blocks)
        for (pool, is_ready), count in states.items():
            ready.add_metric([pool, str(is_ready).lower()], count)
        for state, count in knowledge.items():
            known.add_metric([state.value], count)
        yield from (ready, known, blocks)

    def _roles(self) -> Iterator[Metric]:
        roles = GaugeMetricFamily("weir_pool_roles", "Replicas by role", labels=["pool", "role", "empties_for"])
        counts = Counts((e.described.pool, e.described.role or "mixed", e.becoming) for e in self._roster)
        for labels, count in counts.items():
            roles.add_metric(list(labels), count)
        words = "Replicas that changed their role, or would have where it is only told"
        switches = CounterMetricFamily("weir_pool_role_switches", words, labels=["source", "target"])
        for (source, target), count in self._switched.counts.items():
            switches.add_metric([source, target], count)
        yield from (roles, switches)

    def _events(self) -> Iterator[Metric]:
        tally = self._tally
        yield _labelled("weir_pool_kv_events", "KV events taken in", "kind", {k: getattr(tally, k) for k in KINDS})
        yield _counter("weir_pool_kv_frames", "Frames taken in", tally.frames)
        yield _counter("weir_pool_kv_gaps", "Gaps in a replica's events", tally.gaps)
        yield _counter("weir_pool_kv_losses", "Gaps that could not be filled: the replica became unknown", tally.lost)
        yield _counter("weir_pool_kv_resets", "Restarts that a replica's events showed", tally.resets)
        asked = {"asked": tally.replays, "failed": tally.replays_failed}
        yield _labelled("weir_pool_kv_replays", "Replays", "outcome", asked)
        odd = {what: self._odd(what) for what in ODDITIES}
        yield _labelled("weir_pool_kv_oddities", "Things engines said that do not fit", "what", odd)

    def _odd(self, what: str) -> int:
        odds: Iterable[Oddities] = (rank.holdings.odd for entry in self._roster for rank in entry.ranks)
        return sum(getattr(odd, what) for odd in odds)


class Told(Collector):
    """What routers say of requests, as scaling policies are told it."""

    def __init__(self, routed: Routed) -> None:
        self._routed = routed

    def collect(self) -> Iterator[Metric]:
        """All families."""
        yield _gauge("weir_pool_routers", "Routers that tell of their requests", self._routed.routers())
        held = GaugeMetricFamily("weir_pool_held_requests", "Requests that wait at routers", labels=["model"])
        for model, count in self._routed.held().items():
            held.add_metric([model], count)
        yield held
        for what, words in ROUTED.items():
            family = CounterMetricFamily(f"weir_pool_routed_{what}", words, labels=["pool", "role"])
            for labels, counts in list(self._routed.totals.items()):
                family.add_metric(list(labels), getattr(counts, what))
            yield family


class Wants(Collector):
    """How many replicas each pool shall have, for autoscalers that read Prometheus."""

    def __init__(self, wanting: Wanting) -> None:
        self._wanting = wanting

    def collect(self) -> Iterator[Metric]:
        """One family; of a pool that nobody wants anything of it says nothing."""
        wanted = GaugeMetricFamily("weir_pool_replicas_wanted", "Replicas that a pool shall have", labels=["pool"])
        for pool, replicas in self._wanting.replicas.items():
            if replicas is not None:
                wanted.add_metric([pool], replicas)
        yield wanted


class Scrapes:
    """How long looks at replicas take, and how they end."""

    def __init__(self, registry: CollectorRegistry) -> None:
        seconds = Histogram(
            "weir_pool_scrape_seconds", "Asking one replica", ["outcome"], buckets=SCRAPE_BUCKETS, registry=registry
        )
        self._by_outcome = {outcome: seconds.labels(outcome) for outcome in ("ok", "unwell", "no-metrics")}

    def looked(self, seconds: float, outcome: str) -> None:
        """A replica was asked."""
        self._by_outcome[outcome].observe(seconds)


class Page:
    """The metrics' HTTP server; its port is known once it is there."""

    def __init__(self, host: str, port: int, registry: CollectorRegistry) -> None:
        ProcessCollector(registry=registry)
        started: tuple[WSGIServer, Thread] = start_http_server(port, host, registry)
        self._server, self._thread = started
        self.port: int = self._server.server_port

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)


def _counter(name: str, words: str, value: float) -> Metric:
    return CounterMetricFamily(name, words, value=value)


def _labelled(name: str, words: str, label: str, values: dict[str, int]) -> Metric:
    family = CounterMetricFamily(name, words, labels=[label])
    for value, count in values.items():
        family.add_metric([value], count)
    return family
