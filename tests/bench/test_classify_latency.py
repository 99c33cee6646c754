"""The scene of `classify-latency`: prompts of their lengths, a head for every signal, callbacks that are timed."""

import asyncio
import time

import numpy as np
import pytest

from bench.classify_latency.loop import _post, _rules, measured
from bench.classify_latency.scene import SIZES, all_heads, prompt
from policies.select.rules.deciding import needed
from policies.signals.learned import LEARNED
from router.classify.features import DENSE, see
from router.classify.port import ENCODER, STATIC


@pytest.mark.parametrize("size", SIZES)
def test_a_prompt_has_about_its_tokens_and_is_the_same_again(size: int) -> None:
    words = prompt(size, 1).replace(".", " .").split()
    assert 0.9 * size <= len(words) <= 1.1 * size
    assert prompt(size, 1) == prompt(size, 1)
    assert prompt(size, 1) != prompt(size, 2)


@pytest.mark.parametrize("tier", [ENCODER, STATIC])
def test_every_learned_signal_has_a_head_of_the_real_shape(tier: str) -> None:
    made = all_heads(tier)
    assert set(made.heads) == set(LEARNED)
    vectors = {name: np.ones((1, 4), np.float32) for name in DENSE[tier]}
    seen = see(["a text"], vectors)
    for head in made.heads.values():
        assert len(head.readings(seen)) == 1


def test_the_rules_read_every_learned_signal() -> None:
    assert needed(_rules()) == set(LEARNED)


def test_a_request_is_whole() -> None:
    head, _, body = _post("hello").partition(b"\r\n\r\n")
    assert int(head.rpartition(b": ")[2]) == len(body)


def test_what_a_callback_holds_the_loop_for_is_measured_and_then_no_more() -> None:
    took: list[float] = []

    async def busy() -> None:
        until = time.thread_time() + 0.02
        while time.thread_time() < until:
            pass

    with measured(took):
        asyncio.run(busy())
    assert max(took) >= 0.02
    before = len(took)
    asyncio.run(busy())
    assert len(took) == before
