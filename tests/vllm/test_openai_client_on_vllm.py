"""The OpenAI client and real engines, with Weir between them."""

from collections.abc import Iterator

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from bench.engines.fleet import ADAPTERS, BLOCK_TOKENS, MODEL, Engines
from bench.vllm_e2e.client import CHAT, ask
from bench.vllm_e2e.stack import Weir

QUESTION: list[ChatCompletionMessageParam] = [{"role": "user", "content": "What regulates the flow between two pools?"}]


@pytest.fixture
def client(weir: Weir) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{weir.url}/v1", api_key="none", timeout=60.0, max_retries=0) as opened:
        yield opened


def test_the_openai_client_streams_what_the_engine_says(client: openai.OpenAI, fleet: Engines) -> None:
    with client.chat.completions.create(
        model=MODEL,
        messages=QUESTION,
        max_tokens=20,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    ) as events:
        pieces = list(events)
    said = [piece.choices[0].delta.content or "" for piece in pieces if piece.choices]
    assert len(said) >= 20  # token by token, not in one lump
    last = pieces[-1].usage
    assert last is not None
    assert last.completion_tokens == 20
    alone = ask(fleet.members[0].url, CHAT, {"model": MODEL, "messages": QUESTION, "max_tokens": 20, "temperature": 0})
    assert "".join(said) == alone.text


def test_unstreamed_answers_adapters_and_errors_come_through(client: openai.OpenAI) -> None:
    def said(model: str) -> str:
        answer = client.chat.completions.create(model=model, messages=QUESTION, max_tokens=12, temperature=0)
        return answer.choices[0].message.content or ""

    assert len({said(MODEL), *map(said, ADAPTERS)}) == 3  # each adapter has a voice of its own
    with pytest.raises(openai.NotFoundError):
        said("nobody")
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model=MODEL, messages=QUESTION, max_tokens=10**6)
    assert client.completions.create(model=MODEL, prompt="hello world", max_tokens=3).choices[0].text


def test_a_second_request_with_a_shared_prefix_goes_where_the_prefix_is(weir: Weir) -> None:
    """Twelve openings spread over both engines; what goes on from each returns to the one that has it."""
    homes = set()
    for number in range(12):
        opening = f"case {number}: " + "the warmest prefix cache of the river " * 25
        first = ask(weir.url, CHAT, chat(opening), f"first-{number}")
        weir.record(f"first-{number}")  # it is written after its events were heard
        again = ask(weir.url, CHAT, chat(opening, "and then?"), f"again-{number}")
        assert first.whole
        assert again.whole
        assert again.replica == first.replica
        homes.add(again.replica)
        assert again.cached is not None
        assert again.cached >= 5 * BLOCK_TOKENS
    assert len(homes) == 2


def chat(*contents: str) -> dict[str, object]:
    said = [{"role": "user", "content": content} for content in contents]
    return {"model": MODEL, "messages": said, "max_tokens": 4, "temperature": 0}
