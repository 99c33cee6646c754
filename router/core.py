"""The only orchestration: a request's facts in, a placement out, its outcome back in."""

from collections.abc import Sequence
from time import perf_counter
from typing import NamedTuple

from policies.candidates import Candidate
from policies.decision import Outcome, Queue, Refusal, Shed
from policies.fleet import Fleet, Replica
from policies.native.placer import Placer
from policies.policy import Routing, routing
from policies.request import Ask, hash31
from policies.select.pace import Pace
from router.adapters import Adapters
from router.boundaries import Boundaries
from router.coming import Coming
from router.complaints import Complaints
from router.guesses import Guesses
from router.held import APPROXIMATE, Held
from router.metrics import Metrics
from router.models import Model
from router.order import Order
from router.promises import Promises
from router.record import Observer
from router.retention import Retention, spliced
from router.rewriting import Rewriting
from router.settings import Settings
from router.tally import Tally, lateness
from router.truth import possible, turn
from router.view import Load, View

NOBODY: frozenset[int] = frozenset()
SLACK = 1.02  # an estimated prompt may be this much over the limit before it is refused: the engine knows best


class Placement:
    """A request that was sent: where, what was predicted, and the load it is counted for."""

    __slots__ = (
        "cached_tokens", "cost_usd", "decode", "exact", "expected_tokens", "first_seen", "known_tokens", "load",
        "model", "noted", "order", "prompt_tokens", "propensity", "record", "replica", "row", "sent_at", "splice",
        "tpot_s", "ttft_s",
    )  # fmt: skip

    def __init__(self, order: Order, model: Model, replica: Replica, row: int, placer: Placer, now: float) -> None:
        self.order, self.model, self.replica, self.row = order, model, replica, row
        self.sent_at, told = now, placer.told
        self.propensity, self.ttft_s, self.tpot_s = told[0], told[1], told[2]
        self.cost_usd, self.cached_tokens = told[3], told[4]
        self.known_tokens = self.cached_tokens  # the part of them that is no guess
        self.exact = False  # whether the replica's own events said so
        self.decode = int(told[5])  # the row that is to decode: the same one, unless that only computes prompts
        self.first_seen = False  # whether its first token has come
        self.prompt_tokens, self.expected_tokens = placer.prompt_tokens, placer.expected_tokens
        uncached = max(self.prompt_tokens - self.cached_tokens, 1.0)
        attended = uncached * (self.prompt_tokens - 0.5 * uncached)
        self.load = Load(row, uncached, attended, self.prompt_tokens + 0.5 * self.expected_tokens)
        self.record: dict[str, object] | None = None
        self.splice = b""  # members of the body's object that the engine is to read beside the client's
        self.noted: Sequence[Candidate] = ()  # predictions for every candidate, where somebody asked for them


class Foreseen(NamedTuple):
    """Where a request would go now, and what is predicted of it there."""

    row: int
    decode: int  # the row that would decode: the same one, unless that only computes prompts
    ttft_s: float
    tpot_s: float
    cost_usd: float
    cached_tokens: float
    prompt_tokens: float
    expected_tokens: float


