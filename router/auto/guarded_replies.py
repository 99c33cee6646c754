"""A whole reply whose tool calls are ruled on before the client has a byte of it."""

from time import monotonic

from router.auto.leg_bodies import read
from router.auto.replaying import whole_reply
from router.auto.sending import Sending
from router.gateway.aside import NONE, Aside, Whole, leg
from router.gateway.exchange import KEPT_TAIL


class Guarded:
    """One request, asked aside."""

    def __init__(self, sending: Sending) -> None:
        self._sending = sending
        self._aside: Aside | None = None

    def begin(self) -> None:
        """Ask the model."""
        sending, exchange = self._sending, self._sending.exchange
        exchange.beside = self
        self._aside = Aside(exchange.gateway, self._heard)
        made, slow = leg(exchange, sending.body, "guarded", self._aside)
        made.order.pools, made.order.wider, made.order.choice = sending.pools, sending.wider, sending.choice
        self._aside.begin(made, max(exchange.deadline - monotonic(), 0.0), slow)

    def cancel(self) -> None:
        """The request ended."""
        if self._aside is not None:
            self._aside.cancel()

    def _heard(self, told: Whole) -> None:
        exchange = self._sending.exchange
        answer = read(told.body) if told.status == 200 else None
        lines = self._sending.lines() + told.line(b"x-weir-replica")
        exchange.beside = None
        if answer is None:
            exchange.answer_early((NONE if told.status == 200 else told).relayed(lines))
            return
        exchange.status, exchange.usage = told.status, told.body[-KEPT_TAIL:]
        exchange.answer_early(whole_reply(self._sending.clean(answer), lines))
