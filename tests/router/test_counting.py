"""An order's tokens are counted at once where that is quick, and in a thread where it is not."""

import asyncio

import msgspec
import pytest

from router.counting import count_apart, count_now
from router.gateway.body import Limits, parse
from router.intake import apply
from router.models import Model
from router.order import Order
from router.settings import Settings
from tests.router.routers import core_of, described
from weir.v1 import fleet_pb2

LIMITS = Limits(16, 1)
BODY = msgspec.json.encode({"model": "m", "prompt": "one two three"})


class Words:
    """A token a word."""

    def __init__(self, *, quick: bool = True, fails: bool = False) -> None:
        self.quick, self.fails = quick, fails

    def encode(self, text: str) -> list[int]:
        """The places of the words."""
        if self.fails:
            raise UnicodeError("half of a pair")
        return list(range(len(text.split())))


@pytest.fixture
def model() -> Model:
    core = core_of(Settings(), described("a", "h:1", tokenizer="a/file.json", events="tcp://h:5557"))
    apply(core, fleet_pb2.FleetUpdate(reports=[fleet_pb2.ReplicaReport(name="a", ready=True, knowledge="exact")]))
    return core.models["m"]


def an_order() -> Order:
    return parse(b"/v1/completions", BODY, "q", LIMITS)


def test_a_quick_vocabulary_counts_at_once_and_is_not_named(model: Model) -> None:
    model._vocabulary = Words()
    order = an_order()
    assert count_now(order, model) is None
    assert order.tokens is not None
    assert len(order.tokens) == 3


def test_a_slow_one_is_named_and_nothing_is_counted(model: Model) -> None:
    model._vocabulary = slow = Words(quick=False)
    order = an_order()
    assert count_now(order, model) is slow
    assert order.tokens is None


def test_a_model_that_nobody_knows_counts_nothing(model: Model) -> None:
    assert count_now(an_order(), None) is None


@pytest.mark.parametrize("fails", [False, True], ids=["counts", "fails"])
async def test_counting_apart_goes_on_either_way(model: Model, fails: bool) -> None:
    vocabulary, order, gone_on = Words(quick=False, fails=fails), an_order(), asyncio.Event()
    model._vocabulary = vocabulary
    count_apart(order, model, vocabulary, gone_on.set)
    assert not gone_on.is_set()
    await asyncio.wait_for(gone_on.wait(), 5.0)
    assert (order.tokens is None) == fails
