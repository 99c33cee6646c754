"""An emulated model under temperature 0: the next token is a function of the tokens before it, on every replica."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.emulator.answer import answer, begun
from sims.emulator.asked import Asked
from sims.emulator.vocabulary import Bytes, Vocabulary, vocabulary
from tests.sims.emulator.emulation import live, replica
from tests.sims.emulator.test_raw_http import ask, post

WORDS: dict[str, Vocabulary] = {"bytes": Bytes(), "llama3": vocabulary("llama3", "llama3")}


def key(ids: Sequence[int]) -> bytes:
    return repr(list(ids)).encode()


@given(
    prompt=st.lists(st.integers(0, 5_000), min_size=1, max_size=20),
    said=st.integers(1, 19),
    name=st.sampled_from(list(WORDS)),
)
def test_a_prompt_with_the_beginning_of_its_answer_is_answered_with_the_rest(
    prompt: list[int], said: int, name: str
) -> None:
    words = WORDS[name]
    whole = answer(Asked(max_tokens=40, min_tokens=19), 4000, key(prompt), words)
    context = [*prompt, *whole.ids[:said]]
    assert begun(context, key, words) == said
    rest = answer(Asked(max_tokens=40 - said, min_tokens=19 - said), 4000, key(prompt), words, said)
    assert whole.ids[said:] == rest.ids
    assert (whole.texts[said:], whole.finish) == (rest.texts, rest.finish)


@given(prompt=st.lists(st.integers(0, 5_000), min_size=1, max_size=20))
def test_a_prompt_that_begins_no_answer_is_one(prompt: list[int]) -> None:
    assert begun(prompt, key, WORDS["bytes"]) == 0


def test_the_length_that_a_client_fixes_is_the_whole_answers() -> None:
    fixed = Asked(max_tokens=None, fixed_tokens=30)
    assert len(answer(fixed, 4000, b"x", Bytes()).ids) == 30
    assert len(answer(fixed, 4000, b"x", Bytes(), said=12).ids) == 18


async def streamed(address: str, path: str, body: dict[str, Any], *headers: str) -> list[Any]:
    given_ = {"temperature": 0, "stream": True, **body}
    told = (await ask(address, post(path, given_, "connection: close", *headers))).body
    return [json.loads(one.removeprefix(b"data: ")) for one in told.split(b"\n\n") if one[6:7] == b"{"]


def ids(events: list[Any]) -> list[int]:
    return [token for one in events for choice in one["choices"] for token in choice.get("token_ids") or ()]


@pytest.mark.parametrize("tokenizer", ["", "llama3"])
async def test_a_stream_tells_its_ids_and_another_replica_goes_on_from_them(tokenizer: str) -> None:
    chat = {"messages": [{"role": "user", "content": "How deep is it?"}], "max_tokens": 30, "return_token_ids": True}
    spec = {"tokenizer": tokenizer, "chat_template": "llama3" if tokenizer else ""}
    async with live(replica(**spec)) as first, live(replica(name="r-1", **spec)) as second:
        whole = await streamed(first.address, "/v1/chat/completions", chat, "x-request-id: a")
        prompt, said = whole[0]["prompt_token_ids"], ids(whole)
        for cut in (1, 7, len(said) - 1):
            rest = {"prompt": prompt + said[:cut], "max_tokens": 30 - cut, "return_token_ids": True}
            told = await streamed(second.address, "/v1/completions", rest, "x-request-id: b")
            assert ids(told) == said[cut:]
            assert told[0]["choices"][0]["prompt_token_ids"] == prompt + said[:cut]
            assert told[-1]["choices"][0]["finish_reason"] == whole[-1]["choices"][0]["finish_reason"]


async def test_ids_are_told_only_to_who_asked() -> None:
    async with live() as up:
        events = await streamed(up.address, "/v1/completions", {"prompt": "Once", "max_tokens": 4})
        asked = {"prompt": [1, 2], "max_tokens": 4, "return_token_ids": True}
        whole = json.loads((await ask(up.address, post("/v1/completions", asked, "connection: close"))).body)
    assert ids(events) == []
    choice = whole["choices"][0]
    assert (choice["prompt_token_ids"], len(choice["token_ids"])) == ([1, 2], whole["usage"]["completion_tokens"])


async def test_text_that_may_begin_a_stop_string_is_kept_back_until_it_cannot() -> None:
    body = {"prompt": "Once", "max_tokens": 12, "ignore_eos": True}
    async with live() as up:
        free = await streamed(up.address, "/v1/completions", body)
        held = await streamed(up.address, "/v1/completions", {**body, "stop": ["12345"]})
    said = ["".join(choice["text"] for one in events for choice in one["choices"]) for events in (free, held)]
    assert said[0] == said[1]
    assert len(held[0]["choices"][0]["text"]) == max(len(free[0]["choices"][0]["text"]) - 4, 0)
