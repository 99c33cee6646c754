"""An order's tokens are counted: on the loop where that is quick, in a thread where it is not."""

import asyncio
from collections.abc import Callable

from router.gateway.body import tokenise
from router.models import Model
from router.order import Order
from weir.tokenizer import Tokenizer


def count_now(order: Order, model: Model | None) -> Tokenizer | None:
    """Count an order's tokens where its model's vocabulary is quick; returns the vocabulary that is not, if any."""
    vocabulary = None if model is None or order.tokens is not None else model.vocabulary(order)
    if model is None or vocabulary is None:
        return None
    if vocabulary.quick:
        tokenise(order, model.chat_template, vocabulary)
        return None
    return vocabulary


def count_apart(order: Order, model: Model, vocabulary: Tokenizer, go_on: Callable[[], None]) -> None:
    """Count with a vocabulary too slow for the loop; `go_on` is called on the loop when that is done or has failed."""

    def done(counted: "asyncio.Future[None]") -> None:
        if counted.cancelled() or counted.exception() is not None:
            order.tokens = None  # it goes on as text
        go_on()

    asyncio.get_running_loop().run_in_executor(
        None, tokenise, order, model.chat_template, vocabulary
    ).add_done_callback(done)
