"""Kinds of replicas that a plan may use: one GPU type, so many of them, in one region, with its latency model."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from policies.perf.latency import LatencyModel
from policies.perf.profiles import DoesNotFit
from policies.perf.replica import DEFAULTS
from sims.analytic.traffic import Traffic
from sims.plan.asked import Asked, Deadline, NoPlan, Offer, SloClass
from sims.plan.traffic import Bools, Floats
from weir.codec import replica
from weir.fleetfile import Pool, message

BATCH = 32.0
"""Requests that a busy replica is taken to decode at once when its draw is guessed, before it is simulated."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kind:
    """One kind of replica."""

    name: str  # also its pool's
    offer: Offer
    pool: Pool  # as the fleet file describes it, with one replica
    perf: LatencyModel
    context_limit: int  # tokens of prompt and answer that it takes at most

    @property
    def gpus(self) -> int:
        """GPUs a replica spans."""
        return self.pool.gpus_per_replica

    @property
    def usd_per_hour(self) -> float:
        """Rent of one replica."""
        return self.perf.price_per_hour

    @property
    def watts(self) -> float:
        """About what a busy replica draws."""
        return self.perf.watts(BATCH)

    def idle_ttft(self, prompt: float, cached: float = 0.0) -> float:
        """Seconds to the first token of one prompt alone on an idle replica."""
        return self.perf.frontend_s + self.perf.prefill_seconds(max(prompt - cached, 1.0), cached)

    def idle_tpot(self, prompt: float, output: float) -> float:
        """Seconds a token of one request alone."""
        return self.perf.decode_seconds(1.0, prompt + output / 2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A kind that was not considered, and why."""

    name: str
    why: str


def kinds_of(asked: Asked) -> tuple[list[Kind], list[Rejected]]:
    """Every kind that the model fits on, smallest first, and those it does not; raises NoPlan when it fits nowhere."""
    found: list[Kind] = []
    rejected: list[Rejected] = []
    for offer in asked.offers:
        if asked.limits.regions and offer.region not in asked.limits.regions:
            rejected.append(Rejected(name=offer.name, why=_elsewhere(offer, asked.limits.regions)))
            continue
        for size in offer.sizes:
            name = f"{offer.name.replace('@', '-')}-x{size}" if size > 1 else offer.name.replace("@", "-")
            if offer.count is not None and size > offer.count:
                rejected.append(Rejected(name=name, why=f"{offer.name}: {offer.count} GPUs are fewer than {size}"))
                continue
            try:
                found.append(kind(asked, offer, size, name))
            except DoesNotFit as error:
                rejected.append(Rejected(name=name, why=str(error)))
    if not found:
        raise NoPlan(_none(asked, rejected))
    return found, rejected


def _none(asked: Asked, rejected: Sequence[Rejected]) -> str:
    """Why no kind is left: what is rented elsewhere or too few is not too small."""
    if asked.limits.regions and all(offer.region not in asked.limits.regions for offer in asked.offers):
        return f"no GPU is offered where it may be rented: {rejected[-1].why}"
    return f"no offered GPU can hold {asked.model}: {rejected[-1].why}"


def _elsewhere(offer: Offer, regions: Sequence[str]) -> str:
    where = f"in region {offer.region}" if offer.region else "offered in no region"
    return f"{offer.gpu} is {where}, and only {', '.join(regions)} may be used"


def kind(asked: Asked, offer: Offer, size: int, name: str) -> Kind:
    """One kind; raises DoesNotFit, UnknownProfile."""
    engine = asked.engine
    if offer.network_s:
        frontend = DEFAULTS["frontend_s"][0] if engine.frontend_s is None else engine.frontend_s
        engine = engine.model_copy(update={"frontend_s": frontend + offer.network_s})
    pool = Pool(
        name=name, gpu=offer.gpu, model=asked.model, gpus_per_replica=size, replicas=1, engine=engine,
        price_per_gpu_hour=offer.price,
    )  # fmt: skip
    one = replica(message(pool, 0, ""))
    return Kind(name=name, offer=offer, pool=pool, perf=one.perf, context_limit=one.context_limit)


def class_of(traffic: Traffic, classes: Iterable[SloClass]) -> Iterator[tuple[SloClass, Bools]]:
    """Each class with the points of the traffic that belong to it."""
    left = np.ones(len(traffic.prompts), np.bool_)
    for one in classes:
        mine = left & (traffic.prompts <= one.most_prompt)
        left &= ~mine
        yield one, mine


def late(kind: Kind, limit: Deadline, what: str, traffic: Traffic) -> Bools:
    """Which requests miss a deadline even alone on an idle replica of that kind; shape [points]."""
    if what == "ttft":
        return _idle_ttft(kind, traffic) > limit.seconds
    perf = kind.perf
    context = traffic.prompts + traffic.outputs / 2.0
    alone = np.array([perf.decode_seconds(1.0, 0.0)]) + perf.slowdown * perf.context_s * context
    return np.asarray((alone > limit.seconds) & (traffic.outputs > 1.0))


def refusal(kind: Kind, asked: Asked, traffic: Traffic) -> str:
    """Why a kind alone cannot serve the traffic; empty when it can."""
    if not fits_longest(kind, traffic):
        return too_long(kind, traffic)
    for one, mine in class_of(traffic, asked.classes):
        for what, limit in one.limits:
            share = float(traffic.weights[mine & late(kind, limit, what, traffic)].sum())
            total = float(traffic.weights[mine].sum())
            if total > 0.0 and share > (1.0 - limit.percentile / 100.0) * total:
                return _said(kind, one, what, limit, traffic, mine)
    return ""


def fits_longest(kind: Kind, traffic: Traffic) -> bool:
    """Whether a replica has room for the longest request."""
    return bool(traffic.totals.max() <= kind.perf.kv_tokens)


def too_long(kind: Kind, traffic: Traffic) -> str:
    """That the longest request does not fit, in a sentence."""
    longest = float(traffic.totals.max())
    return f"the longest request has {longest:,.0f} tokens and a replica holds {kind.perf.kv_tokens:,} tokens of KV"


def _said(kind: Kind, one: SloClass, what: str, limit: Deadline, traffic: Traffic, mine: Bools) -> str:
    seconds = _idle_ttft(kind, traffic) if what == "ttft" else np.array(
        [kind.idle_tpot(p, o) for p, o in zip(traffic.prompts, traffic.outputs, strict=True)])  # fmt: skip
    best = weighted_percentile(seconds[mine], traffic.weights[mine], limit.percentile)
    whose = "" if one.name == "all" else f" of {one.name}"
    alone = "one idle prompt of that length takes" if what == "ttft" else "a request alone takes"
    return (
        f"{what.upper()} p{limit.percentile:g}{whose} of {limit.seconds:g} s cannot be met: {alone} "
        f"{best:.3g} s, {best / limit.seconds:.1f} times as long"
    )


def weighted_percentile(values: Floats, weights: Floats, percentile: float) -> float:
    """The value that this share of the weight does not exceed; inf of none."""
    if not len(values):
        return inf
    order = np.argsort(values)
    place = int(np.searchsorted(np.cumsum(weights[order]), percentile / 100.0 * weights.sum()))
    return float(values[order][min(place, len(order) - 1)])


def _idle_ttft(kind: Kind, traffic: Traffic) -> Floats:
    """Seconds to the first token of each request alone."""
    perf = kind.perf
    new = np.maximum(traffic.prompts - traffic.cached, 1.0)
    steps = np.ceil(new / perf.chunk_tokens)
    attended = new * (traffic.cached + new / 2.0)
    work = perf.prefill_base_s * steps + perf.token_s * new + perf.attention_s * attended
    return np.asarray(perf.frontend_s + perf.slowdown * work)
