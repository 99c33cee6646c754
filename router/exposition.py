"""The workers' counts as Prometheus metrics: the sum over workers, dead ones included, so that nothing goes back."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from router.counts import CacheCounts, HistogramCounts, LearningCounts, SeriesCounts, Snapshot
from router.metrics import Metrics, Series
from router.telling import add


class Exposition:
    """Gathers snapshots and shows them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(self)
        self._live: dict[int, Snapshot] = {}
        self._dead: list[Snapshot] = []
        self._pool_up = True
        self._server: Any = None

    def serve(self, host: str, port: int) -> None:
        """Answer scrapes on a port of its own, in a thread of its own."""
        self._server, _ = start_http_server(port, addr=host, registry=self.registry)

    def close(self) -> None:
        """Stop answering."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def told(self, worker: int, snapshot: Snapshot) -> None:
        """A worker's counts since it started."""
        self._live[worker] = snapshot

    def ended(self, worker: int) -> None:
        """A worker is gone; what it counted stays, what it held does not."""
        last = self._live.pop(worker, None)
        if last is not None:
            last.connections = last.held = last.in_flight = 0
            last.waiting = {}
            last.index_blocks = last.index_bytes = last.rss_bytes = 0
            for cache in last.caches.values():
                cache.mispredicted = 0
            self._dead = [merged([*self._dead, last])]

    def snapshots(self) -> list[Snapshot]:
        """What every worker counted, those that are gone as one."""
        return [*self._dead, *self._live.values()]

    def pool_is(self, up: bool) -> None:
        """Whether the pool service is heard."""
        self._pool_up = up

    def collect(self) -> Iterator[Metric]:
        """Every metric, for Prometheus."""
        total = merged(self.snapshots())
        yield from _per_series(total)
        yield from _promises(total)
        yield _counter("weir_refused", "Requests refused, by reason.", "reason", total.refused)
        yield _counter("weir_text_prompts", "Prompts compared as text though events are in tokens, by why.", "why",
                       total.untold)  # fmt: skip
        yield _counter("weir_prompts_compressed", "Prompts compressed to fit a pool of short ones.", "model",
                       total.shortened)  # fmt: skip
        yield from _choices(total)
        yield from _per_replica(total)
        yield _counter("weir_retries", "Attempts made again, by what failed.", "why", total.retries)
        yield _counter("weir_continuations", "Streams that went on at another replica, by what broke them.", "why",
                       total.continuations)  # fmt: skip
        yield _counter("weir_handovers", "Prompts handed from one replica to another, by outcome.", "outcome",
                       total.handovers)  # fmt: skip
        yield _counter("weir_replies_broken", "Replies that stopped half-way, by why.", "why", total.broken)
        decide = HistogramMetricFamily("weir_decision_seconds", "Seconds to decide one request.")
        decide.add_metric([], _buckets(total.decisions), total.decisions.total)
        yield decide
        yield from self._gauges(total)

    def _gauges(self, total: Snapshot) -> Iterator[Metric]:
        shown = {
            "weir_connections": ("Client connections open.", total.connections),
            "weir_queued_requests": ("Requests held for a replica to become ready.", total.held),
            "weir_in_flight_requests": ("Requests sent and not yet ended.", total.in_flight),
            "weir_index_blocks": ("Blocks in the workers' KV indexes.", total.index_blocks),
            "weir_index_bytes": ("Bytes of the workers' KV indexes.", total.index_bytes),
            "weir_index_refused_blocks": ("Blocks that did not fit the index.", total.index_refused),
            "weir_pool_up": ("1 while the pool service is heard.", float(self._pool_up)),
        }
        for name, (told, value) in shown.items():
            yield GaugeMetricFamily(name, told, value=value)
        known = GaugeMetricFamily(
            "weir_replicas", "Replicas by how well their KV cache is known.", labels=["knowledge"]
        )
        # every worker is told the same; the core that answers Route beside them counts no replicas
        for level, n in next((each.knowledge for each in self._live.values() if each.knowledge), {}).items():
            known.add_metric([level], n)
        yield known
        yield _policies(self._live.values())
        memory = GaugeMetricFamily("weir_worker_rss_bytes", "Resident memory of a worker.", labels=["worker"])
        for worker, snapshot in sorted(self._live.items()):
            if worker < 0:  # no process of its own
                continue
            memory.add_metric([str(worker)], snapshot.rss_bytes)
        yield memory