class Core:
    """Decides with one compiled policy over one view of the fleet; single-threaded, no I/O."""

    __slots__ = (
        "_beside", "_block_bytes", "_guessed", "_guesses", "adapters", "boundaries", "coming", "complaints", "fleet",
        "held", "metrics", "models", "own", "pace", "placer", "promises", "recorder", "retention", "rewriting",
        "settings", "tally", "used", "view",
    )  # fmt: skip

    def __init__(self, settings: Settings, metrics: Metrics, recorder: Observer | None = None) -> None:
        self.own, self.metrics, self.recorder = settings, metrics, recorder  # `own`: as it was started
        self.fleet = Fleet()
        self.view = View(self.fleet)
        self.held = Held(self.fleet, settings.index_blocks)
        self._decide_by(routing(settings.policy, dict(settings.policy_settings)))
        self._promise(settings)
        self.tally = Tally()
        self.models: dict[str, Model] = {}
        self.coming = Coming(self.fleet, settings)
        self.adapters, self.complaints = Adapters(self.fleet), Complaints()
        self.retention, self._block_bytes = Retention(), settings.text_block_bytes
        self.pace: Pace | None = None  # of prompts sent, where somebody chooses models by it

    def direct(self, settings: Settings) -> None:
        """Decide by others from now on; raises `UnknownName` or `BadSetting`, and nothing is another then."""
        policy = routing(settings.policy, dict(settings.policy_settings))
        if policy != self.placer.policy:
            self._decide_by(policy)
        self._promise(settings)

    def _decide_by(self, policy: Routing) -> None:
        self.placer = self.used = Placer(policy, self.fleet, self.held.index, self.held.blocks)
        self._beside = Placer(policy, self.fleet, self.held.guessed, self.held.blocks)
        self._guesses, self._guessed = Guesses(policy, self.fleet, self.held), False

    def _promise(self, settings: Settings) -> None:
        self.settings, self.promises, self.rewriting = settings, Promises(settings), Rewriting(settings)
        self.boundaries = Boundaries(self.fleet, settings.boundaries)

    def join(self, replica: Replica, adapters: Sequence[str] = ()) -> int:
        """A replica joined, or its facts changed; the adapters are those it serves beside its model."""
        row = self.view.join(replica)
        self.boundaries.lay(row)
        self._serves(row, [name for name in adapters if name != replica.model])
        for name in (replica.model, *self.adapters.of(row)):
            self._know(name, replica).described(replica, self.fleet.model(replica.model))
        return row

    def expect(self, elastic: Sequence[tuple[Replica, Sequence[str]]]) -> None:
        """Pools that get replicas when requests wait, one of each with its adapters: they are known without any."""
        for replica, adapters in elastic:
            for name in (replica.model, *adapters):
                self._know(name, replica)
        self.coming.names = frozenset([name for replica, adapters in elastic for name in (replica.model, *adapters)])

    def reads_events(self, row: int) -> bool:
        """Whether a replica's KV events can be matched with prompts here; if not, what it was sent must do."""
        replica = self.fleet.replicas[row]
        return replica is not None and self.models[replica.model].counts_tokens

    def leave(self, name: str) -> None:
        """A replica left."""
        if name in self.fleet.rows:
            row = self.view.leave(name)
            self.held.leave(row)
            self.retention.leave(row)
            self._serves(row, [])

    def place(self, order: Order, now: float, avoid: frozenset[int] = NOBODY) -> Placement | Queue | Shed:
        """Decide where a request goes and count it there; `avoid` are rows that just failed it."""
        model = self.models.get(order.model)
        if model is None:
            return Shed(Refusal.UNKNOWN_MODEL)
        started = perf_counter()
        self.held.expire(now)
        lacking = self.view.without(self.adapters.lacking(model.name)) if model.adapter else None
        fenced = self._fence(order.pools)
        hidden = self.view.without(avoid) if avoid else None
        row, block_tokens = self._choose(order, model, now)
        if hidden is not None:
            self.view.restore(hidden)
        if fenced is not None:
            self.view.restore(fenced)
        if row < 0 and (hidden is not None or fenced is not None):
            row, block_tokens = self._choose_again(order, model, avoid, now)
        if self.used is self._beside:
            self.metrics.as_text(order.untold or "not tokenised")
        if lacking is not None:
            self.view.restore(lacking)
        if self.used.prompt_tokens + max(order.max_tokens, 1) > SLACK * model.context_limit:
            return Shed(Refusal.TOO_LONG)
        if row < 0:
            return Shed(Refusal.NO_REPLICA) if order.sheddable else Queue("no replica is ready")
        if order.sheddable and self.used.told[1] > self.promises.deadlines(order.slo)[0]:
            return Shed(Refusal.SATURATED)
        placement = self._sent(order, model, row, block_tokens, now)
        self.metrics.decision(perf_counter() - started)
        return placement

    def foresee(self, order: Order, now: float) -> Foreseen | None:
        """Where a request would go if it were sent now, nothing counted; None where nobody is ready for it."""
        model = self.models.get(order.model)
        if model is None:
            return None
        self.held.expire(now)
        fenced = self._fence(order.pools)
        row, _ = self._choose(order, model, now)
        if fenced is not None:
            self.view.restore(fenced)
        if row < 0:
            return None
        used, told = self.used, self.used.told
        return Foreseen(row, int(told[5]), told[1], told[2], told[3], told[4], used.prompt_tokens, used.expected_tokens)

    def decoder(self, placement: Placement, now: float, avoid: frozenset[int] = NOBODY) -> int:
        """The row that should now decode what the placement's replica has computed; -1 where nobody can but `avoid`."""
        fenced = self._fence(placement.order.widest)
        hidden = self.view.without(avoid) if avoid else None
        self._ask(placement.order, placement.model, placement.prompt_tokens)
        row = self.placer.decoder(placement.row)
        for shown in (hidden, fenced):
            if shown is not None:
                self.view.restore(shown)
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

    def end(self, placement: Placement, outcome: Outcome, seen: bool = True) -> None:
        """It ended: take its load away and learn from it; unless it was `seen` the outcome is what was predicted."""
        self.view.end(placement.load)
        self._count(placement, outcome, seen)
        if outcome.ok:
            estimate = placement.model.estimate
            if outcome.prompt_tokens > 0 and not placement.order.media:
                estimate.learn_prompt(placement.order.text_bytes, outcome.prompt_tokens)
            if outcome.output_tokens > 0:
                estimate.learn_output(outcome.output_tokens)
            self._judge(placement, outcome)
            if self.retention.rows:
                took_s = outcome.ttft_s + outcome.tpot_s * max(outcome.output_tokens - 1, 0)
                self.retention.answered(placement.order.session, placement.sent_at + took_s)
        self.metrics.end(
            placement.model.name, placement.replica.pool, placement.cached_tokens, placement.cost_usd, outcome
        )
        if self.recorder is not None:
            self.recorder.outcome(placement, outcome)

    def body_refused(self, message: str, foreign: bool, now: float) -> None:
        """A request's body was refused: it is counted, and a client's own hand-over (`foreign`) named in the log."""
        self.metrics.refused("foreign-kv" if foreign else "bad-request")
        if foreign:
            self.complaints.say("foreign-kv", f"a client's own hand-over is refused: {message}", now)

    def knowledge(self, placement: Placement) -> str:
        """How well the chosen replica's cache is known for this prompt: of text, events say nothing."""
        if placement.order.tokens is None and self.held.publishes(placement.row):
            return APPROXIMATE
        return self.held.knowledge(placement.row)

    def question(self, request_id: str, model: Model, tokens: float, max_tokens: int) -> Ask:
        """What a prediction of a request on a model is asked with, before there is an order for it."""
        expected = model.estimate.expected_tokens
        if max_tokens and max_tokens < expected:
            expected = float(max_tokens)
        return Ask(
            float(hash31(request_id)), 0.0, model.number, tokens, float(max_tokens), expected, self.promises.ttft_s,
            self.promises.tpot_s,
        )  # fmt: skip

    def _fence(self, pools: tuple[str, ...]) -> list[int] | None:
        """Hide the rows of all other pools, where a request may only go to these."""
        if not pools:
            return None
        rows = [row for row, one in enumerate(self.fleet.replicas) if one is not None and one.pool not in pools]
        return self.view.without(frozenset(rows))

    def _know(self, name: str, replica: Replica) -> Model:
        """The model of that name: the replica's own, or an adapter that it serves."""
        if name not in self.models:
            adapter = name if name != replica.model else ""
            self.models[name] = Model(self.fleet.model(replica.model), replica, self.settings.tokens, adapter)
        return self.models[name]

    def _serves(self, row: int, adapters: list[str]) -> None:
        """A replica serves these adapters from now on; what nobody serves or will serve is not known any more."""
        for gone in self.adapters.tell(row, adapters):
            if gone in self.models and self.models[gone].adapter and gone not in self.coming.names:
                del self.models[gone]

    def _count(self, placement: Placement, outcome: Outcome, seen: bool) -> None:
        """Count an answer where it was given: by the replica that decoded it."""
        decoder = self.fleet.replicas[placement.decode] if placement.decode not in (placement.row, -1) else None
        by, order, late = decoder or placement.replica, placement.order, -1
        if seen:
            promised = self.promises.deadlines(order.slo)
            late = lateness(outcome, promised, streams=order.stream, begun=placement.first_seen)
        unseen = 0.0 if seen else placement.expected_tokens
        self.tally.ended(by.pool, by.role, outcome, late, unseen, order.uncut_tokens or placement.prompt_tokens)

    def _choose(self, order: Order, model: Model, now: float) -> tuple[int, float]:
        """The chosen row or -1, and the tokens of a block."""
        self.used, self._guessed = self.placer, False
        if order.tokens is not None:
            self._ask(order, model, float(model.hash_tokens(self.held.blocks, order)))
            block_tokens = float(model.block_tokens)
            row = self.placer.place_hashed(block_tokens, now)
            if self.held.guesses:
                self._guessed = True
                row = self._guesses.consider(self.placer, row, block_tokens, now)
            return row, block_tokens
        if model.publishes and model.counts_tokens:
            self.used = self._beside  # events are in tokens: as text it is compared with what was sent as text
        per_token = model.estimate.bytes_per_token
        self._ask(order, model, float(order.prompt_tokens) or max(order.text_bytes / per_token, 1.0))
        block_tokens = self._block_bytes / per_token
        parent = model.roots(order.salt)[1] if order.salt else model.text_parent
        row = self.used.place_text(order.text, order.start, self._block_bytes, block_tokens, parent, now)
        return row, block_tokens

    def _choose_again(self, order: Order, model: Model, avoid: frozenset[int], now: float) -> tuple[int, float]:
        """The same where nobody was ready: in its wider pools, and then even among those that just failed it."""
        row, block_tokens = -1, 0.0
        for pools, hiding in ((order.widest, avoid), (order.pools, NOBODY)):
            fenced = self._fence(pools)
            hidden = self.view.without(hiding) if hiding else None
            row, block_tokens = self._choose(order, model, now)
            for shown in (hidden, fenced):
                if shown is not None:
                    self.view.restore(shown)
            if row >= 0:
                break
        return row, block_tokens

    def _ask(self, order: Order, model: Model, tokens: float) -> None:
        expected = model.estimate.expected_tokens * order.longer
        if order.max_tokens and order.max_tokens < expected:
            expected = float(order.max_tokens)
        most, limit = float(order.max_tokens), float(model.context_limit)
        if limit < tokens + max(most, 1.0) <= SLACK * limit:
            most = min(most, limit - 1.0)
            tokens = min(tokens, limit - max(most, 1.0))
        session = float(hash31(order.session)) if order.session else 0.0
        ttft_s, tpot_s = self.promises.deadlines(order.slo)
        self.used.ask(float(hash31(order.id)), session, model.number, tokens, most, expected, ttft_s, tpot_s)

    def _sent(self, order: Order, model: Model, row: int, block_tokens: float, now: float) -> Placement:
        replica = self.fleet.replicas[row]
        assert replica is not None
        placement = Placement(order, model, replica, row, self.used, now)
        placement.exact = order.tokens is not None and self.held.publishes(row)
        if self._guessed:
            placement.known_tokens = self._guesses.known(row, placement.cached_tokens, placement.prompt_tokens)
        if self.recorder is not None:
            self.recorder.decision(self, placement, block_tokens)
        self.view.send(placement.load)
        asked = order.uncut_tokens or placement.prompt_tokens
        self.tally.sent(replica.pool, replica.role, placement.load.queued, asked)
        if self.pace is not None:
            columns = self.fleet.columns
            self.pace.sent(row, placement.load.queued * float(columns.token_s[row] * columns.slowdown[row]), now)
        self._remember(placement, block_tokens, now)
        if self.retention.rows:
            self._keep(placement, now)
        return placement

    def _keep(self, placement: Placement, now: float) -> None:
        """Ask the engine to keep what this session will come back to, where it takes that."""
        answer_s = placement.ttft_s + placement.tpot_s * placement.expected_tokens
        kv_tokens = float(self.fleet.columns.kv_tokens[placement.row])
        order, tokens = placement.order, placement.prompt_tokens + placement.expected_tokens
        asked = self.retention.ask(placement.row, order.session, order.tools, tokens, kv_tokens, answer_s, now)
        if asked is not None:
            placement.splice = spliced(asked, order.session)

    def _remember(self, placement: Placement, block_tokens: float, now: float) -> None:
        """Note what the replica will hold of the prompt, unless its events are to be waited for."""
        row, held = placement.row, self.held
        if self.used is self._beside or row in held.mispredicted:
            if fresh := self._beside.remember(row):
                held.guess(row, fresh, block_tokens)
        elif not placement.exact:
            if fresh := self.placer.remember(row):
                held.sent(row, fresh, block_tokens)
        elif placement.cached_tokens < held.blocks.n * block_tokens:
            held.expect(row, now, placement.ttft_s)

    def _judge(self, placement: Placement, outcome: Outcome) -> None:
        """Hold what the replica's events said against what its engine reports."""
        replica = self.fleet.replicas[placement.row]
        if not placement.exact or outcome.cached_tokens == -1 or replica is None:
            return
        if replica.name != placement.replica.name or replica.epoch != placement.replica.epoch:
            return
        known, reported = placement.known_tokens, float(outcome.cached_tokens)
        believed = placement.row not in self.held.mispredicted
        perhaps = max(known, placement.cached_tokens) if believed else known
        prompt_tokens = float(outcome.prompt_tokens or placement.prompt_tokens)
        if not possible(reported, prompt_tokens):
            lie = (
                f"{replica.name} reports {reported:.0f} cached tokens of a prompt of {prompt_tokens:.0f}: not believed"
            )
            self.complaints.say(f"cached {replica.name}", lie, placement.sent_at)
        if self.held.judge(placement.row, known, perhaps, reported, prompt_tokens, placement.sent_at):
            believed = not believed
            self.complaints.say(f"{believed} {replica.name}", turn(replica.name, believed), placement.sent_at)
        self.metrics.judged(replica.name, known, reported, possible(reported, prompt_tokens), not believed)
