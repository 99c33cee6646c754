"""A vocabulary too slow for the loop counts in a thread; the request waits for it, or goes on without it."""

import threading

import pytest

from tests.router import fakes
from tests.router.caller import post
from tests.router.routers import Routers


class Slow:
    """Counts a token a word, in whichever thread it is asked."""

    quick = False

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.threads: set[int] = set()

    def encode(self, text: str) -> list[int]:
        """The places of the words."""
        self.threads.add(threading.get_ident())
        if self.fails:
            raise UnicodeError("half of a pair")
        return list(range(len(text.split())))


@pytest.mark.parametrize("fails", [False, True], ids=["counts", "fails"])
async def test_tokens_are_counted_off_the_loop_and_the_request_is_served_either_way(
    routers: Routers, fails: bool
) -> None:
    running = await routers.start(fakes.answer, facts={"tokenizer": "a/slow/tokenizer.json"})
    vocabulary = running.core.models["m"]._vocabulary = Slow(fails=fails)
    async with running.caller() as caller:
        assert (await caller.ask()).status == 200
        assert (await caller.ask()).status == 200
    assert vocabulary.threads
    assert threading.get_ident() not in vocabulary.threads


async def test_a_client_that_leaves_while_its_tokens_are_counted_leaves_nothing_behind(routers: Routers) -> None:
    running = await routers.start(fakes.answer, facts={"tokenizer": "a/slow/tokenizer.json"})
    counting, go_on = threading.Event(), threading.Event()

    class Waiting(Slow):
        def encode(self, text: str) -> list[int]:
            counting.set()
            go_on.wait(3.0)
            return super().encode(text)

    running.core.models["m"]._vocabulary = Waiting()
    async with running.caller() as caller:
        caller.send(post())
        await running.until(counting.is_set)
    await running.until(lambda: not running.gateway.clients)
    go_on.set()
    await running.idle()
    assert not running.replicas[0].seen
