"""A live replica as OpenAI's own client sees it."""

import asyncio

import openai
import pytest

from tests.sims.emulator.emulation import client, perf, replica

HELLO: list[dict[str, str]] = [{"role": "user", "content": "How does a weir work? " * 20}]
EXACT = {"ignore_eos": True}


async def test_a_streamed_chat_begins_with_the_role_and_ends_with_the_usage() -> None:
    async with client() as api:
        options = {"include_usage": True}
        stream = await api.chat.completions.create(
            model="tiny", messages=HELLO, max_tokens=12, stream=True, stream_options=options, extra_body=EXACT
        )
        chunks = [chunk async for chunk in stream]
    first, *pieces, last, counted = chunks
    assert first.choices[0].delta.role == "assistant"
    assert len("".join(piece.choices[0].delta.content for piece in [*pieces, last]).split()) == 12
    assert {piece.choices[0].finish_reason for piece in pieces} <= {None}
    assert last.choices[0].finish_reason == "length"
    assert counted.choices == []
    assert counted.usage.completion_tokens == 12


async def test_the_same_request_streamed_or_whole_has_the_same_answer() -> None:
    async with client() as api:
        whole = await api.chat.completions.create(model="tiny", messages=HELLO)
        stream = await api.chat.completions.create(model="tiny", messages=HELLO, stream=True)
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    assert whole.choices[0].message.content == text
    assert whole.choices[0].finish_reason == "stop"


