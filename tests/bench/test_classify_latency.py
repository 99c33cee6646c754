"""The scene of `classify-latency`: prompts of their lengths, a head for every signal, callbacks that are timed."""

import asyncio
import time

import msgspec
import numpy as np
import pytest

from bench.classify_latency.large import FORMS, held, request, rules
from bench.classify_latency.loop import _post, _rules, measured
from bench.classify_latency.scene import PII, SAID, SIZES, TOKENS_A_WORD, all_heads, prompt
from policies.select.rules.build import ruleset
from policies.select.rules.deciding import needed
from policies.select.rules.known import is_learned, signals
from policies.signals.learned import LEARNED
from router.classify.features import DENSE, see
from router.classify.groups import grouped
from router.classify.port import ENCODER, STATIC


@pytest.mark.parametrize("size", SIZES)
def test_a_prompt_has_about_its_tokens_and_is_the_same_again(size: int) -> None:
    common = set(SAID.split())
    words = prompt(size, 1).replace(".", " .").lower().split()
    tokens = sum(1.0 if each in common or each == "." else TOKENS_A_WORD[1] for each in words)
    assert 0.85 * size <= tokens <= 1.15 * size
    assert prompt(size, 1) == prompt(size, 1)
    assert prompt(size, 1) != prompt(size, 2)


def test_some_words_of_a_prompt_are_rare() -> None:
    words = prompt(2048, 3).replace(".", "").lower().split()
    rare = [each for each in words if each not in set(SAID.split())]
    assert 0.15 < len(rare) / len(words) < 0.25
    assert len(set(rare)) > 0.4 * len(rare)


@pytest.mark.parametrize("tier", [ENCODER, STATIC])
def test_every_learned_signal_has_a_head_of_the_real_shape(tier: str) -> None:
    made = all_heads(tier)
    assert set(made.heads) == set(LEARNED)
    assert set(made.light) == (set(LEARNED) if tier == ENCODER else set())
    vectors = {name: np.ones((1, 4), np.float32) for name in DENSE[tier]}
    seen = see(["a text"], ["a text"], vectors)
    told = {name: readings for group in grouped(made.heads) for name, readings in group.read(seen).items()}
    assert set(told) == set(LEARNED)
    assert all(len(readings) == 1 for readings in told.values())


def test_the_rules_read_every_learned_signal_but_personal_data() -> None:
    assert needed(_rules()) == set(LEARNED) - {PII}


@pytest.mark.parametrize("form", FORMS)
def test_a_large_body_has_about_its_size_and_is_json(form: str) -> None:
    _, _, body = request(form, 200_000).partition(b"\r\n\r\n")
    assert 0.7 * 200_000 < len(body) < 1.3 * 200_000
    assert msgspec.json.decode(body)["messages"]


def test_rules_for_large_bodies_read_every_structural_signal_and_never_fire() -> None:
    known = signals()
    assert needed(ruleset(rules())) == {name for name in known if not is_learned(name, known)}


def test_what_a_large_body_holds_the_loop_for_is_measured() -> None:
    found = held("prose", 100_000, times=1)
    assert 0.0 < found.longest_ms < 1000.0
    assert found.reply_s > 0.0


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
