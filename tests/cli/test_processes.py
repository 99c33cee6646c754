import asyncio
import os
import sys
from pathlib import Path

import pytest

from cli import kin
from cli.processes import Children, Died, Program

OTHERS: set[int] = set()
"""What other tests of this process left running, such as a pool's resource tracker."""


@pytest.fixture(autouse=True)
def others() -> None:
    OTHERS.clear()
    OTHERS.update(kin.descendants(os.getpid()))


def descendants(pid: int) -> list[int]:
    return [each for each in kin.descendants(pid) if each not in OTHERS]


def program(code: str, name: str = "child", **more: float) -> Program:
    return Program(
        name=name,
        command=[sys.executable, "-c", code],
        ready=lambda lines: lines[-1] == "ready",
        **more,  # type: ignore[arg-type]
    )


WAITING = "import time; print('ready', flush=True); time.sleep(60)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
)
FAILING = "import sys; sys.exit('no luck')"
PARENT = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'],"
PARENT += " start_new_session=True);" + STUBBORN


async def test_a_child_is_gone_after_the_block() -> None:
    async with Children() as children:
        assert await children.start(program(WAITING)) == ["ready"]
        (pid,) = descendants(os.getpid())[:1]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_child_that_ends_early_is_told_with_its_last_words() -> None:
    with pytest.raises(Died, match=r"(?s)the child ended with status 1; its last words:.*no luck"):
        async with Children() as children:
            await children.start(program(FAILING))


async def test_a_death_later_on_is_noticed() -> None:
    async with Children() as children:
        await children.start(program("print('ready', flush=True)"))
        with pytest.raises(Died, match="the child ended with status 0"):
            await children.watch()


async def test_a_stopped_child_is_not_a_death() -> None:
    async with Children() as children:
        await children.start(program(WAITING))
        await children.stop("child")
        children.check()


async def test_a_child_that_ignores_the_request_is_killed_with_all_it_started() -> None:
    async with Children() as children:
        await children.start(program(PARENT, grace_s=0.2))
        family = descendants(os.getpid())
        assert len(family) == 2
    await asyncio.sleep(0.1)
    assert not [pid for pid in family if alive(pid)]


async def test_one_that_never_gets_ready_is_a_death() -> None:
    with pytest.raises(Died, match=r"not ready within 0.2 s"):
        async with Children() as children:
            await children.start(program("import time; time.sleep(60)", ready_s=0.2))


async def test_an_interruption_while_stopping_kills_at_once() -> None:
    async def work() -> None:
        async with Children() as children:
            await children.start(program(STUBBORN, grace_s=30.0))
            started.set()
            await children.watch()

    started = asyncio.Event()
    task = asyncio.create_task(work())
    await started.wait()
    task.cancel()
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 10.0)
    assert not descendants(os.getpid())


async def test_children_die_with_their_parent() -> None:
    code = (
        "import asyncio\nfrom cli.processes import Children\nfrom tests.cli.test_processes import WAITING, program\n"
        "async def main():\n    children = Children()\n    await children.start(program(WAITING))\n"
        "    print('ready', flush=True)\n    await asyncio.sleep(60)\nasyncio.run(main())"
    )
    async with Children() as children:
        await children.start(program(code, grace_s=0.0))
        family = descendants(os.getpid())
        os.kill(family[0], 9)
        await asyncio.sleep(0.5)
    assert len(family) == 2
    assert not [pid for pid in family if alive(pid)]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
