"""Following a stream: however its bytes are cut, every event is passed on whole, and every id is known."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.gateway.continued import chunk
from router.gateway.seam import Seam, events, numbers, seam
from router.gateway.spoken import NULLS, Spoken, without

HEAD = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
TOKENS = st.lists(st.integers(0, 200_000), max_size=4)
SAID = st.tuples(st.text(max_size=6), TOKENS)


def piece(text: str, ids: list[int] | None, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "logprobs": None, "finish_reason": finish, "token_ids": ids}
    return chunk(b"data: %b\n\n" % json.dumps({**HEAD, "choices": [choice]}, separators=(",", ":")).encode())


def opening(prompt: list[int] | None) -> bytes:
    choice = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}
    told = {**HEAD, "choices": [choice], "prompt_token_ids": prompt}
    return chunk(b"data: %b\n\n" % json.dumps(told, separators=(",", ":")).encode())


END = chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"


def followed(lag: int = 0, cut: bool = True) -> Spoken:
    return Spoken(b'"content":"', lag, cut)


def fed(spoken: Spoken, data: bytes, cuts: list[int]) -> list[bytes]:
    at = sorted({0, len(data), *(cut % len(data) for cut in cuts)})
    return [spoken.feed(data[start:end]) for start, end in pairwise(at)]


@given(said=st.lists(SAID, max_size=8), prompt=TOKENS, cuts=st.lists(st.integers(0, 10_000), max_size=30))
def test_however_the_bytes_come_the_client_has_whole_events_without_ids(
    said: list[tuple[str, list[int]]], prompt: list[int], cuts: list[int]
) -> None:
    spoken, plain = followed(), opening(None) + b"".join(piece(text, None) for text, _ in said)
    out = fed(spoken, opening(prompt) + b"".join(piece(text, ids) for text, ids in said) + END, cuts)
    assert all(one == b"" or one.endswith((b"\n\n\r\n", b"0\r\n\r\n")) for one in out)
    told = [json.loads(one) for one in events(b"".join(out)) if one != b"[DONE]"]
    for one in told[1:]:
        assert not one["choices"][0].pop("token_ids", None)
    expected = [json.loads(one) for one in events(plain)]
    for one in expected[1:]:
        one["choices"][0].pop("token_ids")
    assert told == expected
    assert numbers(bytes(spoken.ids)) == [token for _, ids in said for token in ids]
    assert (numbers(spoken.prompt), spoken.tracking) == (prompt, True)


@given(said=st.lists(SAID, max_size=8), cuts=st.lists(st.integers(0, 10_000), max_size=30))
def test_chunks_stay_as_long_as_they_say(said: list[tuple[str, list[int]]], cuts: list[int]) -> None:
    spoken, data = followed(), opening([1, 2, 3]) + b"".join(piece(text, ids) for text, ids in said)
    out = b"".join(fed(spoken, data, cuts))
    at = 0
    while at < len(out):
        line = out.index(b"\r\n", at)
        at = line + 2 + int(out[at:line], 16)
        assert out[at : at + 2] == b"\r\n"
        at += 2


@given(said=st.lists(SAID, max_size=8), cuts=st.lists(st.integers(0, 10_000), max_size=9))
def test_who_asked_for_ids_gets_every_byte(said: list[tuple[str, list[int]]], cuts: list[int]) -> None:
    data = opening([7]) + b"".join(piece(text, ids) for text, ids in said) + END
    assert b"".join(fed(followed(cut=False), data, cuts)) == data


@given(said=st.lists(st.tuples(st.text(max_size=3), st.integers(0, 99_999)), max_size=20))
def test_the_seam_is_after_the_last_token_whose_text_was_said(said: list[tuple[str, int]]) -> None:
    spoken = followed()
    fed(spoken, opening([1]) + b"".join(piece(text, [token]) for text, token in said), [])
    spoken_until = max((number for number, (text, _) in enumerate(said, 1) if text), default=0)
    found = seam(spoken, greedy=True)
    assert found == Seam(ids=[token for _, token in said[:spoken_until]], shown=len(said) - spoken_until)


def test_a_text_that_looks_like_ids_is_left_alone() -> None:
    spoken = followed()
    spoken.feed(opening([1]))
    out = spoken.feed(piece('"token_ids":[9]', [12_345]))
    assert json.loads(next(events(out)))["choices"][0]["delta"]["content"] == '"token_ids":[9]'
    assert numbers(bytes(spoken.ids)) == [12_345]


def test_a_finished_answer_needs_only_its_end() -> None:
    spoken = followed()
    fed(spoken, opening([1]) + piece("a", [5]) + piece("b", [6], "stop"), [])
    found = seam(spoken, greedy=True)
    assert found is not None
    assert (found.ids, found.finished, found.closed) == ([5, 6], True, (False, False))


def test_reasoning_is_not_gone_on_with_as_text() -> None:
    spoken = followed()
    spoken.feed(opening([1]))
    thought = {**HEAD, "choices": [{"index": 0, "delta": {"reasoning": "hm"}, "token_ids": [5]}]}
    spoken.feed(chunk(b"data: %b\n\n" % json.dumps(thought, separators=(",", ":")).encode()))
    assert seam(spoken, greedy=True) is None


def test_a_sample_is_gone_on_with_after_its_last_text_and_not_said_again() -> None:
    spoken = followed()
    fed(spoken, opening([1]) + piece("ab", [5, 6]) + piece("", [7]), [])
    again, sampled = seam(spoken, greedy=True), seam(spoken, greedy=False)
    assert again == Seam(ids=[], skip="ab", shown=3)
    assert sampled == Seam(ids=[5, 6], shown=1)


def test_an_engine_without_ids_is_not_followed() -> None:
    spoken = followed()
    data = opening(None) + piece("a", None)
    assert spoken.feed(data) == data
    assert not spoken.tracking


@pytest.mark.parametrize("told", [b'{"error":{"message":"dead","code":500}}', b'{"error": {"message":"dead"}}'])
def test_an_engines_error_is_kept_from_the_client(told: bytes) -> None:
    spoken = followed()
    spoken.feed(opening([1]))
    said = piece("a", [5])
    out = spoken.feed(said + chunk(b"data: %b\n\n" % told) + END)
    assert out.startswith(said[:20])
    assert (b"error" in out, spoken.broken) == (False, True)


@pytest.mark.parametrize("data", [b"", b"zz\r\nabc\r\n", b"3\r\nabc\r\n", b"\r\n\r\n"])
def test_what_is_no_chunk_is_not_cut(data: bytes) -> None:
    assert without(data, 5, 50) == data


def test_a_null_is_as_long_as_what_it_stands_for() -> None:
    assert all(len(one) == max(size, 4) for size, one in enumerate(NULLS))
