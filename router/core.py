"""The only orchestration: a request's facts in, a placement out, its outcome back in."""

from collections.abc import Sequence
from time import perf_counter

from policies.candidates import Candidate
from policies.decision import Outcome, Queue, Refusal, Shed
from policies.fleet import Fleet, Replica
from policies.native.placer import Placer
from policies.policy import routing
from policies.request import hash31
from router.held import Held
from router.metrics import Metrics
from router.models import Model
from router.order import Order
from router.record import Observer
from router.settings import Settings
from router.view import Load, View

NOBODY: frozenset[int] = frozenset()
SLACK = 1.02  # an estimated prompt may be this much over the limit before it is refused: the engine knows best


class Placement:
    """A request that was sent: where, what was predicted, and the load it is counted for."""

    __slots__ = (
        "cached_tokens", "cost_usd", "decode", "expected_tokens", "first_seen", "load", "model", "noted", "order",
        "prompt_tokens", "propensity", "record", "replica", "row", "sent_at", "tpot_s", "ttft_s",
    )  # fmt: skip

    def __init__(self, order: Order, model: Model, replica: Replica, row: int, placer: Placer, now: float) -> None:
        self.order, self.model, self.replica, self.row = order, model, replica, row
        self.sent_at, told = now, placer.told
        self.propensity, self.ttft_s, self.tpot_s = told[0], told[1], told[2]
        self.cost_usd, self.cached_tokens = told[3], told[4]
        self.decode = int(told[5])  # the row that is to decode: the same one, unless that only computes prompts
        self.first_seen = False  # whether its first token has come
        self.prompt_tokens, self.expected_tokens = placer.prompt_tokens, placer.expected_tokens
        uncached = max(self.prompt_tokens - self.cached_tokens, 1.0)
        attended = uncached * (self.prompt_tokens - 0.5 * uncached)
        self.load = Load(row, uncached, attended, self.prompt_tokens + 0.5 * self.expected_tokens)
        self.record: dict[str, object] | None = None
        self.noted: Sequence[Candidate] = ()  # predictions for every candidate, where somebody asked for them


