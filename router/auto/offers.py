"""The models and pools that a rule admits, as options of the fleet as it stands, each with what its tokens cost."""

from collections.abc import Iterator, Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from policies.fleet import MIXED, ROLE
from policies.predict import decode_usd
from policies.select.congestion import Spot
from policies.select.fleet_options import Rates, option
from policies.select.port import Option
from policies.select.rules.deciding import Decided
from router.auto.rewriting import rewritten
from router.auto.session_cuts import Stand
from router.core import Core, Foreseen
from router.order import Order

if TYPE_CHECKING:
    from router.gateway.exchange import Exchange

LARGE = 64 << 10  # bytes of a body above which it is not read again for each model
MILLION = 1e6


class Offer(NamedTuple):
    """One model in one pool, or in the pools that serve it together."""

    option: Option
    pools: tuple[str, ...]
    rates: Rates
    prompt_tokens: float  # predicted
    cached_tokens: float


def offers(
    exchange: "Exchange", found: Decided, prices: Mapping[str, Any], stands: Stand, longer: float = 1.0
) -> list[Offer]:
    """What can be had now of what a rule admits, in the rule's order; models without a ready replica are left out.

    Where a session's failed turns may be cut out, all of it once more without these. `longer` times as long as usual is
    what the answer is expected to be.
    """
    made = _with_body(exchange, found, prices, stands.body, longer)
    if stands.shorter is not None:
        cut = _with_body(exchange, found, prices, stands.shorter, longer)
        made += [one._replace(option=one.option._replace(intervene=True)) for one in cut]
    return made


def _with_body(
    exchange: "Exchange", found: Decided, prices: Mapping[str, Any], body: bytes, longer: float
) -> list[Offer]:
    core, made, now = exchange.gateway.core, list[Offer](), monotonic()
    for model in dict.fromkeys(place.model for place in found.places):
        order = _order(exchange, model, found, body)
        order.longer = longer
        for pools in together(core, model, [place.pool for place in found.places if place.model == model]):
            order.pools = pools
            foreseen = core.foresee(order, now)
            if foreseen is not None:
                made.append(_offer(core, order, foreseen, prices.get(model), now))
    return made


def together(core: Core, model: str, pools: list[str]) -> Iterator[tuple[str, ...]]:
    """A model's pools by themselves, but those of prefill and decode replicas, which serve it together."""
    split = {
        one.pool
        for row, one in enumerate(core.fleet.replicas)
        if one is not None and one.model == model and core.fleet.table[row, ROLE] != MIXED
    }
    yield from ((pool,) for pool in pools if pool not in split)
    if joint := tuple(pool for pool in pools if pool in split):
        yield joint


def _order(exchange: "Exchange", model: str, found: Decided, body: bytes) -> Order:
    """The request as it would be sent to a model, so that what is cached of it there is known."""
    if len(body) > LARGE:
        return _as_text(exchange.order, model, body)
    sent = rewritten(body, model, found.answer.effects)
    return exchange.gateway.read(exchange.order.id, exchange.head, sent)[0]


def _as_text(order: Order, model: str, body: bytes) -> Order:
    """The same prompt, or what is left of it, for another model, compared as text."""
    made = Order(order.id, model, body, order.start, order.max_tokens, session=order.session, tenant=order.tenant)
    made.media, made.said_bytes, made.salt = order.media, order.said_bytes, order.salt
    return made


def _offer(core: Core, order: Order, foreseen: Foreseen, price: Mapping[str, float] | None, now: float) -> Offer:
    ask, cached = core.used.asked(), foreseen.cached_tokens
    rates = listed(price) if price is not None else _of_replica(core, foreseen)
    busy = core.pace.busy(foreseen.row, now) if core.pace is not None else 0.0
    spot = Spot(foreseen.row, foreseen.decode, foreseen.ttft_s, foreseen.tpot_s, cached, busy)
    pool = order.pools[0] if order.pools else ""
    made = option(order.model, pool, ask, core.fleet.table, spot, rates)
    return Offer(made, order.pools, rates, foreseen.prompt_tokens, cached)


def listed(price: Mapping[str, float]) -> Rates:
    """A model's list price, given per million tokens."""
    prompt = price["input_usd"]
    return Rates(prompt / MILLION, price.get("cached_usd", prompt) / MILLION, price["output_usd"] / MILLION)


def _of_replica(core: Core, foreseen: Foreseen) -> Rates:
    """What the replica's time costs, shared out over the tokens that take it; cached ones take none."""
    decoding = decode_usd(core.used.asked(), core.fleet.table, foreseen.decode)
    computed = max(foreseen.prompt_tokens - foreseen.cached_tokens, 1.0)
    prompt_usd = max(foreseen.cost_usd - decoding, 0.0) / computed
    return Rates(prompt_usd, 0.0, decoding / max(foreseen.expected_tokens, 1.0))
