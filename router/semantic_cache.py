"""The semantic cache at the gateway: what of a request is its question, what of a reply may be given again, and how.

Embedding is the caller's: it runs in the classifier's process, under its deadline. No vector, no look-up.
"""

import hashlib
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import msgspec

from policies.semantic_cache import Asked, Partition, SemanticCache, cacheable
from policies.signals.port import Embedding

UNSAID = ("stream", "stream_options", "user", "metadata", "store", "messages")  # what does not change an answer
REFUSED = (
    "tools",
    "tool_choice",
    "functions",
    "function_call",
    "logprobs",
    "audio",
    "modalities",
    "kv_transfer_params",
)
_encode, _decode = msgspec.json.Encoder(order="sorted").encode, msgspec.json.decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is looked up, and in which form the answer is wanted."""

    partition: Partition
    text: str
    stream: bool
    usage: bool  # whether a stream ends with its usage

    def asked(self, vector: Embedding) -> Asked:
        """With its embedding: what the cache compares."""
        return Asked(self.partition, self.text, vector, True)


class Given(NamedTuple):
    """An answer that is given again."""

    answer: dict[str, Any]  # a chat completion under its own id, its usage marked
    similarity: float
    age_s: float


class Answers:
    """Looks answers up and keeps them; every moment is told, nothing is awaited."""

    def __init__(self, cache: SemanticCache) -> None:
        self.cache = cache

    def look_up(self, question: Question, vector: Embedding, request_id: str, now: float) -> Given | None:
        """What was answered to the same question, or one of the same meaning; None when nothing is known."""
        hit = self.cache.look_up(question.asked(vector), now)
        if hit is None:
            return None
        answer = _decode(hit.answer) | {"id": f"chatcmpl-{request_id}", "created": int(now)}
        usage = answer.get("usage")
        answer["usage"] = (usage if isinstance(usage, dict) else {}) | {"cached": True}
        return Given(answer, hit.similarity, hit.age_s)

    def keep(self, question: Question, vector: Embedding, reply: "Reply", now: float) -> bool:
        """Keep a whole reply, if it is one that may be given again."""
        answer = reply.answer()
        return answer is not None and self.cache.keep(question.asked(vector), _encode(answer), now)


def question(body: bytes, tenant: str, category: str) -> Question | None:
    """The question of a chat body; None where its answer may not be given again, or there is no tenant."""
    try:
        told = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if not tenant or not isinstance(told, dict) or any(told.get(name) for name in REFUSED):
        return None
    messages = told.get("messages")
    if not isinstance(messages, list) or not all(isinstance(each, dict) for each in messages):
        return None
    if not _may_be_kept(told, messages):
        return None
    asked = next(each["content"] for each in messages if each["role"] == "user")
    partition = Partition(tenant, str(told.get("model", "")), category, shape(told, messages))
    options = told.get("stream_options")
    usage = isinstance(options, dict) and options.get("include_usage") is True
    return Question(partition=partition, text=asked, stream=told.get("stream") is True, usage=usage)


def shape(told: dict[str, Any], messages: list[dict[str, Any]]) -> str:
    """A hash of everything but the question: another system prompt or length limit is another answer."""
    others = [each for each in messages if each["role"] != "user"]
    rest = {name: value for name, value in told.items() if name not in UNSAID}
    return hashlib.blake2b(_encode([rest, others]), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A reply as it comes from an engine, whole or in events; `spoiled`: it may not be given again."""

    text: str = ""
    model: str = ""
    finish: str = ""
    usage: Any = None
    spoiled: bool = False

    def whole(self, body: bytes) -> Self:
        """Having seen the body of a reply that was not streamed."""
        try:
            told = _decode(body)
            choice = told["choices"][0]
            message = choice["message"]
        except (msgspec.DecodeError, UnicodeDecodeError, LookupError, TypeError):
            return replace(self, spoiled=True)
        return self._with(told, choice, message)

    def event(self, data: bytes) -> Self:
        """Having seen what one event of a stream says, [DONE] left out."""
        try:
            told = _decode(data)
            choices = told["choices"]
            if not choices:
                return replace(self, usage=told.get("usage") or self.usage)
            delta = choices[0]["delta"]
        except (msgspec.DecodeError, UnicodeDecodeError, LookupError, TypeError):
            return replace(self, spoiled=True)
        return self._with(told, choices[0], delta)

    def answer(self) -> dict[str, Any] | None:
        """A chat completion without id and date; None unless it came to its own end, in words alone."""
        if self.spoiled or self.finish != "stop" or not self.text:
            return None
        message = {"role": "assistant", "content": self.text}
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        return {"object": "chat.completion", "model": self.model, "choices": [choice], "usage": self.usage}

    def _with(self, told: dict[str, Any], choice: dict[str, Any], said: object) -> Self:
        if not isinstance(said, dict):
            return replace(self, spoiled=True)
        other = len(told["choices"]) > 1 or choice.get("index", 0) != 0 or choice.get("logprobs")
        calls = said.get("tool_calls") or said.get("function_call") or said.get("refusal")
        reasoning = said.get("reasoning_content") or said.get("reasoning")
        content = said.get("content") or ""
        return replace(
            self,
            text=self.text + content if isinstance(content, str) else self.text,
            model=self.model or str(told.get("model", "")),
            finish=choice.get("finish_reason") or self.finish,
            usage=told.get("usage") or self.usage,
            spoiled=self.spoiled or bool(other or calls or reasoning) or not isinstance(content, str),
        )


def heard(data: bytes) -> Reply:
    """The reply that a stream's events are, once all of them came; one without its end is spoiled."""
    reply, ended = Reply(), False
    for event in data.split(b"\n\n"):
        line = event.strip()
        if line == b"data: [DONE]":
            ended = True
        elif line.startswith(b"data: "):
            reply = reply.event(line[6:])
    return reply if ended else replace(reply, spoiled=True)


def _may_be_kept(told: dict[str, Any], messages: list[dict[str, Any]]) -> bool:
    plain = all(isinstance(each.get("content"), str) and isinstance(each.get("role"), str) for each in messages)
    temperature, n = told.get("temperature"), told.get("n")
    return (
        plain
        and (temperature is None or isinstance(temperature, int | float))
        and cacheable(
            [each["role"] for each in messages],
            tools=False,
            tool_calls=any(each.get("tool_calls") for each in messages),
            images=0,
            n=1 if n is None else n,
            temperature=1.0 if temperature is None else temperature,
        )
    )
