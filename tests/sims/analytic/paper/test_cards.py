"""The hand-set cards: steps, slots, power, and power turned back into a batch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.analytic.paper.cards import HandSet, card

NAMES = ("a100", "h100", "a10g")
cards = st.sampled_from([card(name) for name in NAMES])
contexts = st.sampled_from([2048, 4096, 8192, 16384, 32768, 65536])


def test_a_step_grows_with_the_batch_and_with_its_lengths() -> None:
    a100 = card("a100")
    assert a100.step(128) == pytest.approx(0.0912)
    assert a100.step(128, 4096) == pytest.approx(0.008 + 0.0416)


@pytest.mark.parametrize(("context", "slots"), [(2048, 512), (4096, 256), (8192, 128), (16384, 64), (65536, 16)])
def test_slots_of_an_a100_are_as_published(context: int, slots: int) -> None:
    assert card("a100").slots(context) == slots


@given(cards, contexts)
def test_slots_halve_when_the_context_doubles(one: HandSet, context: int) -> None:
    assert one.slots(context) // 2 == pytest.approx(one.slots(2 * context), abs=1)


def test_service_is_chunks_and_answer_tokens_in_full_steps() -> None:
    held = card("a100").service(np.array([1024.0]), np.array([256.0]), 8192)
    assert held[0] == pytest.approx((2 + 256) * (0.008 + 0.00065 * 1280 / 8192 * 128))


@given(cards, st.integers(1, 1000))
def test_power_rises_from_idle_to_full(one: HandSet, batch: int) -> None:
    assert one.idle_w < one.watts(batch) <= one.watts(batch + 1) < one.full_w


@pytest.mark.parametrize(
    ("name", "batch", "watts"), [("h100", 1, 304), ("h100", 32, 507), ("h100", 128, 583), ("a100", 32, 369)]
)
def test_power_is_as_published(name: str, batch: int, watts: int) -> None:
    assert round(card(name).watts(batch)) == watts


@given(cards, st.floats(0.0, 1.0))
def test_a_batch_within_a_power_keeps_it(one: HandSet, share: float) -> None:
    watts = one.idle_w + share * (one.full_w - one.idle_w)
    batch = one.batch_within(watts)
    assert batch == 1 or one.watts(batch) <= watts
    assert 1 <= batch <= one.most_slots


@given(cards, st.integers(1, 128), contexts)
def test_a_capped_card_has_no_more_slots_than_its_cap(one: HandSet, batch: int, context: int) -> None:
    assert one.capped(batch, context).slots(context) == batch


def test_an_unknown_card_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        card("v100")
