"""Where another replica takes over a stream: after which token, and what of its text the client has already."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Struct

from router.gateway.spoken import Spoken

UNREADABLE = (msgspec.MsgspecError, ValueError)
PLAIN = frozenset(("role", "content"))


class Choice(Struct):
    """What is read of an event's choice, of a chat or a completion."""

    text: str | None = None
    delta: dict[str, Any] | None = None
    token_ids: list[int] | None = None
    finish_reason: str | None = None


class Event(Struct):
    """What is read of an event."""

    choices: list[Choice] = []
    usage: Any = None


_decode = msgspec.json.Decoder(Event).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Seam:
    """The answer's tokens to go on from, and the text that the client has beyond them."""

    ids: list[int]
    skip: str = ""
    shown: int = 0  # tokens that the client was told of beyond them
    finished: bool = False  # only the end of the stream is missing
    closed: tuple[bool, bool] = (False, False)  # whether usage, and [DONE], were passed on


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One event: tokens, their text, and whether it is the last."""

    tokens: int
    text: str
    finished: bool = False
    plain: bool = True  # whether a completion could have said it: no reasoning, no call of a tool


def events(chunks: bytes) -> Iterator[bytes]:
    """What each server-sent event in whole chunks says."""
    at = chunks.find(b"data: ")
    while at >= 0:
        end = chunks.find(b"\n\n", at)
        if end < 0:
            return
        yield chunks[at + 6 : end]
        at = chunks.find(b"data: ", end)


def numbers(raw: bytes) -> list[int]:
    """Token ids out of `1,2` or `1]2,3]`."""
    return [int(one) for one in raw.replace(b"]", b",").split(b",") if one]


def seam(spoken: Spoken, greedy: bool) -> Seam | None:
    """Where to go on; None where nobody can. `greedy`: what is said again will be said in the same words.

    Raises what `UNREADABLE` names for events and ids that are none.
    """
    pieces = [*([spoken.last] if spoken.last else []), *spoken.more]
    said, usage, done = _said(pieces)
    ids = numbers(bytes(spoken.ids))
    if any(one.finished for one in said):
        return Seam(ids=ids, finished=True, closed=(usage, done))
    if not all(one.plain for one in said):
        return None
    behind = sum(one.tokens for one in said)
    tail = spoken.owed  # text that the client has behind the boundary looked at
    for index in range(len(said), -1, -1):
        skip = _skip(said[index - 1] if index else None, tail, spoken, len(ids) - behind)
        tokens = sum(one.tokens for one in said[index:])
        if skip is not None and (greedy or not skip):
            return Seam(ids=ids[: len(ids) - tokens], skip=skip, shown=spoken.shown + tokens)
        if index:
            tail = said[index - 1].text + tail
    return None if greedy or spoken.lag or spoken.owed else _last_text(said, ids, spoken.shown)


def _skip(before: Said | None, tail: str, spoken: Spoken, known: int) -> str | None:
    """What of `tail` is still to be skipped after a boundary; None where text and tokens may be out of step there."""
    if before is None:
        return tail if known == spoken.base else None
    if before.tokens != 1 or not before.text or len(tail) < spoken.lag:
        return None
    return tail[spoken.lag :]


def _last_text(said: list[Said], ids: list[int], shown: int) -> Seam | None:
    """After the last event with text: a sample said again would differ, so only half a character is at stake."""
    behind = 0
    for one in reversed(said):
        if one.text:
            return Seam(ids=ids[: len(ids) - behind], shown=shown + behind)
        behind += one.tokens
    return None


def _said(pieces: list[bytes]) -> tuple[list[Said], bool, bool]:
    """The events of some pieces, and whether usage and [DONE] were among them."""
    said, usage, done = list[Said](), False, False
    for piece in pieces:
        for raw in events(piece):
            if raw == b"[DONE]":
                done = True
                continue
            told = _decode(raw)
            if told.choices:
                said.append(_event(told.choices[0]))
            else:
                usage = usage or bool(told.usage)
    return said, usage, done


def _event(choice: Choice) -> Said:
    delta = choice.delta
    text = choice.text if delta is None else delta.get("content")
    plain = delta is None or not any(value for key, value in delta.items() if key not in PLAIN)
    ended = choice.finish_reason is not None
    return Said(tokens=len(choice.token_ids or ()), text=str(text or ""), finished=ended, plain=plain)
