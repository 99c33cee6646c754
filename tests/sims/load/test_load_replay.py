"""Arrivals go out on time and every one leaves a record, in fake time against an API without a network."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
import uvloop

from sims.arrival import Arrival
from sims.load.progress import Progress
from sims.load.record import Record
from sims.load.replay import replay
from tests.sims.load.faketime import in_fake_time
from tests.sims.load.wire import HEAD, TOKEN, Api, Script, body, chunk, event, reply, streamed


def arrival(at: float = 0.0, session: str = "", turn: int = 0, after_s: float | None = None) -> Arrival:
    return Arrival(at=at, prompt_tokens=20, output_tokens=3, session=session, turn=turn, after_s=after_s)


@in_fake_time
async def test_a_good_answer_is_timed_and_counted() -> None:
    (record,) = await Api(lambda _: streamed(3)).replay([arrival(2.0)])
    times = (record.scheduled_s, record.sent_s, record.first_token_s, record.last_token_s)
    assert times == pytest.approx((2.0, 2.0, 3.0, 4.0))
    assert (record.request_id, record.model, record.status, record.replica) == ("t-0", "m", 200, "a-0")
    assert (record.prompt_tokens, record.output_tokens, record.cached_tokens) == (10, 3, 4)
    assert record.completed
    assert (record.ttft_s, record.tpot_s, record.e2e_s) == pytest.approx((1.0, 0.5, 2.0))


@in_fake_time
async def test_the_role_is_not_a_token() -> None:
    (record,) = await Api(lambda _: streamed(1, ttft_s=7.0)).replay([arrival()])
    assert record.ttft_s == pytest.approx(7.0)


@in_fake_time
async def test_arrivals_do_not_wait_for_each_other() -> None:
    records = await Api(lambda _: streamed(3, ttft_s=10.0)).replay([arrival(at) for at in (0.0, 1.0, 2.0)])
    assert [record.sent_s for record in records] == pytest.approx([0.0, 1.0, 2.0])


@in_fake_time
async def test_time_can_run_faster_than_the_wall() -> None:
    loop = asyncio.get_running_loop()
    before = loop.time()
    (record,) = await Api(lambda _: streamed(1, ttft_s=0.5)).replay([arrival(100.0)], time_scale=50.0)
    assert loop.time() - before == pytest.approx(2.5, abs=0.01)
    assert (record.scheduled_s, record.ttft_s) == pytest.approx((100.0, 25.0))


@in_fake_time
async def test_records_stand_in_the_order_of_the_trace() -> None:
    waits = iter([9.0, 1.0, 5.0])
    records = await Api(lambda _: streamed(1, ttft_s=next(waits))).replay([arrival(at) for at in (0.0, 0.1, 0.2)])
    assert [record.request_id for record in records] == ["t-0", "t-1", "t-2"]


@in_fake_time
async def test_connections_are_kept_and_used_again() -> None:
    api = Api(lambda _: streamed(1))
    await api.replay([arrival(at) for at in (0.0, 5.0, 10.0)])
    assert (len(api.wires), len(api.requests)) == (1, 3)


@in_fake_time
async def test_a_connection_that_the_server_closes_is_not_used_again() -> None:
    api = Api(lambda _: [(0.0, reply(200, b"{}", "Connection: close\r\n"))])
    await api.replay([arrival(at) for at in (0.0, 5.0)])
    assert len(api.wires) == 2


@in_fake_time
async def test_no_more_than_the_most_are_open_and_the_lag_shows() -> None:
    api = Api(lambda _: streamed(1, ttft_s=10.0))
    records = await api.replay([arrival(), arrival(), arrival()], max_open=2)
    assert len(api.wires) == 2
    assert [record.lag_s for record in records] == pytest.approx([0.0, 0.0, 10.0])


@in_fake_time
async def test_a_turn_waits_for_the_one_before_it_and_then_thinks() -> None:
    turns = [arrival(1.0, "s"), arrival(1.0, "s", 1, after_s=5.0), arrival(1.0, "s", 2, after_s=0.0)]
    records = await Api(lambda _: streamed(1, ttft_s=2.0)).replay(turns)
    assert [record.sent_s for record in records] == pytest.approx([1.0, 8.0, 10.0])
    assert [record.lag_s for record in records] == pytest.approx([0.0, 0.0, 0.0])


@in_fake_time
async def test_thinking_is_scaled_like_all_time() -> None:
    turns = [arrival(0.0, "s"), arrival(0.0, "s", 1, after_s=5.0)]
    records = await Api(lambda _: streamed(1, ttft_s=0.2)).replay(turns, time_scale=10.0)
    assert [record.sent_s for record in records] == pytest.approx([0.0, 7.0])


@in_fake_time
async def test_a_turn_read_after_the_one_before_ended_thinks_from_that_end() -> None:
    turns = [arrival(0.0, "s"), arrival(4.0), arrival(4.0, "s", 1, after_s=7.0)]
    records = await Api(lambda _: streamed(1, ttft_s=1.0)).replay(turns)
    assert records[2].sent_s == pytest.approx(8.0)


@in_fake_time
async def test_turns_without_a_pause_are_open_loop() -> None:
    records = await Api(lambda _: streamed(1, ttft_s=9.0)).replay([arrival(0.0, "s"), arrival(1.0, "s", 1)])
    assert [record.sent_s for record in records] == pytest.approx([0.0, 1.0])


@in_fake_time
async def test_a_failed_turn_does_not_stop_its_session() -> None:
    api = Api(lambda _: [(0.0, reply(500, b"oops"))])
    records = await api.replay([arrival(0.0, "s"), arrival(0.0, "s", 1, after_s=1.0)])
    assert [record.error for record in records] == ["oops", "oops"]


@in_fake_time
async def test_a_refusal_is_recorded_with_its_message() -> None:
    text = b'{"error": {"message": "all replicas are full", "type": "overloaded"}}'
    (record,) = await Api(lambda _: [(0.5, reply(503, text))]).replay([arrival()])
    assert (record.status, record.error, record.shed) == (503, "all replicas are full", True)
    assert (record.ttft_s, record.tpot_s, record.e2e_s) == (None, None, None)


@in_fake_time
async def test_a_refusal_without_a_reason_says_so() -> None:
    (record,) = await Api(lambda _: [(0.0, reply(404, b""))]).replay([arrival()])
    assert (record.error, record.shed, record.completed) == ("no reason given", False, False)


@in_fake_time
async def test_an_api_that_cannot_be_reached_is_recorded() -> None:
    api = Api(lambda _: streamed(1))
    api.refuse = ConnectionRefusedError(111, "Connection refused")
    records = await api.replay([arrival(), arrival(1.0)])
    assert {record.error for record in records} == {"cannot connect: [Errno 111] Connection refused"}


@in_fake_time
async def test_a_connection_lost_amid_the_answer_is_recorded() -> None:
    script: Script = [(0.0, HEAD + chunk(event(TOKEN)) + chunk(event(TOKEN))), (1.0, None)]
    (record,) = await Api(lambda _: script).replay([arrival()])
    assert record.error == "the connection was lost after 2 tokens"
    assert record.output_tokens == 2
    assert not record.completed


@in_fake_time
async def test_a_new_connection_lost_before_the_reply_is_an_error() -> None:
    api = Api(lambda _: [(1.0, None)])
    (record,) = await api.replay([arrival()])
    assert record.error == "the connection was closed before the reply"
    assert len(api.requests) == 1


@in_fake_time
async def test_an_idle_connection_closed_under_a_request_is_asked_again_on_a_new_one() -> None:
    numbers = count()
    api = Api(lambda _: [(0.0, None)] if next(numbers) == 1 else streamed(1))
    records = await api.replay([arrival(), arrival(10.0)])
    assert all(record.completed for record in records)
    assert (len(api.wires), len(api.requests)) == (2, 3)


@in_fake_time
async def test_a_stream_that_ends_early_is_an_error() -> None:
    script: Script = [(0.0, HEAD + chunk(event(TOKEN)) + b"0\r\n\r\n")]
    (record,) = await Api(lambda _: script).replay([arrival()])
    assert record.error == "the stream ended early, after 1 tokens"


@in_fake_time
async def test_a_stream_without_tokens_is_an_error() -> None:
    script: Script = [(0.0, HEAD + chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")]
    (record,) = await Api(lambda _: script).replay([arrival()])
    assert record.error == "the stream had no tokens"


@in_fake_time
async def test_an_error_inside_the_stream_is_recorded() -> None:
    script: Script = [
        (0.0, HEAD + chunk(event(TOKEN)) + chunk(event({"error": {"message": "engine died"}})) + b"0\r\n\r\n")
    ]
    (record,) = await Api(lambda _: script).replay([arrival()])
    assert record.error == "engine died"


@in_fake_time
async def test_a_reply_that_is_not_http_is_recorded() -> None:
    (record,) = await Api(lambda _: [(0.0, b"SSH-2.0-OpenSSH\r\n")]).replay([arrival()])
    assert record.error.startswith("the reply is not HTTP")


@in_fake_time
async def test_an_answer_that_is_not_streamed_still_counts() -> None:
    text = b'{"choices": [{"message": {}}], "usage": {"prompt_tokens": 9, "completion_tokens": 3}}'
    (record,) = await Api(lambda _: [(2.0, reply(200, text))]).replay([arrival()])
    assert (record.completed, record.output_tokens, record.cached_tokens) == (True, 3, -1)
    assert record.ttft_s == pytest.approx(2.0)


@in_fake_time
async def test_a_request_past_its_time_is_given_up() -> None:
    api = Api(lambda _: [(0.0, HEAD)])
    (record,) = await api.replay([arrival()], timeout_s=5.0)
    assert record.error == "no whole answer within 5 s"
    assert api.wires[0].is_closing()


@in_fake_time
async def test_an_answer_after_giving_up_changes_nothing() -> None:
    api = Api(lambda _: streamed(1, ttft_s=20.0))
    records = await api.replay([arrival(), arrival(30.0)], timeout_s=5.0)
    assert [record.completed for record in records] == [False, False]


@in_fake_time
async def test_an_api_that_never_takes_the_call_is_given_up() -> None:
    api = Api(lambda _: streamed(1))
    api.dials_s = 1000.0
    (record,) = await api.replay([arrival()], timeout_s=5.0)
    assert record.error == "no whole answer within 5 s"


@in_fake_time
async def test_progress_is_told_while_it_runs_and_at_the_end() -> None:
    told: list[Progress] = []
    run = Api(lambda _: streamed(3)).make()
    run.on_progress = told.append
    await run.run([arrival(), arrival(1.0)])
    assert told[0].at_s == pytest.approx(0.25)
    assert (told[0].sent, told[0].done, told[0].failed, told[0].open) == (1, 0, 0, 1)
    assert (told[-1].sent, told[-1].done, told[-1].open, told[-1].output_tokens) == (2, 2, 0, 6)


@in_fake_time
async def test_records_are_told_as_they_come() -> None:
    told: list[Record] = []
    run = Api(lambda _: streamed(1)).make()
    run.on_record = told.append
    assert await run.run([arrival()]) == told


@in_fake_time
async def test_a_cancelled_replay_closes_its_connections() -> None:
    api = Api(lambda _: streamed(1, ttft_s=1000.0))
    task = asyncio.get_running_loop().create_task(api.replay([arrival(), arrival(500.0)]))
    await asyncio.sleep(10.0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert api.wires[0].is_closing()


@in_fake_time
async def test_nothing_to_send_is_nothing_to_record() -> None:
    assert await Api(lambda _: streamed(1)).replay([]) == []


@pytest.mark.parametrize(("scale", "most"), [(0.0, 1), (-1.0, 1), (1.0, 0)])
@in_fake_time
async def test_impossible_settings_are_refused(scale: float, most: int) -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        Api(lambda _: []).make(time_scale=scale, max_open=most)


@in_fake_time
async def test_the_body_asks_for_exactly_the_recorded_answer() -> None:
    api = Api(lambda _: streamed(1))
    await api.replay([arrival()])
    asked = body(api.requests[0])
    assert (asked["model"], asked["max_tokens"], asked["ignore_eos"], asked["stream"]) == ("m", 3, True, True)
    assert asked["stream_options"] == {"include_usage": True}


class Server:
    """Answers every request on real connections at once."""

    def __init__(self) -> None:
        self.talks: list[asyncio.Task[None] | None] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.talks.append(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next(line for line in head.split("\r\n") if line.startswith("Content-Length"))
                await reader.readexactly(int(length.split()[1]))
                writer.write(b"".join(piece for _, piece in streamed(3) if piece))
                await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def through_sockets(count: int) -> list[Record]:
    made = Server()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    arrivals = [arrival(float(i), session=f"s{i % 7}", turn=i // 7) for i in range(count)]
    records = await replay(arrivals, url, model="m", vocabulary="qwen3", time_scale=1000.0, run_id="run")
    server.close()
    await asyncio.gather(*(talk for talk in made.talks if talk))
    return records


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_it_works_through_real_sockets_on_either_loop(run: Callable[[Any], list[Record]]) -> None:
    records = run(through_sockets(200))
    assert [record.request_id for record in records] == [f"run-{i}" for i in range(200)]
    assert all(record.completed for record in records), records[0]
    assert {record.replica for record in records} == {"a-0"}


def test_an_address_nobody_listens_on_is_recorded() -> None:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    (record,) = asyncio.run(replay([arrival()], f"http://127.0.0.1:{port}", model="m"))
    assert record.error.startswith("cannot connect: ")
