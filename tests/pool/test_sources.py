"""Where an engine says its ranks publish: believed as to ports, never as to hosts."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.sources import BadSources, Source, placed, ranks, read

CONFIG = {"enable_kv_cache_events": True, "publisher": "zmq", "buffer_steps": 10000, "topic": "kv@x"}


def said(**ranks_: dict[str, Any]) -> bytes:
    return json.dumps({name.removeprefix("r"): CONFIG | more for name, more in ranks_.items()}).encode()


def test_every_rank_has_endpoints_on_the_engines_host() -> None:
    body = said(
        r1={"endpoint": "tcp://*:5558", "replay_endpoint": "tcp://*:6558"},
        r0={"endpoint": "tcp://*:5557", "replay_endpoint": "tcp://*:6557"},
    )
    assert read(body, "10.0.0.7:8000") == [
        Source(0, "tcp://10.0.0.7:5557", "tcp://10.0.0.7:6557", "kv@x"),
        Source(1, "tcp://10.0.0.7:5558", "tcp://10.0.0.7:6558", "kv@x"),
    ]


@pytest.mark.parametrize("host", ["169.254.169.254", "evil.example", "0.0.0.0", "[::]", "127.0.0.1"])
def test_an_engine_cannot_point_the_pool_at_another_host(host: str) -> None:
    (source,) = read(said(r0={"endpoint": f"tcp://{host}:5557", "replay_endpoint": None}), "h:1")
    assert source[:3] == (0, "tcp://h:5557", "")


def test_an_engine_that_publishes_nothing_has_no_sources() -> None:
    assert read(b"{}", "h:1") == []
    assert read(said(r0={"publisher": "null", "endpoint": "tcp://*:5557"}), "h:1") == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b'{"a": {}}',
        b'{"0": 5}',
        b'{"0": {"publisher": "zmq"}}',
        said(r0={"endpoint": "ipc:///etc/passwd"}),
        said(r0={"endpoint": "tcp://*:0"}),
        said(r0={"endpoint": "tcp://*:99999"}),
        said(r0={"endpoint": "tcp://*:٣"}),
        said(r0={"endpoint": ["tcp://*:1"]}),
        json.dumps({str(i): {} for i in range(65)}).encode(),
        b"[" * 100_000,
    ],
)
def test_what_is_no_list_of_publishers_says_so(body: bytes) -> None:
    with pytest.raises(BadSources):
        read(body, "h:1")


@given(st.binary(max_size=60) | st.recursive(st.none() | st.text(), st.lists).map(lambda x: json.dumps(x).encode()))
def test_nothing_else_is_raised_whatever_an_engine_says(body: bytes) -> None:
    with suppress(BadSources):
        assert read(body, "h:1") == []


def test_endpoints_of_a_file_move_every_rank() -> None:
    two = [Source(0, "tcp://h:1", "tcp://h:11"), Source(1, "tcp://h:3", "tcp://h:13")]
    assert placed(two, "tcp://p:100", "tcp://p:200") == [
        Source(0, "tcp://p:100", "tcp://p:200"),
        Source(1, "tcp://p:102", "tcp://p:202"),
    ]
    assert [source.replay for source in placed(two, "tcp://p:100", "")] == ["", ""]
    assert placed([], "tcp://p:100", "") == []
    assert placed(two, "", "") == two


def test_without_endpoints_there_is_one_rank() -> None:
    assert ranks(Source(0, "", ""), 4) == [Source(0, "", "")]
    assert [source.rank for source in ranks(Source(0, "tcp://h:1", ""), 2)] == [0, 1]
