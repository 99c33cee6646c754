"""A worker that cannot serve, and what the front process tells one."""

import asyncio
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from policies.fleet import Replica
from router.frames import Frames
from router.gateway.upstream import Lane
from router.settings import FREE, MAY_BE_ZERO, Settings
from router.worker import Worker, listen
from tests.router.routers import PROMPT, core_of, described, update


async def told(worker_end: socket.socket, front_end: socket.socket, worker: Worker) -> None:
    loop = asyncio.get_running_loop()
    _, frames = await loop.create_connection(lambda: Frames(lambda _: None, lambda: None), sock=front_end)
    frames.send(update(described("a", "127.0.0.1:1"), snapshot=True).SerializeToString())
    try:
        async with asyncio.timeout(10):
            await worker.run()
    finally:
        frames.close()


@pytest.mark.parametrize("door", ["port", "ext_proc"])
async def test_a_worker_that_cannot_listen_ends_and_says_why(door: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = replace(PROMPT, port=port) if door == "port" else replace(
            PROMPT, port=0, ext_proc=f"127.0.0.1:{port}")  # fmt: skip
        ours, theirs = socket.socketpair()
        with pytest.raises(OSError, match="in use"):
            await told(theirs, ours, Worker(replace(settings, drain_s=0.1), theirs, None))


def test_a_port_that_is_taken_leaves_no_socket_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        before = sum(1 for _ in Path("/proc/self/fd").iterdir())
        with pytest.raises(OSError, match="in use"):
            listen("127.0.0.1", taken.getsockname()[1])
        assert sum(1 for _ in Path("/proc/self/fd").iterdir()) == before


@pytest.mark.parametrize(
    ("address", "host"),
    [("10.0.0.1:8000", "10.0.0.1"), ("[fd00::1]:8000", "fd00::1"), ("vllm-0.vllm:8000", "vllm-0.vllm")],
)
def test_a_replica_is_reached_by_any_kind_of_address(address: str, host: str) -> None:
    replica = core_of(PROMPT, described("a", address)).fleet.replicas[0]
    assert isinstance(replica, Replica)
    lane = Lane(replica, 1.0)
    assert lane.address == (host, 8000)
    assert lane.host_line == f"host: {address}\r\n".encode()


def test_every_setting_is_free_or_has_an_option_or_is_told() -> None:
    own = {
        "policy", "policy_settings", "host", "port", "workers", "ttft_slo_s", "tpot_slo_s", "stall_s", "drain_s",
        "ext_proc", "ext_proc_fallbacks", "ext_proc_replies", "tokens", "classifier_deadline_s", "decisions",
    }  # fmt: skip
    told_by_others = {"slo_classes", "rewrites", "objectives", "boundaries", "classifier", "decision_key"}
    assert set(Settings.__dataclass_fields__) == own | told_by_others | set(FREE)
    assert set(FREE) >= MAY_BE_ZERO
