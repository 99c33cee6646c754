"""A chat request's messages and tools as vLLM hands them to a chat template."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

Message = dict[str, Any]

TEXT = {"text": "text", "input_text": "text", "output_text": "text", "refusal": "refusal", "thinking": "thinking"}
"""Where each kind of part that is text has its text."""

BILLING = "x-anthropic-billing-header"  # a line of a system prompt that changes with every request; engines drop it
PART_FIELDS = frozenset((
    "audio_embeds", "audio_url", "closed", "data", "file", "image_embeds", "image_pil", "image_url", "input_audio",
    "name", "refusal", "text", "thinking", "type", "uuid", "video_embeds", "video_url",
))  # fmt: skip
"""Fields of a part that engines know; the others reach the template."""


class NotReproducible(ValueError):
    """A prompt that only the engine can make: why, in a word or two."""


def conversation(messages: Sequence[Mapping[str, Any]], parts: bool) -> list[Message]:
    """The messages for a template that reads `parts`, or texts; raises `NotReproducible`."""
    return [_message(message, parts) for message in messages]


def tool_dicts(tools: Sequence[Mapping[str, Any]] | None) -> list[dict[str, Any]] | None:
    """The tools with the fields that the engine's models have, in their order; raises `NotReproducible`."""
    return None if tools is None else [_tool(tool) for tool in tools]


def _message(message: Mapping[str, Any], parts: bool) -> Message:
    role, content = message["role"], message.get("content")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    if role == "system":
        content = [part for each in content or [] if (part := _unbilled(each)) is not None]
    texts = [part for each in content or [] if (part := _part(each, parts)) is not None]
    made: Message = {"role": role, "content": texts if parts else "\n".join(texts)}
    if role == "assistant":
        _add_assistants(made, message)
    elif role == "tool":
        _add_tools(made, message)
    elif role == "developer":
        made["tools"] = message.get("tools")
    for name in ("name", "task"):
        if isinstance(message.get(name), str):
            made[name] = message[name]
    return made


def _part(part: Any, wrapped: bool) -> Any:
    """One part as text, or as a text part; None where it says nothing."""
    if isinstance(part, str):
        return {"type": "text", "text": part} if wrapped else part
    kind = part.get("type")
    if kind == "tool_reference":
        return {"type": kind, "name": part.get("name")} if wrapped else part.get("name")
    if kind not in TEXT or part.get("uuid") is not None:
        raise NotReproducible(f"{kind or 'untyped'} content")
    text = part.get(TEXT[kind])
    if text is None:
        return None
    return {"type": "text", "text": text, **_extra(part)} if wrapped else text


def _extra(part: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name not in PART_FIELDS}


def _unbilled(part: Any) -> Any:
    """A part of a system prompt without the billing line it may begin with."""
    text = part if isinstance(part, str) else part.get("text") if part.get("type") == "text" else None
    if not (isinstance(text, str) and text.startswith(BILLING)):
        return part
    rest = text.partition("\n")[2]
    if not rest:
        return None
    return rest if isinstance(part, str) else {**part, "text": rest}


def _add_assistants(made: Message, message: Mapping[str, Any]) -> None:
    if message.get("tool_calls"):
        made["tool_calls"] = [_call(call) for call in message["tool_calls"]]
    reasoning = message.get("reasoning")
    if reasoning is None:
        reasoning = message.get("reasoning_content")
    if reasoning is not None:
        made["reasoning"] = made["reasoning_content"] = reasoning


def _add_tools(made: Message, message: Mapping[str, Any]) -> None:
    if "tool_call_id" in message:
        made["tool_call_id"] = message["tool_call_id"]
    content = made["content"]
    if isinstance(content, list) and all(part.get("type") == "text" for part in content):
        made["content"] = "\n".join(part["text"] for part in content)


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    """A tool call with its arguments as an object, which is what templates read."""
    function = call.get("function")
    if call.get("type", "function") != "function" or not isinstance(function, Mapping):
        raise NotReproducible("tool call")
    given = function.get("arguments")
    told = {"arguments": _arguments(given) if given else {}, "name": function.get("name")}
    ordered = {"id": call.get("id"), "function": told, "type": call.get("type")}
    return {name: ordered[name] for name in ordered if name in call}


def _arguments(given: Any) -> dict[str, Any]:
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError:
            return {}
    return given if isinstance(given, dict) else {}


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    function = tool["function"]
    if tool.get("type", "function") != "function" or not isinstance(function, Mapping):
        raise NotReproducible("custom tool")
    told = {"name": function["name"], "description": function.get("description")}
    told["parameters"] = function.get("parameters")
    told.update({name: function[name] for name in ("strict", "defer_loading") if function.get(name) is not None})
    return {"type": "function", "function": told}