async def test_a_repeated_prompt_reports_its_cached_tokens() -> None:
    async with client() as api:
        counted = [
            (await api.chat.completions.create(model="tiny", messages=HELLO, max_tokens=2)).usage for _ in range(2)
        ]
    assert [usage.prompt_tokens_details.cached_tokens for usage in counted] == [0, counted[0].prompt_tokens // 16 * 16]


@pytest.mark.parametrize(("tokenizer", "template"), [("llama3", "llama3"), ("qwen3", "chatml"), ("", "plain")])
async def test_the_next_turn_of_a_chat_finds_the_answer_before_it_in_the_cache(tokenizer: str, template: str) -> None:
    async with client(replica(tokenizer=tokenizer, chat_template=template)) as api:
        first = await api.chat.completions.create(model="tiny", messages=HELLO, max_tokens=100, extra_body=EXACT)
        said = {"role": "assistant", "content": first.choices[0].message.content}
        more = [*HELLO, said, {"role": "user", "content": "And then?"}]
        second = await api.chat.completions.create(model="tiny", messages=more, max_tokens=2)
    assert second.usage.prompt_tokens_details.cached_tokens >= first.usage.total_tokens - 17


async def test_a_completion_takes_token_ids_and_several_prompts_with_several_choices() -> None:
    async with client() as api:
        answer = await api.completions.create(
            model="tiny", prompt=[[1, 2, 3], [4, 5]], n=2, max_tokens=5, extra_body=EXACT
        )
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert len({choice.text for choice in answer.choices}) == 4
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (5, 20)


async def test_streamed_choices_each_end_once() -> None:
    async with client() as api:
        stream = await api.completions.create(
            model="tiny", prompt="Once", n=3, max_tokens=5, stream=True, extra_body=EXACT
        )
        ends = [chunk.choices[0].index async for chunk in stream if chunk.choices[0].finish_reason]
    assert sorted(ends) == [0, 1, 2]


async def test_a_stop_string_ends_the_answer_before_itself() -> None:
    async with client() as api:
        free = (await api.completions.create(model="tiny", prompt="Once", max_tokens=40, extra_body=EXACT)).choices[0]
        word = free.text.split()[7]
        cut = (await api.completions.create(model="tiny", prompt="Once", max_tokens=40, stop=word)).choices[0]
        streamed = await api.completions.create(model="tiny", prompt="Once", max_tokens=40, stop=word, stream=True)
        text = "".join([chunk.choices[0].text async for chunk in streamed])
    assert cut.text == free.text[: free.text.index(word)] == text
    assert (cut.finish_reason, cut.stop_reason) == ("stop", word)


async def test_a_header_fixes_the_number_of_tokens() -> None:
    async with client() as api:
        header = {"X-Weir-Emulate-Output-Tokens": "7"}
        answer = await api.completions.create(model="tiny", prompt="Once", max_tokens=50, extra_headers=header)
    assert (answer.usage.completion_tokens, answer.choices[0].finish_reason) == (7, "stop")


async def test_a_stream_may_count_tokens_with_every_chunk() -> None:
    async with client() as api:
        options = {"include_usage": True, "continuous_usage_stats": True}
        stream = await api.completions.create(
            model="tiny", prompt="Once", max_tokens=6, stream=True, stream_options=options, extra_body=EXACT
        )
        counts = [chunk.usage.completion_tokens async for chunk in stream]
    assert counts == sorted(counts)
    assert counts[-1] == 6


async def test_a_stream_interval_bundles_tokens_after_the_first() -> None:
    async with client(stream_interval=10) as api:
        stream = await api.completions.create(model="tiny", prompt="Once", max_tokens=45, stream=True, extra_body=EXACT)
        words = [len(chunk.choices[0].text.split()) async for chunk in stream]
    assert words[0] == 1
    assert sum(words) == 45
    assert all(count >= 10 for count in words[1:-1])


async def test_the_request_id_names_the_answer_and_comes_back() -> None:
    async with client() as api:
        raw = await api.completions.with_raw_response.create(
            model="tiny", prompt="Once", max_tokens=2, extra_headers={"X-Request-Id": "abc"}
        )
    assert raw.headers["x-request-id"] == "abc"
    assert raw.parse().id == "cmpl-abc"


async def test_two_requests_of_one_id_are_both_answered() -> None:
    async with client() as api:
        same = {"X-Request-Id": "abc"}
        asked = [api.completions.create(model="tiny", prompt="Once", extra_headers=same) for _ in range(2)]
        first, second = await asyncio.gather(*asked)
    assert first.choices[0].text == second.choices[0].text


async def test_an_unknown_model_is_not_found() -> None:
    async with client() as api:
        with pytest.raises(openai.NotFoundError, match="The model `huge` does not exist"):
            await api.completions.create(model="huge", prompt="Once")


async def test_a_prompt_beyond_the_context_is_refused_in_vllms_words() -> None:
    async with client() as api:
        with pytest.raises(openai.BadRequestError, match=r"maximum context length is 4096 tokens\. However"):
            await api.completions.create(model="tiny", prompt=[1] * 5000)
        with pytest.raises(openai.BadRequestError, match=r"is too large: 4000.*\(4000 > 4096 - 97\)"):
            await api.completions.create(model="tiny", prompt=[1] * 97, max_tokens=4000)


async def test_a_prompt_that_the_cache_can_never_hold_is_refused() -> None:
    async with client(replica(perf=perf(kv_tokens=160))) as api:
        with pytest.raises(openai.BadRequestError, match="needs 19 KV blocks of 16 tokens; 10 exist"):
            await api.completions.create(model="tiny", prompt=[1] * 200, max_tokens=100, extra_body=EXACT)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"max_tokens": 0}, "max_tokens must be at least 1, got 0"),
        ({"n": 0}, "n must be between 1 and 128"),
        ({"max_tokens": 4, "extra_body": {"min_tokens": 9}}, "min_tokens must be between 0 and max_tokens=4"),
        ({"max_tokens": "many"}, "Expected `int | null`, got `str`"),
        ({"extra_headers": {"X-Weir-Emulate-Output-Tokens": "x"}}, "must be a whole number"),
    ],
)
async def test_a_senseless_setting_is_a_bad_request(body: dict[str, object], reason: str) -> None:
    async with client() as api:
        with pytest.raises(openai.BadRequestError) as refused:
            await api.completions.create(model="tiny", prompt="Once", **body)
    assert reason in refused.value.message


async def test_models_are_listed_with_their_context() -> None:
    async with client() as api:
        (model,) = (await api.models.list()).data
    assert model.id == "tiny"
    assert model.model_extra["max_model_len"] == 4096
