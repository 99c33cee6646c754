"""What a client asks for: bodies of the two completion endpoints, checked."""

from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Struct

from sims.emulator.refusal import Refusal

MOST_CHOICES = 128
MOST_TOP = 20  # likeliest tokens at a place: vLLM's own default bound


class StreamOptions(Struct):
    """`stream_options`."""

    include_usage: bool = False
    continuous_usage_stats: bool = False


class Body(Struct, kw_only=True):
    """What both endpoints take; what is not named here is ignored."""

    model: str | None = None
    max_tokens: int | None = None
    min_tokens: int = 0
    ignore_eos: bool = False
    stop: str | list[str] | None = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    n: int | None = 1
    seed: int | None = None
    temperature: float | None = None
    return_token_ids: bool | None = False
    kv_transfer_params: dict[str, Any] | None = None


class Part(Struct):
    """A piece of a message's content."""

    type: str
    text: str | None = None


class Message(Struct):
    """One message of a chat."""

    role: str
    content: str | list[Part] | None = None


class ChatBody(Body, kw_only=True):
    """POST /v1/chat/completions."""

    messages: list[Message]
    logprobs: bool | None = False
    top_logprobs: int | None = None
    max_completion_tokens: int | None = None


class TextBody(Body, kw_only=True):
    """POST /v1/completions."""

    prompt: Any
    max_tokens: int | None = 16
    logprobs: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The part of a request that decides on the answer."""

    max_tokens: int | None
    min_tokens: int = 0
    ignore_eos: bool = False
    stop: tuple[str, ...] = ()
    choices: int = 1
    seed: int | None = None
    stream: bool = False
    include_usage: bool = False
    continuous_usage: bool = False
    greedy: bool = False  # temperature 0: the answer is a function of the prompt's tokens
    token_ids: bool = False  # whether the ids of prompt and answer are to be told
    top: int | None = None  # likeliest tokens told at each place; None where no log-probabilities are
    fixed_tokens: int | None = None  # the header X-Weir-Emulate-Output-Tokens


CHAT = msgspec.json.Decoder(ChatBody)
TEXT = msgspec.json.Decoder(TextBody)


def chat_body(data: bytes) -> ChatBody:
    """A chat request's body; raises `Refusal`."""
    try:
        body = CHAT.decode(data)
    except msgspec.MsgspecError as error:
        raise _malformed(error) from None
    if not body.messages:
        raise Refusal(400, "List should have at least 1 item: 'messages' is empty", "messages")
    return body


def text_body(data: bytes) -> TextBody:
    """A completion request's body; raises `Refusal`."""
    try:
        return TEXT.decode(data)
    except msgspec.MsgspecError as error:
        raise _malformed(error) from None


def asked(body: ChatBody | TextBody, fixed_tokens: str | None) -> Asked:
    """What a body asks for; raises `Refusal` for what vLLM would refuse."""
    most = body.max_tokens
    if isinstance(body, ChatBody) and body.max_completion_tokens is not None:
        most = body.max_completion_tokens
    choices = 1 if body.n is None else body.n
    _check(most, body.min_tokens, choices)
    options = body.stream_options or StreamOptions()
    if body.stream_options is not None and not body.stream:
        raise Refusal(400, "Stream options can only be defined when `stream=True`.", "stream_options")
    return Asked(
        max_tokens=most,
        min_tokens=body.min_tokens,
        ignore_eos=body.ignore_eos,
        stop=(body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ()),
        choices=choices,
        seed=body.seed,
        greedy=body.temperature == 0.0,
        token_ids=bool(body.return_token_ids),
        top=_top(body),
        stream=bool(body.stream),
        include_usage=options.include_usage,
        continuous_usage=options.continuous_usage_stats,
        fixed_tokens=_whole(fixed_tokens),
    )


def _top(body: ChatBody | TextBody) -> int | None:
    """How many likeliest tokens are told at each place; raises `Refusal` for what vLLM would refuse."""
    if isinstance(body, TextBody):
        top, name = body.logprobs, "logprobs"
    else:
        top, name = (body.top_logprobs or 0) if body.logprobs else None, "top_logprobs"
        if body.top_logprobs and not body.logprobs:
            raise Refusal(400, "when using `top_logprobs`, `logprobs` must be set to true.", name)
    if top is not None and top < 0:
        raise Refusal(400, f"`{name}` must be a positive value.", name)
    if top is not None and top > MOST_TOP:
        said = f"Requested sample logprobs of {top}, which is greater than max allowed: {MOST_TOP}"
        raise Refusal(400, said, name)
    return top


def messages(body: ChatBody) -> list[tuple[str, str]]:
    """Role and text of every message; raises `Refusal` for content that is not text."""
    return [(message.role, _text(message.content)) for message in body.messages]


def prompts(body: TextBody) -> list[str | list[int]]:
    """The prompts of a completion request, as text or token ids; raises `Refusal`."""
    match body.prompt:
        case str() as text:
            return [text]
        case [int(), *_] as ids if all(type(token) is int and 0 <= token < 2**32 for token in ids):
            return [ids]
        case [str() | [int(), *_], *_] as several:
            return [prompt for each in several for prompt in prompts(msgspec.structs.replace(body, prompt=each))]
    raise Refusal(400, "prompt should be a string, a list of strings, or token ids, and not empty", "prompt")


def _text(content: str | list[Part] | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    for part in content:
        if part.type not in ("text", "input_text", "refusal"):
            raise Refusal(400, f"At most 0 {part.type.removesuffix('_url')}(s) may be provided in one prompt.")
    return "\n".join(part.text or "" for part in content)


def _whole(header: str | None) -> int | None:
    if header is None:
        return None
    if not header.isdigit():
        raise Refusal(400, f"X-Weir-Emulate-Output-Tokens must be a whole number, got {header!r}")
    return int(header)


def _check(most: int | None, least: int, choices: int) -> None:
    if most is not None and most < 1:
        raise Refusal(400, f"max_tokens must be at least 1, got {most}.", "max_tokens")
    if least < 0 or (most is not None and least > most):
        raise Refusal(400, f"min_tokens must be between 0 and max_tokens={most}, got {least}.", "min_tokens")
    if not 1 <= choices <= MOST_CHOICES:
        raise Refusal(400, f"n must be between 1 and {MOST_CHOICES}, got {choices}.", "n")


def _malformed(error: msgspec.MsgspecError) -> Refusal:
    kind = "value_error" if isinstance(error, msgspec.ValidationError) else "json_invalid"
    return Refusal(400, f"[{{'type': '{kind}', 'loc': ('body',), 'msg': '{error}'}}]")
