"""A body and a head with the model and the effects of a rule: every other byte stays as the client sent it."""

from typing import Any

import msgspec

from policies.select.rules.rule import Effects
from router.auto.schema import Places, anything, places, raws

_encode = msgspec.json.Encoder().encode
Change = tuple[slice, bytes]


def rewritten(body: bytes, model: str, effects: Effects, known: Places | None = None) -> bytes:
    """The body for a chosen model; effects on what it does not have are left out.

    Where its members stand is looked for unless it is `known`.
    """
    found = known or places(body)
    changes: list[Change] = [(found.model, _encode(model))]
    if effects.system_prompt and found.messages is not None:
        changes.append(_opening(found.messages, effects.system_prompt))
    if found.tools is not None and (effects.keep_tools is not None or effects.drop_tools):
        changes.append((found.tools, _kept(body[found.tools], effects)))
    if effects.reasoning is not None and not found.has_kwargs:
        end = body.rindex(b"}")
        told = b',"chat_template_kwargs":{"enable_thinking":%b}' % (b"true" if effects.reasoning else b"false")
        changes.append((slice(end, end), told))
    return _changed(body, changes)


def with_headers(forward: bytes, effects: Effects) -> bytes:
    """The request line and headers with those of a rule in place of the client's of the same name."""
    if not effects.headers:
        return forward
    first, *lines = forward.split(b"\r\n")
    names = {name.encode() for name in effects.headers}
    kept = [line for line in lines if line and line.partition(b":")[0].lower() not in names]
    added = [f"{name}: {value}".encode() for name, value in effects.headers.items()]
    return b"\r\n".join([first, *kept, *added, b""])


def _opening(place: slice, prompt: str) -> Change:
    """The rule's system prompt before the client's messages, of which there is at least one."""
    at = place.start + 1
    return slice(at, at), _encode({"role": "system", "content": prompt}) + b","


def _kept(tools: bytes, effects: Effects) -> bytes:
    """The tools that stay, each as it stood; null where none does."""
    if not tools.startswith(b"["):
        return tools
    stay = [bytes(tool) for tool in raws(tools) if _stays(_name(bytes(tool)), effects)]
    return b"[%b]" % b",".join(stay) if stay else b"null"


def _stays(name: str, effects: Effects) -> bool:
    return (effects.keep_tools is None or name in effects.keep_tools) and name not in effects.drop_tools


def _name(tool: bytes) -> str:
    return tool_name(anything(tool))


def tool_name(told: Any) -> str:
    """The name of a tool, in OpenAI's form or Anthropic's; empty where it has none."""
    function = told.get("function", told) if isinstance(told, dict) else {}
    name = function.get("name") if isinstance(function, dict) else ""
    return name if isinstance(name, str) else ""


def _changed(body: bytes, changes: list[Change]) -> bytes:
    parts, at, view = list[bytes | memoryview](), 0, memoryview(body)  # a body may have megabytes: it is copied once
    for place, new in sorted(changes, key=lambda change: change[0].start):
        parts += [view[at : place.start], new]
        at = place.stop
    return b"".join([*parts, view[at:]])
