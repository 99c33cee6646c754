"""What the gateway does when a replica is lost in the middle of a stream: another one goes on."""

from time import monotonic
from typing import TYPE_CHECKING

from router.gateway.continued import PATH, Continued
from router.gateway.seam import UNREADABLE, Seam, seam
from router.order import Order

if TYPE_CHECKING:
    from router.gateway.exchange import Exchange

ASK = b',"return_token_ids":true}'


def spliced(body: bytes) -> bytes:
    """A JSON object that also asks for token ids."""
    return body[: body.rindex(b"}")] + ASK


def take_over(exchange: "Exchange", why: str) -> bool:
    """Let another replica go on with a stream that broke; False where none can, nothing done then."""
    spoken, placement = exchange.spoken, exchange.placement
    if spoken is None or placement is None or not spoken.tracking or not spoken.prompt:
        return False
    try:
        continued = exchange.continued or Continued(
            exchange.head.path == b"/v1/chat/completions", exchange.order.text, spoken
        )
        found = seam(spoken, continued.greedy)
    except UNREADABLE:
        return False
    if found is None:
        return False
    exchange.continued = continued
    if found.finished:
        _finish(exchange, continued.ending(found))
        return True
    left = continued.left(found)
    if (left is not None and left <= 0) or not _allowed(exchange):
        return False
    exchange.settle(placement, ok=False, status=502)
    _go_on(exchange, found, exchange.row, why)
    return True


def _allowed(exchange: "Exchange") -> bool:
    gateway = exchange.gateway
    in_time = monotonic() < exchange.deadline
    return in_time and exchange.attempts < gateway.settings.retries and gateway.budget >= 1.0


def _go_on(exchange: "Exchange", found: Seam, row: int, why: str) -> None:
    """Ask another replica for the rest."""
    gateway, continued = exchange.gateway, exchange.continued
    assert continued is not None
    gateway.core.view.suspend(row, monotonic() + gateway.settings.suspend_s)
    gateway.budget -= 1.0
    exchange.attempts += 1
    exchange.avoid |= {row}
    gateway.core.metrics.continued(why)
    if exchange.legs is not None:
        exchange.legs.close()
        exchange.legs = None
    exchange.order = _rest(exchange.order, continued, found)
    exchange.body = continued.body(found)
    exchange.forward = b"POST %b HTTP/1.1\r\n%b" % (PATH, exchange.head.forward.partition(b"\r\n")[2])
    exchange.id_bytes = b"%b.%d" % (exchange.order.id.encode(), exchange.attempts)
    continued.go_on(found)
    exchange.first_at, exchange.reply = 0.0, None
    exchange.dispatch()


def _rest(order: Order, continued: Continued, found: Seam) -> Order:
    """The order for the rest: its prompt is the client's and what was said since; its text tells the length of the
    client's, from which bytes per token are learned."""
    rest = Order(
        order.id, order.model, order.text, order.start, continued.left(found) or 0, True, order.session,
        order.tenant, order.slo, tokens=continued.prompt + found.ids,
    )  # fmt: skip
    rest.lag, rest.shows_ids, rest.salt, rest.priority = order.lag, order.shows_ids, order.salt, order.priority
    return rest


def _finish(exchange: "Exchange", ending: bytes) -> None:
    """The answer was whole but for the stream's end."""
    assert exchange.placement is not None
    exchange.ended = True
    exchange.settle(exchange.placement, ok=True, status=200)
    exchange.client.transport.write(ending if exchange.through is None else exchange.through.feed(ending))
    exchange.over(True)
    exchange.gateway.served()
    exchange.client.next(not exchange.head.keep)
