"""Counters of one worker in plain lists; the methods are the hooks that the core and the gateway call."""

from bisect import bisect_left

from policies.decision import Outcome
from router.counts import CacheCounts, HistogramCounts, LearningCounts, SeriesCounts, Snapshot

SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0]
TOKEN_SECONDS = [0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2, 0.5, 1.0]
DECISIONS = [5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2]
RELATIVE = [0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0]


class Histogram:
    """Counts by bucket."""

    __slots__ = ("counts", "edges", "total")

    def __init__(self, edges: list[float]) -> None:
        self.edges = edges
        self.counts = [0] * (len(edges) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.edges, value)] += 1
        self.total += value

    def told(self) -> HistogramCounts:
        """What was counted."""
        return HistogramCounts(self.edges, self.counts, self.total)


class Series:
    """The counts of one (model, pool)."""

    __slots__ = (
        "cached_error", "cached_predicted", "cached_reported", "codes", "e2e", "output_tokens", "prompt_tokens", "tpot",
        "ttft", "ttft_error", "usd",
    )  # fmt: skip

    def __init__(self) -> None:
        self.ttft, self.e2e = Histogram(SECONDS), Histogram(SECONDS)
        self.tpot, self.ttft_error = Histogram(TOKEN_SECONDS), Histogram(RELATIVE)
        self.codes: dict[int, int] = {}
        self.prompt_tokens = self.output_tokens = 0
        self.cached_predicted = self.cached_reported = self.cached_error = self.usd = 0.0

    def answered(self, cached_tokens: float, usd: float, outcome: Outcome) -> None:
        """A request was answered."""
        self.e2e.observe(outcome.e2e_s)
        self.prompt_tokens += outcome.prompt_tokens
        self.output_tokens += outcome.output_tokens
        self.usd += usd
        if outcome.output_tokens > 1:
            self.tpot.observe(outcome.tpot_s)
        if outcome.cached_tokens >= 0:
            self.cached_predicted += cached_tokens
            self.cached_reported += outcome.cached_tokens
            self.cached_error += abs(cached_tokens - outcome.cached_tokens)

    def told(self) -> SeriesCounts:
        """What was counted."""
        return SeriesCounts(
            self.ttft.told(), self.tpot.told(), self.e2e.told(), self.ttft_error.told(), self.codes, self.prompt_tokens,
            self.output_tokens, self.cached_predicted, self.cached_reported, self.cached_error, self.usd,
        )  # fmt: skip