def _policies(live: Iterable[Snapshot]) -> Metric:
    family = GaugeMetricFamily("weir_policy", "Workers by the policy that they decide by.", labels=["policy"])
    for policy, workers in Counter(snapshot.policy for snapshot in live if snapshot.policy).items():
        family.add_metric([policy], workers)
    return family


def _promises(total: Snapshot) -> Iterator[Metric]:
    judged = CounterMetricFamily("weir_answers_judged", "Answers of which it is known whether they kept their "
                                 "deadlines.", labels=["pool", "role"])  # fmt: skip
    late = CounterMetricFamily("weir_answers_late", "Of those, the ones that missed one.", labels=["pool", "role"])
    for key, counts in total.demand.items():
        judged.add_metric(key.split("\t"), counts.judged)
        late.add_metric(key.split("\t"), counts.late)
    yield from (judged, late)


def _choices(total: Snapshot) -> Iterator[Metric]:
    yield _counter("weir_chosen", "Requests whose model a rule chose, by rule.", "rule", total.chosen)
    yield _counter(
        "weir_unread_signals", "Requests decided without readings that were wanted, by why.", "why", total.unread
    )
    yield _counter("weir_feedback", "Feedback on decisions, by what became of it.", "verdict", total.judged)
    yield _counter(
        "weir_response_cache", "Requests looked up in the response cache, by result.", "result", total.cached
    )
    yield _counter("weir_cascades", "Cheap answers of cascades, by what became of them.", "act", total.cascades)
    yield _counter("weir_sessions", "What sessions and callers changed of requests.", "what", total.sessions)
    learning = total.learning
    for field, (name, said, label) in LEARNING.items():
        yield _counter(name, said, label, getattr(learning, field))
    yield CounterMetricFamily("weir_learning_dropped", "Verdicts that came too fast to be learned.", learning.dropped)
    yield GaugeMetricFamily("weir_exploration_usd", "Dollars that trying models out has cost.", learning.explored_usd)
    yield GaugeMetricFamily("weir_exploration_budget_usd", "Dollars that it may have cost by now.", learning.budget_usd)


LEARNING = {
    "choices": ("weir_model_choices", "Requests whose model a learner chose, by model.", "model"),
    "verdicts": ("weir_verdicts", "Verdicts that were learned from, by who gave them.", "source"),
    "judged": ("weir_judged_choices", "Choices that got a verdict, by model.", "model"),
    "quality": ("weir_judged_quality", "Sum of the verdicts' qualities, 0 to 1 each, by model.", "model"),
    "usd": ("weir_judged_usd", "Sum of what the judged choices did cost, by model.", "model"),
}


CACHES = {
    "predicted": ("weir_replica_cached_tokens_predicted", "Cached tokens that a replica's events said it had."),
    "reported": ("weir_replica_cached_tokens_reported", "Cached tokens that its engine reported of the same prompts."),
    "error": ("weir_replica_cached_tokens_error", "Sum of |predicted - reported| cached tokens."),
    "impossible": ("weir_replica_cached_tokens_impossible", "Reports of cached tokens that cannot be."),
}


def _per_replica(total: Snapshot) -> Iterator[Metric]:
    for field, (name, told) in CACHES.items():
        yield _counter(name, told, "replica", {one: getattr(counts, field) for one, counts in total.caches.items()})
    doubted = GaugeMetricFamily(
        "weir_replica_mispredicted", "Workers for which a replica's cache counts as approximate.", labels=["replica"]
    )
    for replica, counts in total.caches.items():
        doubted.add_metric([replica], counts.mispredicted)
    yield doubted


