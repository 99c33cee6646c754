"""The bodies of the two legs, and what is read of the first one's answer."""

from typing import Any

import msgspec
from msgspec import Struct

from router.handover.port import Fields

NOT_FOR_ONE_TOKEN = (
    "stream_options", "min_tokens", "return_token_ids", "logprobs", "top_logprobs", "prompt_logprobs", "n", "best_of",
    "echo", "stop", "max_completion_tokens",
)  # fmt: skip
CACHED = b'"cached_tokens":'
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

_encode = msgspec.json.Encoder().encode


class Details(Struct):
    """Of a prompt's tokens."""

    cached_tokens: int | None = None


class Usage(Struct):
    """Of a reply."""

    prompt_tokens_details: Details | None = None


class Answer(Struct):
    """What is read of a prefill leg's answer."""

    kv_transfer_params: dict[str, Any] | None = None
    usage: Usage | None = None

    @property
    def cached(self) -> int:
        """Prompt tokens that the prefill replica had cached; -1 where it does not say."""
        details = self.usage.prompt_tokens_details if self.usage else None
        return -1 if details is None or details.cached_tokens is None else details.cached_tokens


_answer = msgspec.json.Decoder(Answer).decode


def prefill_body(body: bytes, fields: Fields) -> bytes:
    """The request for the prompt and one token."""
    asked: dict[str, Any] = msgspec.json.decode(body)
    for name in NOT_FOR_ONE_TOKEN:
        asked.pop(name, None)
    return _encode({**asked, "stream": False, "max_tokens": 1, **fields})


def with_fields(body: bytes, fields: Fields) -> bytes:
    """A JSON object that ends with these fields."""
    return body[: body.rindex(b"}")] + b"," + _encode(fields)[1:] if fields else body


def answer(content: bytes) -> Answer:
    """A prefill leg's answer, empty where it cannot be read."""
    try:
        return _answer(content)
    except UNREADABLE:
        return Answer()


def engine(content: bytes) -> str:
    """What a bootstrap server says its first rank's engine is called; empty where it does not."""
    try:
        ranks: dict[str, dict[str, Any]] = msgspec.json.decode(content, type=dict[str, dict[str, Any]])
    except UNREADABLE:
        return ""
    return str(next(iter(ranks.values())).get("engine_id", "")) if ranks else ""


def as_one(data: bytes, cached: int) -> bytes:
    """A piece of the decode leg's reply that counts the cached tokens of the prefill leg, no byte longer or shorter."""
    at = data.find(CACHED)
    if at < 0:
        return data
    start = at + len(CACHED)
    while start < len(data) and data[start] == 32:
        start += 1
    end = start
    while end < len(data) and data[end] in b"0123456789":
        end += 1
    told = b"%d" % cached
    return data[:start] + told.ljust(end - start) + data[end:] if len(told) <= end - start else data
