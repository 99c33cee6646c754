"""The JSON of answers, whole and in pieces, as vLLM writes it."""

from time import time
from typing import Any, Protocol

import msgspec

DONE = b"data: [DONE]\n\n"


class Frames(Protocol):
    """One kind of completion: how its parts are written. Texts are plain ASCII words, so they need no escaping."""

    def opening(self, index: int) -> bytes:
        """What a stream's choice begins with, if anything."""

    def delta(self, index: int, text: str, usage: bytes) -> bytes:
        """A piece of a stream's choice; `usage` is JSON, or empty."""

    def last(self, index: int, text: str, finish: str, reason: str | None, usage: bytes) -> bytes:
        """The last piece of a stream's choice."""

    def usage(self, usage: bytes) -> bytes:
        """The piece of a stream that only counts tokens."""

    def whole(self, texts: list[str], finishes: list[tuple[str, str | None]], usage: dict[str, Any]) -> bytes:
        """An answer that is not streamed."""


class Written:
    """What the two kinds share: the event's frame around its choices."""

    kind = ""

    def __init__(self, name: str, model: str) -> None:
        self._name, self._model, self._created = name, model, int(time())
        given = msgspec.json.encode({"id": name, "object": self.kind, "created": self._created, "model": model})
        self._head = b"data: " + given[:-1] + b',"choices":['

    def _event(self, choice: str, usage: bytes) -> bytes:
        tail = b',"usage":' + usage + b"}\n\n" if usage else b"}\n\n"
        return self._head + choice.encode() + b"]" + tail

    def usage(self, usage: bytes) -> bytes:
        """The piece of a stream that only counts tokens."""
        return self._event("", usage)

    def _whole(self, kind: str, choices: list[dict[str, Any]], rest: dict[str, Any]) -> bytes:
        head = {"id": self._name, "object": kind, "created": self._created, "model": self._model}
        return msgspec.json.encode({**head, "choices": choices, **rest})


class ChatFrames(Written):
    """/v1/chat/completions."""

    kind = "chat.completion.chunk"

    def opening(self, index: int) -> bytes:
        """The chunk that names the role."""
        delta = '"delta":{"role":"assistant","content":""}'
        return self._event(f'{{"index":{index},{delta},"logprobs":null,"finish_reason":null}}', b"")

    def delta(self, index: int, text: str, usage: bytes) -> bytes:
        """A piece of the message."""
        delta = f'{{"index":{index},"delta":{{"content":"{text}"}},"logprobs":null,"finish_reason":null'
        return self._event(delta + ',"token_ids":null}', usage)

    def last(self, index: int, text: str, finish: str, reason: str | None, usage: bytes) -> bytes:
        """The last piece of the message."""
        delta = f'{{"index":{index},"delta":{{"content":"{text}"}},"logprobs":null,"finish_reason":"{finish}"'
        return self._event(f'{delta},"stop_reason":{quoted(reason)},"token_ids":null}}', usage)

    def whole(self, texts: list[str], finishes: list[tuple[str, str | None]], usage: dict[str, Any]) -> bytes:
        """The whole completion."""
        unused = dict.fromkeys(("refusal", "annotations", "audio", "function_call", "reasoning"))
        choices: list[dict[str, Any]] = [
            {
                "index": index,
                "message": {"role": "assistant", "content": text, **unused, "tool_calls": []},
                "logprobs": None,
                "finish_reason": finish,
                "stop_reason": reason,
                "token_ids": None,
            }
            for index, (text, (finish, reason)) in enumerate(zip(texts, finishes, strict=True))
        ]
        rest = {"service_tier": None, "system_fingerprint": None, "usage": usage, "prompt_logprobs": None}
        return self._whole("chat.completion", choices, {**rest, "prompt_token_ids": None, "kv_transfer_params": None})


class TextFrames(Written):
    """/v1/completions."""

    kind = "text_completion"

    def opening(self, index: int) -> bytes:
        """Nothing: a completion has no role."""
        return b""

    def delta(self, index: int, text: str, usage: bytes) -> bytes:
        """A piece of the text."""
        choice = f'{{"index":{index},"text":"{text}","logprobs":null,"finish_reason":null,"stop_reason":null'
        return self._event(choice + ',"prompt_token_ids":null,"token_ids":null}', usage or b"null")

    def last(self, index: int, text: str, finish: str, reason: str | None, usage: bytes) -> bytes:
        """The last piece of the text."""
        choice = f'{{"index":{index},"text":"{text}","logprobs":null,"finish_reason":"{finish}"'
        choice += f',"stop_reason":{quoted(reason)},"prompt_token_ids":null,"token_ids":null}}'
        return self._event(choice, usage or b"null")

    def whole(self, texts: list[str], finishes: list[tuple[str, str | None]], usage: dict[str, Any]) -> bytes:
        """The whole completion."""
        nothing = dict.fromkeys(("logprobs", "prompt_logprobs", "token_ids", "prompt_token_ids"))
        choices = [
            {"index": index, "text": text, "finish_reason": finish, "stop_reason": reason, **nothing}
            for index, (text, (finish, reason)) in enumerate(zip(texts, finishes, strict=True))
        ]
        rest = {"service_tier": None, "system_fingerprint": None, "usage": usage, "kv_transfer_params": None}
        return self._whole("text_completion", choices, rest)


def quoted(text: str | None) -> str:
    """A string as JSON."""
    return msgspec.json.encode(text).decode()


def usage(prompt: int, completion: int, cached: int) -> dict[str, Any]:
    """The usage object, in tokens."""
    return {
        "prompt_tokens": prompt,
        "total_tokens": prompt + completion,
        "completion_tokens": completion,
        "prompt_tokens_details": {"cached_tokens": cached},
    }
