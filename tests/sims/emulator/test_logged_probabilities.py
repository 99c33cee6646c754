"""Log-probabilities as vLLM tells them, and what they are worth: a sure answer is more often a right one."""

from math import exp
from typing import Any

import numpy as np
import openai
import pytest

from policies.select.confidence import by_margin
from router.auto.leg_bodies import answer_of
from sims.emulator.logged import LEAST, MOST, Sureness
from tests.sims.emulator.emulation import client
from tests.sims.emulator.test_openai_client import EXACT, HELLO

ASKED: dict[str, Any] = {"model": "tiny", "messages": HELLO, "max_tokens": 12, "extra_body": EXACT}


async def test_a_chat_tells_each_tokens_probability_and_the_likeliest_others() -> None:
    async with client() as api:
        choice = (await api.chat.completions.create(**ASKED, logprobs=True, top_logprobs=3)).choices[0]
    entries = choice.logprobs.content
    assert "".join(each.token for each in entries) == choice.message.content
    assert len(entries) == 12
    for each in entries:
        tops = each.top_logprobs
        assert (tops[0].token, tops[0].logprob, len(tops)) == (each.token, each.logprob, 3)
        assert [top.logprob for top in tops] == sorted((top.logprob for top in tops), reverse=True)
        assert len({top.token for top in tops}) == 3
        assert sum(exp(top.logprob) for top in tops) <= 1.0
        assert bytes(each.bytes).decode() == each.token


async def test_nobody_is_told_who_did_not_ask() -> None:
    async with client() as api:
        raw = await api.chat.completions.with_raw_response.create(**ASKED)
        assert raw.parse().choices[0].logprobs is None
        assert "x-weir-emulate-right" not in raw.headers
        bare = (await api.chat.completions.create(**ASKED, logprobs=True)).choices[0]
    assert {len(each.top_logprobs) for each in bare.logprobs.content} == {0}


async def test_a_stream_tells_the_same_as_the_whole() -> None:
    async with client() as api:
        whole = (await api.chat.completions.create(**ASKED, logprobs=True, top_logprobs=2)).choices[0]
        stream = await api.chat.completions.create(**ASKED, logprobs=True, top_logprobs=2, stream=True)
        chunks = [chunk.choices[0] async for chunk in stream]
    assert chunks[0].logprobs is None
    told = [each for chunk in chunks[1:] for each in chunk.logprobs.content]
    assert told == whole.logprobs.content


@pytest.mark.parametrize("top", [0, 1, 3])
async def test_a_completion_tells_columns(top: int) -> None:
    asked = {"model": "tiny", "prompt": "Once upon", "max_tokens": 6, "logprobs": top, "extra_body": EXACT}
    async with client() as api:
        choice = (await api.completions.create(**asked)).choices[0]
        chunks = [chunk.choices[0] async for chunk in await api.completions.create(**asked, stream=True)]
    told = choice.logprobs
    assert "".join(told.tokens) == choice.text
    assert [choice.text[at:].startswith(token) for at, token in zip(told.text_offset, told.tokens, strict=True)]
    assert {len(each) for each in told.top_logprobs} == {max(top, 1)}
    for token, logprob, tops in zip(told.tokens, told.token_logprobs, told.top_logprobs, strict=True):
        assert tops[token] == logprob == max(tops.values())
    for name in ("tokens", "token_logprobs", "text_offset", "top_logprobs"):
        assert [each for chunk in chunks for each in getattr(chunk.logprobs, name)] == getattr(told, name)


@pytest.mark.parametrize(
    "more", [{"top_logprobs": 2}, {"logprobs": True, "top_logprobs": 21}, {"logprobs": True, "top_logprobs": -2}]
)
async def test_what_vllm_refuses_is_refused(more: dict[str, Any]) -> None:
    async with client() as api:
        with pytest.raises(openai.BadRequestError):
            await api.chat.completions.create(**ASKED, **more)


async def test_the_margin_that_a_cascade_reads_is_the_prompts_confidence() -> None:
    async with client() as api:
        found = []
        for at in range(8):
            messages = [{"role": "user", "content": f"What is {at} and {at * 7}?"}]
            raw = await api.chat.completions.with_raw_response.create(
                **{**ASKED, "messages": messages}, logprobs=True, top_logprobs=2
            )
            answer = answer_of(raw.parse().model_dump())
            assert answer is not None
            again = await api.chat.completions.create(**{**ASKED, "messages": messages}, logprobs=True, top_logprobs=2)
            assert answer_of(again.model_dump()) == answer
            found.append(by_margin(answer))
    assert all(0.0 < margin < 1.0 for margin in found)
    assert max(found) - min(found) > 0.2


def test_sure_answers_are_right_more_often() -> None:
    drawn = [Sureness.of([at, at + 1], "tiny") for at in range(4000)]
    confidence, right = (np.array([getattr(each, name) for each in drawn]) for name in ("confidence", "right"))
    assert confidence.min() >= LEAST
    assert confidence.max() <= MOST
    sure = confidence > np.median(confidence)
    assert right[sure].mean() > right[~sure].mean() + 0.15
    assert right.mean() == pytest.approx(confidence.mean(), abs=0.03)


def test_another_model_is_sure_of_other_prompts() -> None:
    one, other = ([Sureness.of([at], name).confidence for at in range(200)] for name in ("a", "b"))
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.3
