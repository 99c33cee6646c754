"""The OpenAI client and real engines, with Weir between them."""

from collections.abc import Iterator

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from bench.engines.fleet import ADAPTERS, MODEL, Engines
from bench.vllm_e2e.prefixes import QUESTION, followed, homes, streamed
from bench.vllm_e2e.stack import Weir

ASKED: list[ChatCompletionMessageParam] = [{"role": "user", "content": QUESTION}]


@pytest.fixture
def client(weir: Weir) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{weir.url}/v1", api_key="none", timeout=60.0, max_retries=0) as opened:
        yield opened


def test_the_openai_client_streams_what_the_engine_says(weir: Weir, fleet: Engines) -> None:
    found = streamed(weir, fleet.members[0].url)
    assert found.equal, found


def test_unstreamed_answers_adapters_and_errors_come_through(client: openai.OpenAI) -> None:
    def said(model: str) -> str:
        answer = client.chat.completions.create(model=model, messages=ASKED, max_tokens=12, temperature=0)
        return answer.choices[0].message.content or ""

    assert len({said(MODEL), *map(said, ADAPTERS)}) == 3  # each adapter has a voice of its own
    with pytest.raises(openai.NotFoundError):
        said("nobody")
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model=MODEL, messages=ASKED, max_tokens=10**6)
    assert client.completions.create(model=MODEL, prompt="hello world", max_tokens=3).choices[0].text


def test_a_second_request_with_a_shared_prefix_goes_where_the_prefix_is(weir: Weir) -> None:
    """Twelve openings spread over both engines; what goes on from each returns to the one that has it."""
    found = followed(weir, 12)
    assert [one for one in found if not one.home] == []
    assert homes(found) == 2
