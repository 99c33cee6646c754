"""What a proof found: one sentence, and where there is one the request that shows it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from policies.select.rules.predicate import LABEL, Variable
from policies.select.rules.prove.boxes import Box
from policies.select.rules.sessions import REPUTATION, RISK, USUAL
from policies.select.rules.values import Numbers, Values
from policies.signals.facts import Facts, Message

Place = tuple[int | str, ...]
Request = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong, or that could not be proved."""

    # "conflict" | "unreachable" | "shadowed" | "role" | "ceiling" | "cycle" | "target" | "cache" | "cascade" |
    # "sessions" | "undecided"
    kind: str
    said: str
    rules: tuple[str, ...] = ()
    place: Place = ()
    request: Request | None = None  # a counter-example
    readings: Mapping[str, str] | None = None  # what would have to be read, where no request can be named


def as_request(facts: Facts) -> Request:
    """A request as a client would send it; the counts are what its prompt would have to have."""
    body: dict[str, Any] = {"model": facts.model, "messages": [_message(one) for one in facts.messages]}
    if facts.tools:
        body["tools"] = [{"type": "function", "function": {"name": name}} for name in facts.tools]
    if facts.max_tokens:
        body["max_tokens"] = facts.max_tokens
    if facts.response_format != "text":
        body["response_format"] = {"type": facts.response_format}
    headers = {**facts.headers, **({"x-weir-session": facts.session} if facts.session else {})}
    headers |= {"x-weir-tenant": facts.tenant} if facts.tenant else {}
    counted = {"prompt_tokens": facts.prompt_tokens, "visual_tokens": facts.visual_tokens}
    kept = {name: getattr(facts, name) for name in (RISK, REPUTATION, *USUAL)}
    parts = {
        "headers": headers,
        "claims": dict(facts.claims),
        "counted": {k: v for k, v in counted.items() if v},
        "remembered": {k: v for k, v in kept.items() if (v if isinstance(v, str) else isfinite(v))},
    }
    return {"body": body, **{name: part for name, part in parts.items() if part}}


def _message(message: Message) -> Request:
    told: dict[str, Any] = {"role": message.role, "content": message.text}
    if message.images:
        images = [{"type": "image_url", "image_url": {"url": "data:,"}}] * min(message.images, 64)
        told["content"] = [{"type": "text", "text": message.text}, *images]
    if message.tool_calls:
        told["tool_calls"] = [{"type": "function", "function": {"name": name}} for name in message.tool_calls]
    if message.failed:
        told["is_error"] = True
    return told


def in_words(box: Box) -> Mapping[str, str]:
    """A box as what each variable has to be."""
    return {_named(variable): _shown(values) for variable, values in sorted(box.items())}


def _named(variable: Variable) -> str:
    return variable.signal if variable.part in (LABEL, "value") else f"{variable.signal} ({variable.part})"


def _shown(values: Values) -> str:
    unknown = ["unknown"] if values.unknown else []
    if isinstance(values, Numbers):
        return " or ".join([*(f"{low:g} to {high:g}" for low, high in values.spans), *unknown])
    listed = ", ".join(sorted(values.words))
    told = [f"any but {listed}" if listed else "any"] if values.but else ([listed] if listed else [])
    return " or ".join([*told, *unknown])


def names(rules: Sequence[str]) -> str:
    """Rules' names in a sentence."""
    quoted = [repr(rule) for rule in rules]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"