class Core:
    """Decides with one compiled policy over one view of the fleet; single-threaded, no I/O."""

    __slots__ = (
        "_block_bytes", "_tpot_slo_s", "_ttft_slo_s", "fleet", "held", "metrics", "models", "placer", "recorder",
        "settings", "view",
    )  # fmt: skip

    def __init__(self, settings: Settings, metrics: Metrics, recorder: Observer | None = None) -> None:
        self.settings, self.metrics, self.recorder = settings, metrics, recorder
        self.fleet = Fleet()
        self.view = View(self.fleet)
        self.held = Held(self.fleet, settings.index_blocks)
        policy = routing(settings.policy, dict(settings.policy_settings))
        self.placer = Placer(policy, self.fleet, self.held.index, self.held.blocks)
        self.models: dict[str, Model] = {}
        self._block_bytes = settings.text_block_bytes
        self._ttft_slo_s, self._tpot_slo_s = settings.ttft_slo_s, settings.tpot_slo_s

    def join(self, replica: Replica) -> int:
        """A replica joined, or its facts changed."""
        row = self.view.join(replica)
        if replica.model not in self.models:
            number = self.fleet.model(replica.model)
            self.models[replica.model] = Model(number, replica, self.settings.tokens)
        if replica.events:
            self.models[replica.model].publishes = True
        return row

    def reads_events(self, row: int) -> bool:
        """Whether a replica's KV events can be matched with prompts here; if not, what it was sent must do."""
        replica = self.fleet.replicas[row]
        return replica is not None and self.models[replica.model].counts_tokens

    def leave(self, name: str) -> None:
        """A replica left."""
        if name in self.fleet.rows:
            self.held.leave(self.view.leave(name))

    def place(self, order: Order, now: float, avoid: frozenset[int] = NOBODY) -> Placement | Queue | Shed:
        """Decide where a request goes and count it there; `avoid` are rows that just failed it."""
        model = self.models.get(order.model)
        if model is None:
            return Shed(Refusal.UNKNOWN_MODEL)
        started = perf_counter()
        hidden = self.view.without(avoid) if avoid else None
        row, block_tokens = self._choose(order, model, now)
        if hidden is not None:
            self.view.restore(hidden)
            if row < 0:
                row, block_tokens = self._choose(order, model, now)
        if self.placer.prompt_tokens + max(order.max_tokens, 1) > SLACK * model.context_limit:
            return Shed(Refusal.TOO_LONG)
        if row < 0:
            return Queue("no replica is ready")
        placement = self._sent(order, model, row, block_tokens, now)
        self.metrics.decision(perf_counter() - started)
        return placement

    def decoder(self, placement: Placement, now: float, avoid: frozenset[int] = NOBODY) -> int:
        """The row that should decode what the placement's replica has computed, on the fleet as it is now; -1 where
        nobody can, or nobody but `avoid`.
        """
        hidden = self.view.without(avoid) if avoid else None
        self._ask(placement.order, placement.model, placement.prompt_tokens)
        row = self.placer.decoder(placement.row)
        if hidden is not None:
            self.view.restore(hidden)
        return row

    def hand_over(self, placement: Placement, row: int) -> None:
        """Its prompt is computed and its decode leg goes to `row`: count it there from now on."""
        replica = self.fleet.replicas[row]
        assert replica is not None
        placement.decode = row
        self.view.hand_over(placement.load, row)

    def transferred(self, placement: Placement, seconds: float) -> None:
        """Its KV took so many seconds from the replica that computed it to the one that decodes."""
        self.view.transferred(placement.row, placement.decode, placement.prompt_tokens, seconds)

    def first_token(self, placement: Placement, now: float) -> None:
        """Its first token came."""
        if not placement.first_seen:
            placement.first_seen = True
            if not placement.load.started:
                self.view.start(placement.load)
            self.metrics.first_token(
                placement.model.name, placement.replica.pool, placement.ttft_s, now - placement.sent_at
            )

    def end(self, placement: Placement, outcome: Outcome) -> None:
        """It ended: take its load away and learn from it."""
        self.view.end(placement.load)
        if outcome.ok:
            estimate = placement.model.estimate
            if outcome.prompt_tokens > 0:
                estimate.learn_prompt(placement.order.text_bytes, outcome.prompt_tokens)
            if outcome.output_tokens > 0:
                estimate.learn_output(outcome.output_tokens)
        self.metrics.end(
            placement.model.name, placement.replica.pool, placement.cached_tokens, placement.cost_usd, outcome
        )
        if self.recorder is not None:
            self.recorder.outcome(placement, outcome)

    def _choose(self, order: Order, model: Model, now: float) -> tuple[int, float]:
        """The chosen row or -1, and the tokens of a block."""
        placer, tokens = self.placer, order.tokens
        if tokens is not None:
            self._ask(order, model, float(model.hash_tokens(self.held.blocks, tokens)))
            block_tokens = float(model.block_tokens)
            return placer.place_hashed(block_tokens, now), block_tokens
        per_token = model.estimate.bytes_per_token
        self._ask(order, model, float(order.prompt_tokens) or max(order.text_bytes / per_token, 1.0))
        block_tokens = self._block_bytes / per_token
        row = placer.place_text(order.text, order.start, self._block_bytes, block_tokens, model.text_parent, now)
        return row, block_tokens

    def _ask(self, order: Order, model: Model, tokens: float) -> None:
        expected = model.estimate.expected_tokens
        if order.max_tokens and order.max_tokens < expected:
            expected = float(order.max_tokens)
        session = float(hash31(order.session)) if order.session else 0.0
        self.placer.ask(
            float(hash31(order.id)), session, model.number, tokens, float(order.max_tokens), expected, self._ttft_slo_s,
            self._tpot_slo_s,
        )  # fmt: skip

    def _sent(self, order: Order, model: Model, row: int, block_tokens: float, now: float) -> Placement:
        replica = self.fleet.replicas[row]
        assert replica is not None
        placement = Placement(order, model, replica, row, self.placer, now)
        if self.recorder is not None:
            self.recorder.decision(self, placement, block_tokens)
        self.view.send(placement.load)
        if not self.held.publishes(row) and (fresh := self.placer.remember(row)):
            self.held.sent(row, fresh, block_tokens)
        return placement
