"""What the front process runs beside requests: none of it ends unnoticed."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from policies.native import library
from router import compiled, worker
from router.auto import ruling
from router.auto.ruling import Ruling
from router.classify.keeper import Keeper
from router.exposition import Exposition
from router.frames import READY, RULES
from router.front import Front, FrontSettings
from router.peers import Peers, create
from router.rpc import Rpc
from router.settings import Settings
from router.worker import Worker
from tests.router.fakes import refused_port
from tests.router.routers import PROMPT, described, update
from weir import supervise

SNAPSHOT = update(described("a", "h:1"), snapshot=True).SerializeToString()
FLEET = "pools: [{name: p, gpu: l4, model: qwen3-8b, addresses: ['127.0.0.1:1']}]"
RULES_FILE = "fallback: {models: [m], effects: {cache: true}}\n"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "FIRST_S", 0.0)


class Faltering:
    """A feed that breaks once it is watched, and then says where the fleet stands."""

    def __init__(self) -> None:
        self.watched, self.taken = 0, asyncio.Event()

    async def updates(self) -> AsyncIterator[bytes]:
        self.watched += 1
        if self.watched == 1:
            raise RuntimeError("the feed broke")
        yield SNAPSHOT
        self.taken.set()
        await asyncio.Event().wait()


class Process:
    """A worker's process that does nothing."""

    def __init__(self) -> None:
        self._ended = asyncio.Event()
        self.terminate = self.kill = self._ended.set

    async def wait(self) -> int:
        await self._ended.wait()
        return 0


class Starting:
    """Starts such processes in place of real ones, the first so many times in vain; keeps their ends of the pipes."""

    def __init__(self, failures: int = 0) -> None:
        self.tries, self._failures = 0, failures
        self.pipes: asyncio.Queue[socket.socket] = asyncio.Queue()

    async def __call__(self, *words: str, pass_fds: list[int], **more: Any) -> Process:
        self.tries += 1
        if self.tries <= self._failures:
            raise OSError("no more processes")
        self.pipes.put_nowait(socket.socket(fileno=os.dup(pass_fds[0])))
        return Process()


def front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, starting: Starting, workers: int = 1) -> Front:
    """A front process whose workers are such, and for which nothing is compiled."""
    (tmp_path / "fleet.yaml").write_text(FLEET)
    monkeypatch.setattr(asyncio, "create_subprocess_exec", starting)
    monkeypatch.setattr(library, "ensure_built", lambda: tmp_path)
    monkeypatch.setattr(compiled, "ensure", lambda: "")
    told = FrontSettings(router=Settings(workers=workers), fleet=tmp_path / "fleet.yaml")
    return Front(told, on_ready=lambda: None)


def said(caplog: pytest.LogCaptureFixture) -> str:
    """What was logged since this was last asked."""
    text = caplog.text
    caplog.clear()
    return text


async def first_update(pipe: socket.socket) -> bytes:
    """What a worker hears first."""
    reader, writer = await asyncio.open_connection(sock=pipe)
    try:
        async with asyncio.timeout(20):
            return await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big"))
    finally:
        writer.close()


async def test_the_fleet_still_comes_to_grpc_after_its_feed_has_failed(caplog: pytest.LogCaptureFixture) -> None:
    rpc, stop, feed = Rpc(PROMPT, Exposition()), asyncio.Event(), Faltering()
    running = asyncio.create_task(rpc.run(f"127.0.0.1:{refused_port()}", feed, stop))
    await asyncio.wait_for(feed.taken.wait(), 20)
    assert (feed.watched, "a" in rpc.core.fleet.rows) == (2, True)
    assert "taking the fleet in for gRPC failed (RuntimeError: the feed broke)" in said(caplog)
    stop.set()
    await asyncio.wait_for(running, 20)


async def test_the_fleet_still_comes_to_a_worker_after_its_feed_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    starting, feed = Starting(), Faltering()
    made = front(tmp_path, monkeypatch, starting)
    monkeypatch.setattr(made, "_feed", lambda who: feed)
    running = asyncio.create_task(made._keep(0))
    assert await first_update(await asyncio.wait_for(starting.pipes.get(), 20)) == SNAPSHOT
    assert "the feed of worker 0 failed (RuntimeError: the feed broke)" in said(caplog)
    made.stop.set()
    await asyncio.wait_for(running, 20)


async def test_a_worker_that_cannot_be_started_is_tried_again_and_the_router_serves_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    starting = Starting(failures=2)
    made = front(tmp_path, monkeypatch, starting)
    running = asyncio.create_task(made._run())
    await first_update(await asyncio.wait_for(starting.pipes.get(), 20))
    assert (starting.tries, running.done()) == (3, False)
    assert said(caplog).count("keeping worker 0 failed (OSError: no more processes)") == 2
    made.stop.set()
    await asyncio.wait_for(running, 20)


def test_a_router_is_ready_once_each_worker_has_served_however_often_one_was_restarted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, ready = front(tmp_path, monkeypatch, Starting(), workers=2), list[bool]()
    made._on_ready = lambda: ready.append(True)
    made._told(0, READY)
    made._told(0, READY)
    assert not ready
    made._told(1, READY)
    made._told(1, READY)
    assert ready == [True]


async def test_the_classifiers_keeper_and_the_look_at_the_rules_go_on_after_they_have_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    kept, tried = asyncio.Event(), list[bool]()

    async def keep(self: Keeper) -> None:
        tried.append(True)
        if len(tried) == 1:
            raise OSError("no more processes")
        kept.set()

    (tmp_path / "rules.yaml").write_text(RULES_FILE)
    monkeypatch.setattr(Keeper, "run", keep)
    monkeypatch.setattr(ruling, "LOOK_S", 0.0)
    made, told = Ruling(tmp_path / "rules.yaml", None), asyncio.Queue[bytes]()
    looks = iter((RuntimeError("odd"), b"{}"))

    def look() -> bytes | None:
        found = next(looks, None)
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(made._watch, "look", look)
    running = asyncio.create_task(made.run(told.put_nowait))
    assert await asyncio.wait_for(told.get(), 20) == RULES + b"{}"
    await asyncio.wait_for(kept.wait(), 20)
    text = said(caplog)
    assert "keeping the classifier failed (OSError" in text
    assert "looking at the rules failed (RuntimeError: odd)" in text
    running.cancel()
    await asyncio.wait([running])


@pytest.mark.parametrize("what", ["report", "share"])
async def test_counts_and_loads_are_told_again_after_they_could_not_be(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "REPORT_S", 0.0)
    monkeypatch.setattr(worker, "SHARE_S", 0.0)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        made, again, tried = Worker(PROMPT, theirs, None), asyncio.Event(), list[bool]()

        def tell(*_: object) -> None:
            tried.append(True)
            if len(tried) == 1:
                raise OSError("not now")
            again.set()
            made.stop.set()

        monkeypatch.setattr(made, "_report", tell)
        monkeypatch.setattr(made, "core", SimpleNamespace(view=SimpleNamespace(share=tell)))
        with pytest.raises(OSError, match="not now"):
            made._report_again() if what == "report" else made._share_again(Peers(create(1), 1, 0))
        await asyncio.wait_for(again.wait(), 20)
