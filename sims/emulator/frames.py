"""The JSON of answers, whole and in pieces, as vLLM writes it."""

from time import time
from typing import Any, NamedTuple, Protocol

import msgspec

from sims.emulator.logged import Logged

DONE = b"data: [DONE]\n\n"
FINGERPRINT = "vllm-0.32.0-emulated"


class Ids(NamedTuple):
    """What is told of a piece's tokens, as JSON: ids, the prompt's where it is the choice's first, probabilities."""

    piece: str = "null"
    prompt: str = "null"
    logged: str = "null"


class Told(NamedTuple):
    """A whole choice; ids only where they were asked for."""

    text: str
    finish: str
    reason: str | None
    ids: list[int] | None = None
    prompt: list[int] | None = None
    logged: dict[str, Any] | None = None


class Frames(Protocol):
    """One kind of completion: how its parts are written. Texts are plain ASCII words, so they need no escaping."""

    def logged(self, told: Logged, begin: int, end: int) -> dict[str, Any]:
        """The log-probabilities of some tokens of an answer."""

    def opening(self, index: int, prompt: str) -> bytes:
        """What a stream's choice begins with, if anything; `prompt` is its ids as JSON."""

    def delta(self, index: int, text: str, usage: bytes, ids: Ids) -> bytes:
        """A piece of a stream's choice; `usage` is JSON, or empty."""

    def last(self, index: int, text: str, finish: str, reason: str | None, usage: bytes, ids: Ids) -> bytes:
        """The last piece of a stream's choice."""

    def usage(self, usage: bytes) -> bytes:
        """The piece of a stream that only counts tokens."""

    def whole(self, choices: list[Told], usage: dict[str, Any], rest: dict[str, Any]) -> bytes:
        """An answer that is not streamed; `rest` overrules what it has beside choices and usage."""


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

    def logged(self, told: Logged, begin: int, end: int) -> dict[str, Any]:
        """Token by token."""
        return told.chat(begin, end)

    def opening(self, index: int, prompt: str) -> bytes:
        """The chunk that names the role."""
        delta = '"delta":{"role":"assistant","content":""}'
        choice = f'{{"index":{index},{delta},"logprobs":null,"finish_reason":null}}'
        return self._head + f'{choice}],"prompt_token_ids":{prompt},"prompt_text":null}}\n\n'.encode()

    def delta(self, index: int, text: str, usage: bytes, ids: Ids) -> bytes:
        """A piece of the message."""
        delta = f'{{"index":{index},"delta":{{"content":"{text}"}},"logprobs":{ids.logged},"finish_reason":null'
        return self._event(f'{delta},"token_ids":{ids.piece}}}', usage)

    def last(self, index: int, text: str, finish: str, reason: str | None, usage: bytes, ids: Ids) -> bytes:
        """The last piece of the message."""
        delta = f'{{"index":{index},"delta":{{"content":"{text}"}},"logprobs":{ids.logged},"finish_reason":"{finish}"'
        return self._event(f'{delta},"stop_reason":{quoted(reason)},"token_ids":{ids.piece}}}', usage)

    def whole(self, choices: list[Told], usage: dict[str, Any], rest: dict[str, Any]) -> bytes:
        """The whole completion."""
        unused = dict.fromkeys(("refusal", "annotations", "audio", "function_call", "reasoning"))
        told: list[dict[str, Any]] = [
            {
                "index": index,
                "message": {"role": "assistant", "content": choice.text, **unused},
                "logprobs": choice.logged,
                "finish_reason": choice.finish,
                "stop_reason": choice.reason,
                "token_ids": choice.ids,
            }
            for index, choice in enumerate(choices)
        ]
        ids = choices[0].prompt
        empty = {"service_tier": None, "system_fingerprint": FINGERPRINT, "usage": usage, "prompt_logprobs": None}
        return self._whole(
            "chat.completion", told, {**empty, "prompt_token_ids": ids, "kv_transfer_params": None, **rest}
        )


class TextFrames(Written):
    """/v1/completions."""

    kind = "text_completion"

    def logged(self, told: Logged, begin: int, end: int) -> dict[str, Any]:
        """Column by column."""
        return told.text(begin, end)

    def opening(self, index: int, prompt: str) -> bytes:
        """Nothing: a completion has no role."""
        return b""

    def delta(self, index: int, text: str, usage: bytes, ids: Ids) -> bytes:
        """A piece of the text."""
        choice = f'{{"index":{index},"text":"{text}","logprobs":{ids.logged},"finish_reason":null,"stop_reason":null'
        return self._event(f'{choice},"prompt_token_ids":{ids.prompt},"token_ids":{ids.piece}}}', usage)

    def last(self, index: int, text: str, finish: str, reason: str | None, usage: bytes, ids: Ids) -> bytes:
        """The last piece of the text."""
        choice = f'{{"index":{index},"text":"{text}","logprobs":{ids.logged},"finish_reason":"{finish}"'
        choice += f',"stop_reason":{quoted(reason)},"prompt_token_ids":{ids.prompt},"token_ids":{ids.piece}}}'
        return self._event(choice, usage)

    def whole(self, choices: list[Told], usage: dict[str, Any], rest: dict[str, Any]) -> bytes:
        """The whole completion."""
        told = [
            {
                "index": index,
                "text": choice.text,
                "finish_reason": choice.finish,
                "stop_reason": choice.reason,
                "logprobs": choice.logged,
                "prompt_logprobs": None,
                "token_ids": choice.ids,
                "prompt_token_ids": choice.prompt,
            }
            for index, choice in enumerate(choices)
        ]
        empty = {"service_tier": None, "system_fingerprint": FINGERPRINT, "usage": usage, "kv_transfer_params": None}
        return self._whole("text_completion", told, {**empty, **rest})


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