class Metrics:
    """The counters of one worker."""

    __slots__ = (
        "_caches", "_decisions", "_series", "broken", "cached", "cascades", "chosen", "connections", "continuations",
        "handovers", "held", "in_flight", "judged_decisions", "learning", "refusals", "retries", "sessions",
        "shortened", "unread", "untold",
    )  # fmt: skip

    def __init__(self) -> None:
        self._series: dict[tuple[str, str], Series] = {}
        self._decisions = Histogram(DECISIONS)
        self._caches: dict[str, CacheCounts] = {}
        self.untold: dict[str, int] = {}
        self.chosen: dict[str, int] = {}  # requests by the rule that chose their model
        self.unread: dict[str, int] = {}  # requests decided without readings that were wanted, by why
        self.judged_decisions: dict[str, int] = {}
        self.learning = LearningCounts()
        self.cached: dict[str, int] = {}  # requests that the response cache was asked for, by what it knew
        self.cascades: dict[str, int] = {}  # cheap answers, by what became of them
        self.sessions: dict[str, int] = {}  # what was done to requests because of their session or caller
        self.shortened: dict[str, int] = {}  # prompts compressed to fit a pool of short ones, by model
        self.refusals: dict[str, int] = {}
        self.retries: dict[str, int] = {}
        self.continuations: dict[str, int] = {}
        self.handovers: dict[str, int] = {}
        self.broken: dict[str, int] = {}
        self.connections = self.held = self.in_flight = 0

    def decision(self, seconds: float) -> None:
        """A request was sent after so many seconds of deciding."""
        self._decisions.observe(seconds)
        self.in_flight += 1

    def first_token(self, model: str, pool: str, predicted_s: float, seconds: float) -> None:
        """A first token came so many seconds after the request was sent."""
        series = self.series(model, pool)
        series.ttft.observe(seconds)
        series.ttft_error.observe(abs(predicted_s - seconds) / max(seconds, 1e-3))

    def end(self, model: str, pool: str, cached_tokens: float, usd: float, outcome: Outcome) -> None:
        """A sent request ended; what was predicted of it stands beside what happened."""
        series = self.series(model, pool)
        self.in_flight -= 1
        series.codes[outcome.status] = series.codes.get(outcome.status, 0) + 1
        if outcome.ok:
            series.answered(cached_tokens, usd, outcome)

    def judged(self, replica: str, predicted: float, reported: float, possible: bool, mispredicted: bool) -> None:
        """An engine said how many tokens of a prompt it had cached, beside what its events had said."""
        counts = self._caches.get(replica)
        if counts is None:
            counts = self._caches[replica] = CacheCounts()
        counts.mispredicted = int(mispredicted)
        if not possible:
            counts.impossible += 1
            return
        counts.predicted += predicted
        counts.reported += reported
        counts.error += abs(predicted - reported)

    def as_text(self, why: str) -> None:
        """A prompt is compared as text, because its tokens could not be told."""
        self.untold[why] = self.untold.get(why, 0) + 1

    def squeezed(self, model: str) -> None:
        """A prompt was compressed to fit a pool of short ones."""
        self.shortened[model] = self.shortened.get(model, 0) + 1

    def chosen_by(self, rule: str) -> None:
        """A rule chose a request's model."""
        self.chosen[rule] = self.chosen.get(rule, 0) + 1

    def unread_signals(self, why: str) -> None:
        """A request is decided without readings that its rules wanted."""
        self.unread[why] = self.unread.get(why, 0) + 1

    def looked_up(self, result: str) -> None:
        """The response cache was asked: hit, alike, miss, or it was not asked, by why."""
        self.cached[result] = self.cached.get(result, 0) + 1

    def cascaded(self, act: str) -> None:
        """A cheap answer was kept, or a dearer model was asked."""
        self.cascades[act] = self.cascades.get(act, 0) + 1

    def session_did(self, what: str) -> None:
        """A session, or its caller, changed what was done with a request."""
        self.sessions[what] = self.sessions.get(what, 0) + 1

    def judged_decision(self, verdict: str) -> None:
        """Feedback came, and was taken or refused."""
        self.judged_decisions[verdict] = self.judged_decisions.get(verdict, 0) + 1

    def refused(self, reason: str) -> None:
        """A request was refused."""
        self.refusals[reason] = self.refusals.get(reason, 0) + 1

    def retried(self, why: str) -> None:
        """An attempt failed and another is made."""
        self.retries[why] = self.retries.get(why, 0) + 1

    def continued(self, why: str) -> None:
        """A stream broke and goes on at another replica."""
        self.continuations[why] = self.continuations.get(why, 0) + 1

    def handed_over(self, outcome: str) -> None:
        """A prompt computed on one replica was to be decoded on another."""
        self.handovers[outcome] = self.handovers.get(outcome, 0) + 1

    def broke_off(self, why: str) -> None:
        """A reply stopped half-way, and nobody could go on with it."""
        self.broken[why] = self.broken.get(why, 0) + 1

    def series(self, model: str, pool: str) -> Series:
        """The counts of one model in one pool."""
        found = self._series.get((model, pool))
        if found is None:
            found = self._series[(model, pool)] = Series()
        return found

    def snapshot(self) -> Snapshot:
        """Everything counted so far."""
        series = {f"{model}\t{pool}": counts.told() for (model, pool), counts in self._series.items()}
        return Snapshot(
            series, self.refusals, self.retries, self._decisions.told(), self.connections, self.held, self.in_flight,
            caches=self._caches, untold=self.untold, continuations=self.continuations, handovers=self.handovers,
            broken=self.broken, chosen=self.chosen, unread=self.unread, judged=self.judged_decisions,
            cached=self.cached, cascades=self.cascades, sessions=self.sessions, learning=self.learning,
            shortened=self.shortened,
        )  # fmt: skip
