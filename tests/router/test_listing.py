"""Models by their names, however a client writes them."""

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.listing import listing
from tests.router import fakes
from tests.router.routers import Routers

NAMES = {"meta-llama/Llama-3.1-8B-Instruct", "m"}


def test_all_are_listed_in_order_with_what_clients_want_to_know() -> None:
    found = listing(b"/v1/models", NAMES)
    assert found is not None
    assert [one["id"] for one in json.loads(found[1])["data"]] == ["m", "meta-llama/Llama-3.1-8B-Instruct"]
    assert all(set(one) == {"id", "object", "created", "owned_by"} for one in json.loads(found[1])["data"])


@pytest.mark.parametrize("written", [b"meta-llama/Llama-3.1-8B-Instruct", b"meta-llama%2FLlama-3.1-8B-Instruct"])
def test_a_name_with_a_slash_is_found_quoted_or_not(written: bytes) -> None:
    found = listing(b"/v1/models/" + written, NAMES)
    assert found is not None
    assert (found[0], json.loads(found[1])["id"]) == (200, "meta-llama/Llama-3.1-8B-Instruct")


def test_an_unknown_model_is_a_404_in_the_words_of_other_refusals() -> None:
    found = listing(b"/v1/models/gpt-4", NAMES)
    assert found is not None
    assert found[0] == 404
    assert json.loads(found[1])["error"]["code"] == "unknown-model"


def test_other_paths_are_somebody_elses() -> None:
    assert [listing(path, NAMES) for path in (b"/v1/modelsx", b"/v1", b"/")] == [None] * 3


@given(st.text(min_size=1))
def test_every_name_that_is_served_is_found_by_its_quoted_form(name: str) -> None:
    wanted = name.encode(errors="ignore").decode()
    found = listing(b"/v1/models/" + quote(wanted, safe="").encode(), {wanted})
    assert found is not None
    assert json.loads(found[1])["id"] == wanted


async def test_a_gateway_tells_one_model_and_which_methods_a_path_takes(routers: Routers) -> None:
    running = await routers.start(fakes.answer)
    async with running.caller() as caller:
        caller.send(b"GET /v1/models/m HTTP/1.1\r\n\r\nGET /v1/models/x HTTP/1.1\r\n\r\n")
        assert (await caller.reply()).json["id"] == "m"
        assert (await caller.reply()).status == 404
        caller.send(b"OPTIONS /v1/chat/completions HTTP/1.1\r\n\r\nPOST /live HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
        assert [(await caller.reply()).headers["allow"] for _ in range(2)] == ["post", "get"]


async def test_a_method_that_is_not_taken_gets_no_body_when_only_the_head_was_asked_for(routers: Routers) -> None:
    running = await routers.start(fakes.answer)
    async with running.caller() as caller:
        caller.send(b"HEAD /v1/chat/completions HTTP/1.1\r\n\r\nGET /live HTTP/1.1\r\n\r\n")
        data = await caller.reader.readuntil(b'{"status":"ok"}')
    assert data.startswith(b"HTTP/1.1 405")
    assert data.count(b"{") == 1
