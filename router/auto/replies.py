"""What a reply tells of a session: the tokens it took, and the boundaries that its model declared."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from policies.sessions.commitments import DECLARES
from policies.signals.facts import Facts
from router.auto.leg_bodies import Plain, read
from router.gateway.usage import numbers

if TYPE_CHECKING:
    from router.auto.sending import Sending
    from router.gateway.exchange import Exchange

MOST_CALLS = 64  # of one reply that are read


def tokens_of(exchange: "Exchange", asked: Facts, sending: "Sending | None") -> tuple[float, float]:
    """Tokens that a request took, its legs' among them, and those of its context now; zero where it was never sent."""
    legs = _legs(sending)
    took = sum(_whole(leg.get(name)) for leg in legs for name in ("prompt_tokens", "output_tokens"))
    prompt, output, _ = numbers(exchange.before + exchange.usage)
    if exchange.status == 0:
        return took, took
    own = float(prompt if prompt >= 0 else asked.prompt_tokens) + float(output if output >= 0 else exchange.events)
    return took + own, own


def declared(content: bytes) -> list[Plain]:
    """The arguments of every call in a reply, whole or streamed, by which a model declares a boundary."""
    if b'"tool_calls"' not in content:
        return []
    found = [read(arguments.encode()) for name, arguments in _calls(content) if name == DECLARES]
    return [each for each in found if each is not None]


def _legs(sending: "Sending | None") -> list[Plain]:
    told: Any = sending.choice.get("cascade") if sending is not None else None
    return list(told["legs"]) if told else []


def _whole(told: object) -> float:
    return float(told) if isinstance(told, int | float) and told > 0 else 0.0


def _calls(content: bytes) -> list[tuple[str, str]]:
    """Names and arguments of a reply's tool calls, the pieces of streamed ones put together."""
    calls: dict[tuple[Any, Any], list[str]] = {}
    for choice, call, at in _pieces(content):
        function = call.get("function")
        if isinstance(function, dict) and len(calls) < MOST_CALLS:
            held = calls.setdefault((choice, call.get("index", at)), ["", ""])
            held[0] += str(function.get("name") or "")
            held[1] += str(function.get("arguments") or "")
    return [(held[0], held[1]) for held in calls.values()]


def _pieces(content: bytes) -> Iterator[tuple[Any, Plain, int]]:
    lines = [line[6:] for line in content.split(b"\n\n") if line.startswith(b"data: ")]
    for line in lines or [content]:
        try:
            told = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        choices = told.get("choices") if isinstance(told, dict) else None
        for choice in choices if isinstance(choices, list) else ():
            said = (choice.get("message") or choice.get("delta")) if isinstance(choice, dict) else None
            calls = said.get("tool_calls") if isinstance(said, dict) else None
            for at, call in enumerate(calls if isinstance(calls, list) else ()):
                if isinstance(call, dict):
                    yield choice.get("index", 0), call, at
