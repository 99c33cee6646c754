"""Large requests of one gateway: their bodies are read apart, then they go on like any other."""

from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

from router.apart.answer import Ask, Wrong
from router.apart.reader import Reader
from router.gateway.body import BadRequest, ForeignKv
from router.gateway.exchange import Exchange
from router.order import Order

if TYPE_CHECKING:
    from router.gateway.client import Client
    from router.gateway.head import Head
    from router.gateway.server import Gateway

UNRULED = 256 << 10  # bytes of a body that are read on the loop where no rules and no tokens ask for more of it

GoOn = Callable[[Order], None]


class LargeBodies:
    """Has bodies read by a process beside the gateway."""

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway, self._reader = gateway, Reader()

    def takes(self, size: int) -> bool:
        """Whether reading so many bytes here could hold the loop for long."""
        gateway = self._gateway
        return (
            size > UNRULED or gateway.auto is not None or any(one.counts_every for one in gateway.core.models.values())
        )

    def begin(self, client: "Client", head: "Head", body: bytes, request_id: str) -> None:
        """A large request came."""
        exchange = Exchange(self._gateway, client, head, body, Order(request_id, "", body))
        client.exchange = exchange
        ruled = self._gateway.auto is not None
        self._read(exchange, body, ruled, lambda order: self._begun(exchange, body, order))

    def again(self, exchange: Exchange, body: bytes, then: GoOn) -> None:
        """A large request's body was written anew."""
        self._read(exchange, body, False, lambda order: self._counted(exchange, body, order, then))

    def close(self) -> None:
        """Let the process end."""
        self._reader.close()

    def _begun(self, exchange: Exchange, body: bytes, order: Order) -> None:
        auto = self._gateway.auto
        body = self._gateway.rewritten(order, body)

        def go_on(counted: Order) -> None:
            exchange.becomes(body, counted)
            self._gateway.begun(exchange, body)

        if auto is not None and order.model in auto.names:
            go_on(order)
        else:
            self._counted(exchange, body, order, go_on)

    def _read(self, exchange: Exchange, body: bytes, ruled: bool, then: GoOn) -> None:
        limits = self._gateway.limits
        asked = Ask(exchange.head.path, exchange.order.id, limits.max_output_tokens, limits.max_choices, ruled)

        def heard(found: Order | Wrong | None) -> None:
            if exchange.ended:
                return
            if found is None:
                found = self._here(exchange, body)
            if isinstance(found, Wrong):
                self._refuse(exchange, found)
            else:
                self._gateway.told_of(found, exchange.head)
                then(found)

        self._reader.read(asked, body, heard)

    def _refuse(self, exchange: Exchange, wrong: Wrong) -> None:
        bad = BadRequest(wrong.message, wrong.param)
        exchange.answer_early(self._gateway.wrong(exchange.order.id, bad, wrong.foreign))

    def _here(self, exchange: Exchange, body: bytes) -> Order | Wrong:
        """The process ended over a body: it is read on the loop."""
        core = self._gateway.core
        core.complaints.say("reader", "the process that reads large bodies ended: one is read on the loop", monotonic())
        try:
            return self._gateway.read(exchange.order.id, exchange.head, body)[0]
        except BadRequest as bad:
            return Wrong(bad.message, bad.param, isinstance(bad, ForeignKv))

    def _counted(self, exchange: Exchange, body: bytes, order: Order, then: GoOn) -> None:
        """Go on once its tokens are counted, where they are to be."""
        model = self._gateway.core.models.get(order.model)
        if model is None or order.tokens is not None or order.media or not model.counts(order):
            then(order)
            return
        limits, head = self._gateway.limits, exchange.head
        asked = Ask(
            head.path, order.id, limits.max_output_tokens, limits.max_choices, vocabulary=model.tokenizer_name,
            template=model.chat_template,
        )  # fmt: skip

        def heard(found: Order | Wrong | None) -> None:
            if exchange.ended:
                return
            if isinstance(found, Wrong):
                self._refuse(exchange, found)
                return
            if found is not None:
                order.tokens, order.untold = found.tokens, found.untold
            then(order)

        self._reader.read(asked, body, heard)
