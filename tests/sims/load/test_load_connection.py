"""A connection carries one request at a time and tells once what became of it, whatever bytes come."""

import asyncio
from itertools import pairwise
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from sims.arrival import Arrival
from sims.load.connection import Connection
from sims.load.flight import Flight
from tests.sims.load.wire import HEAD, TOKEN, chunk, event, reply, streamed


class Pipe:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close


class Line:
    """A connection at hand, and what it told."""

    def __init__(self) -> None:
        self.now = 0.0
        self.told: list[Flight] = []
        self.pipe = Pipe()
        self.connection = Connection(lambda: self.now, lambda _, flight: self.told.append(flight))
        self.connection.connection_made(cast("asyncio.Transport", self.pipe))

    def send(self) -> Flight:
        arrival = Arrival(at=0.0, prompt_tokens=1, output_tokens=3)
        flight = Flight(arrival=arrival, request_id="r", message=b"POST", scheduled=0.0)
        self.connection.send(flight)
        return flight


GOOD = b"".join(piece for _, piece in streamed(3) if piece)


def test_a_request_goes_out_as_it_is() -> None:
    line = Line()
    line.send()
    assert line.pipe.written == b"POST"
    assert not line.connection.usable


def test_a_reply_frees_the_connection() -> None:
    line = Line()
    flight = line.send()
    line.connection.data_received(GOOD)
    assert line.told == [flight]
    assert (line.connection.usable, line.connection.answered) == (True, 1)


@given(st.lists(st.integers(1, len(GOOD) - 1), max_size=20))
def test_a_reply_may_come_in_any_pieces(cuts: list[int]) -> None:
    line = Line()
    flight = line.send()
    edges = [0, *sorted(set(cuts)), len(GOOD)]
    for start, end in pairwise(edges):
        line.connection.data_received(GOOD[start:end])
    assert line.told == [flight]
    assert (flight.error, flight.status, flight.replica, flight.answer.usage()) == ("", 200, "a-0", (10, 3, 4))


@given(st.binary(min_size=1, max_size=200))
def test_no_bytes_break_it(data: bytes) -> None:
    line = Line()
    flight = line.send()
    line.connection.data_received(data)
    line.connection.connection_lost(None)
    assert line.told == [flight]
    assert flight.error


def test_several_requests_in_turn_each_get_their_own_reply() -> None:
    line = Line()
    for number in range(3):
        flight = line.send()
        line.connection.data_received(GOOD if number != 1 else reply(500, b"no"))
        assert flight.status == (200 if number != 1 else 500)
    assert len(line.told) == 3


def test_a_connection_that_closes_after_its_reply_is_not_usable() -> None:
    line = Line()
    line.send()
    line.connection.data_received(reply(200, b"{}", "Connection: close\r\n"))
    assert line.pipe.closed
    assert not line.connection.usable


def test_losing_an_idle_connection_is_nobodys_business() -> None:
    line = Line()
    line.connection.connection_lost(None)
    assert line.told == []


def test_bytes_that_nobody_asked_for_are_ignored() -> None:
    line = Line()
    line.connection.data_received(GOOD)
    assert line.told == []


def test_an_abandoned_flight_is_not_told_of_again() -> None:
    line = Line()
    line.send()
    line.connection.data_received(HEAD + chunk(event(TOKEN)))
    line.connection.abandon()
    line.connection.connection_lost(None)
    assert line.told == []
    assert line.pipe.closed


def test_tokens_are_timed_when_their_bytes_come() -> None:
    line = Line()
    flight = line.send()
    for line.now, piece in ((1.0, HEAD), (2.0, chunk(event(TOKEN))), (5.0, chunk(event(TOKEN)))):
        line.connection.data_received(piece)
    assert (flight.answer.first, flight.answer.last) == (2.0, 5.0)
