"""A body as the facts that signals read: messages, tools, format, sizes, headers, claims."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from policies.signals.facts import Facts, Message
from router.auto.schema import asked
from router.gateway.head import Head
from router.order import Order

BYTES_A_TOKEN = 4.0  # until a model is chosen nobody knows better
IMAGE_TOKENS = 1000
IMAGES = frozenset(("image_url", "input_image", "image"))
FAILED = re.compile(
    r"\s{0,20}(?:\{\s{0,9}\"(?:error|exception)\"|error\b|exception\b|traceback\b|failed\b)", re.IGNORECASE
)
MOST_MESSAGES = 4096  # the newest; a conversation longer than that says no more


class Told(NamedTuple):
    """What a body tells of itself, whatever its path."""

    messages: tuple[Message, ...]
    tools: tuple[str, ...]
    response_format: str
    max_tokens: int
    previous_response: str


def told(body: bytes) -> Told:
    """What is said in a body; what is not of the expected form says nothing."""
    said = asked(body)
    limits = (said.max_completion_tokens, said.max_output_tokens, said.max_tokens)
    return Told(
        messages=tuple(_messages(said)),
        tools=tuple(_tools(said.tools)),
        response_format=_format(said.response_format),
        max_tokens=next((n for n in limits if _whole(n)), 0),
        previous_response=_text(said.previous_response_id),
    )


def facts(order: Order, head: Head, body: bytes, claims: Mapping[str, str], known: Told | None = None) -> Facts:
    """The facts of one request; what its body tells is read unless it is `known`."""
    said = known or told(body)
    images = sum(message.images for message in said.messages)
    return Facts(
        id=order.id,
        model=order.model,
        messages=said.messages,
        tools=said.tools,
        response_format=said.response_format,
        prompt_tokens=max(round((len(body) - order.start) / BYTES_A_TOKEN), 1) + images * IMAGE_TOKENS,
        visual_tokens=images * IMAGE_TOKENS,
        max_tokens=said.max_tokens,
        session=order.session,
        previous_response=said.previous_response,
        tenant=claims.get("tenant") or order.tenant,
        headers=headers(head.forward),
        claims=claims,
    )


def headers(forward: bytes) -> dict[str, str]:
    """The client's headers by lower-case name, those of the connection left out."""
    lines = forward.decode("latin-1").split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}


def previous_question(told: Facts) -> str:
    """What the user had said the turn before the newest."""
    users = [message.text for message in told.messages if message.role == "user"]
    return users[-2] if len(users) > 1 else ""


def _messages(said: Any) -> Iterator[Message]:
    for opening in (said.system, said.instructions):
        if opening:
            yield Message("system", _content(opening)[0])
    listed = said.messages if isinstance(said.messages, list) else said.input
    if isinstance(listed, list):
        yield from (message(one) for one in listed[-MOST_MESSAGES:] if isinstance(one, dict))
    elif isinstance(listed, str):
        yield Message("user", listed)
    elif isinstance(said.prompt, str):
        yield Message("user", said.prompt)


def message(told: dict[str, Any]) -> Message:
    """One message of a body, in OpenAI's form or Anthropic's."""
    if told.get("type") == "function_call_output":
        text, failed = _text(told.get("output")), False
        return Message("tool", text, failed=failed or bool(FAILED.match(text)))
    role = "system" if told.get("role") == "developer" else _text(told.get("role"))
    text, images, failed = _content(told.get("content"))
    calls = told.get("tool_calls")
    names = tuple(_named(one) for one in calls if isinstance(one, dict)) if isinstance(calls, list) else ()
    told_failed = failed or bool(told.get("is_error")) or (role == "tool" and bool(FAILED.match(text)))
    return Message(role, text, names, told_failed, images)


def _content(content: Any) -> tuple[str, int, bool]:
    """The text of a content, its images, and whether a tool's result in it is an error."""
    if isinstance(content, str):
        return content, 0, False
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    text = "\n".join(_text(part.get("text")) for part in parts if part.get("text"))
    images = sum(part.get("type") in IMAGES for part in parts if isinstance(part.get("type"), str))
    return text, images, any(part.get("is_error") is True for part in parts)


def _tools(tools: Any) -> Iterator[str]:
    for tool in tools if isinstance(tools, list) else ():
        if isinstance(tool, dict):
            yield _named(tool)


def _named(told: dict[str, Any]) -> str:
    """The name of a tool or of a call, in OpenAI's form or Anthropic's."""
    function = told.get("function")
    return _text(function.get("name") if isinstance(function, dict) else told.get("name"))


def _format(told: Any) -> str:
    return _text(told.get("type")) or "text" if isinstance(told, dict) else "text"


def _text(told: Any) -> str:
    return told if isinstance(told, str) else ""


def _whole(told: Any) -> bool:
    return isinstance(told, int) and not isinstance(told, bool) and told > 0