HISTOGRAMS = {
    "ttft": ("weir_ttft_seconds", "Seconds from sending a streamed request to its first token."),
    "tpot": ("weir_tpot_seconds", "Seconds per output token after the first."),
    "e2e": ("weir_e2e_seconds", "Seconds from arrival to the last byte."),
    "ttft_error": ("weir_ttft_relative_error", "|predicted - actual| / actual of the time to first token."),
}
COUNTERS = {
    "prompt_tokens": ("weir_prompt_tokens", "Prompt tokens of answered requests."),
    "output_tokens": ("weir_output_tokens", "Output tokens of answered requests."),
    "cached_predicted": ("weir_cached_tokens_predicted", "Cached tokens predicted, where the engine reported them."),
    "cached_reported": ("weir_cached_tokens_reported", "Cached tokens the engines reported."),
    "cached_error": ("weir_cached_tokens_error", "Sum of |predicted - reported| cached tokens."),
    "usd": ("weir_predicted_usd", "Predicted dollars of replica time."),
}
LABELS = ["model", "pool"]


def _per_series(total: Snapshot) -> Iterator[Metric]:
    requests = CounterMetricFamily("weir_requests", "Requests sent to replicas, by status.", labels=[*LABELS, "code"])
    families: dict[str, Any] = {k: HistogramMetricFamily(*v, labels=LABELS) for k, v in HISTOGRAMS.items()}
    families |= {k: CounterMetricFamily(*v, labels=LABELS) for k, v in COUNTERS.items()}
    for key, counts in total.series.items():
        labels = key.split("\t")
        for code, n in counts.codes.items():
            requests.add_metric([*labels, str(code)], n)
        for field in HISTOGRAMS:
            observed = getattr(counts, field)
            families[field].add_metric(labels, _buckets(observed), observed.total)
        for field in COUNTERS:
            families[field].add_metric(labels, getattr(counts, field))
    yield requests
    yield from families.values()


def _counter(name: str, told: str, label: str, values: dict[str, Any]) -> Metric:
    family = CounterMetricFamily(name, told, labels=[label])
    for value, n in values.items():
        family.add_metric([value], n)
    return family


def _buckets(observed: HistogramCounts) -> list[tuple[str, float]]:
    total, out = 0, []
    for edge, n in zip([*map(str, observed.edges), "+Inf"], observed.counts, strict=True):
        total += n
        out.append((edge, float(total)))
    return out


def merged(snapshots: list[Snapshot]) -> Snapshot:
    """The sum of several workers' counts."""
    out = Metrics().snapshot()
    for one in snapshots:
        _add_histogram(out.decisions, one.decisions)
        _add_counts(out.refused, one.refused)
        for by in (
            "retries",
            "untold",
            "continuations",
            "handovers",
            "broken",
            "chosen",
            "unread",
            "judged",
            "cached",
            "cascades",
            "sessions",
            "shortened",
        ):
            _add_counts(getattr(out, by), getattr(one, by))
        _add_learning(out.learning, one.learning)
        for replica, cache in one.caches.items():
            into = out.caches.setdefault(replica, CacheCounts())
            for field in CacheCounts.__struct_fields__:
                setattr(into, field, getattr(into, field) + getattr(cache, field))
        add(out.demand, one.demand)
        for key, counts in one.series.items():
            _add_series(out.series.setdefault(key, Series().told()), counts)
        for field in ("connections", "held", "in_flight", "index_blocks", "index_bytes", "index_refused"):
            setattr(out, field, getattr(out, field) + getattr(one, field))
    return out


def _add_learning(into: LearningCounts, counts: LearningCounts) -> None:
    for field in LEARNING:
        _add_counts(getattr(into, field), getattr(counts, field))
    for field in ("explored_usd", "budget_usd", "dropped"):
        setattr(into, field, getattr(into, field) + getattr(counts, field))


def _add_series(into: SeriesCounts, counts: SeriesCounts) -> None:
    for field in HISTOGRAMS:
        _add_histogram(getattr(into, field), getattr(counts, field))
    for field in COUNTERS:
        setattr(into, field, getattr(into, field) + getattr(counts, field))
    _add_counts(into.codes, counts.codes)


def _add_histogram(into: HistogramCounts, counts: HistogramCounts) -> None:
    into.counts = [a + b for a, b in zip(into.counts, counts.counts, strict=True)]
    into.total += counts.total


def _add_counts(into: dict[Any, int], counts: dict[Any, int]) -> None:
    for key, n in counts.items():
        into[key] = into.get(key, 0) + n
