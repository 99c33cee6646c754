"""What must not end is started again, and it is said why."""

import asyncio
import logging

import pytest

from weir import supervise
from weir.supervise import supervised


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "FIRST_S", 0.0)


class Loop:
    """Fails so many times, then ends or goes on."""

    def __init__(self, failures: int, *, ends: bool = True) -> None:
        self.begun, self.failures, self.ends, self.going = 0, failures, ends, asyncio.Event()

    async def run(self) -> None:
        self.begun += 1
        if self.begun <= self.failures:
            raise ValueError(f"failure {self.begun}")
        self.going.set()
        if not self.ends:
            await asyncio.Event().wait()


async def test_a_loop_that_fails_is_started_again_and_each_failure_is_said(caplog: pytest.LogCaptureFixture) -> None:
    one = Loop(3)
    with caplog.at_level(logging.WARNING):
        await asyncio.wait_for(supervised("counting", one.run), 10)
    assert one.begun == 4
    said = [record.message for record in caplog.records]
    assert [f"counting failed (ValueError: failure {i + 1})" in each for i, each in enumerate(said)] == [True] * 3


async def test_one_that_ends_by_itself_is_left_at_that() -> None:
    one = Loop(0)
    await asyncio.wait_for(supervised("counting", one.run), 10)
    assert one.begun == 1


async def test_one_that_is_cancelled_is_not_started_again() -> None:
    one = Loop(1, ends=False)
    kept = asyncio.create_task(supervised("counting", one.run))
    await asyncio.wait_for(one.going.wait(), 10)
    kept.cancel()
    await asyncio.wait([kept], timeout=10)
    assert (kept.cancelled(), one.begun) == (True, 2)


async def test_the_pause_doubles_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = list[float]()

    async def passes(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(supervise, "FIRST_S", 0.5)
    monkeypatch.setattr(asyncio, "sleep", passes)
    await supervised("counting", Loop(9).run)
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
