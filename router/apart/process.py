"""`python -m router.apart.process FD`: reads bodies for one gateway until that is gone."""

import signal
import sys
from array import array
from contextlib import suppress
from multiprocessing.connection import Connection

from router.apart.answer import AT_ONCE, FIELDS, Answer, Ask, Noted, Wrong, shortened
from router.auto.facts import told
from router.auto.schema import places
from router.gateway.body import BadRequest, ForeignKv, Limits, parse, tokenise
from router.order import Order
from weir.tokenizer import UnknownTokenizer, tokenizer


def answer(pipe: Connection, asked: Ask, body: bytes) -> None:
    """Read one body and say what it holds."""
    try:
        order = read(asked, body)
    except BadRequest as bad:
        pipe.send(Wrong(bad.message, bad.param, isinstance(bad, ForeignKv)))
        return
    noted, tokens = Noted(*(getattr(order, name) for name in FIELDS)), order.tokens if asked.vocabulary else None
    if not asked.ruled:
        pipe.send(Answer(noted, tokens=tokens is not None))
    else:
        said = told(body)
        messages = shortened(said.messages)
        pipe.send(Answer(noted, said._replace(messages=()), places(body), len(messages), tokens is not None))
        for at in range(0, len(messages), AT_ONCE):
            pipe.send(messages[at : at + AT_ONCE])
    if tokens is not None:
        pipe.send_bytes(array("I", tokens).tobytes())


def read(asked: Ask, body: bytes) -> Order:
    """A body as an order, its tokens counted where that is asked; raises `BadRequest`."""
    order = parse(asked.path, body, asked.id, Limits(asked.max_output_tokens, asked.max_choices))
    if asked.vocabulary:
        with suppress(UnknownTokenizer):  # it goes on as text
            tokenise(order, asked.template, tokenizer(asked.vocabulary, asked.template))
    return order


def serve(pipe: Connection) -> None:
    """Answer until the other end is gone."""
    while True:
        try:
            asked = pipe.recv()
            body = pipe.recv_bytes()
        except (EOFError, OSError):
            return
        answer(pipe, asked, body)


def main() -> None:
    """Started by the gateway with the number of its end of a pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the gateway ends first, and with it the pipe
    with Connection(int(sys.argv[1])) as pipe:
        serve(pipe)


if __name__ == "__main__":
    main()
