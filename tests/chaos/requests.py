"""Requests of the chaos trial and what is heard of them, for tests."""

from random import Random
from typing import Any

import msgspec

from bench.chaos.asked import CHAT, Asked, Talk
from bench.chaos.client import Answer
from bench.chaos.heard import Fate, Heard

EXPECTED = "Once upon the river there was a gate and a lock and a quiet old mill"


def asked(stream: bool = True, path: str = CHAT, mark: str = "m1") -> Asked:
    return Asked(mark=mark, path=path, body=b"{}", stream=stream, expected=EXPECTED, tokens=4)


def event(text: str = "", *, mark: str = "m1", finish: str | None = None, used: int | None = None) -> bytes:
    choices = [] if used is not None else [{"delta": {"content": text}, "finish_reason": finish}]
    usage = {"usage": {"completion_tokens": used}} if used is not None else {}
    return msgspec.json.encode({"id": f"chatcmpl-{mark}", "choices": choices, **usage})


def heard(*texts: str, **changes: Any) -> Heard:
    """A stream of these texts that ends as it should."""
    found = Heard(asked=asked())
    for number, text in enumerate(texts):
        found.event(event(text, finish="length" if number == len(texts) - 1 else None))
    found.event(event(used=4))
    found.event(b"[DONE]")
    for name, value in changes.items():
        setattr(found, name, value)
    return found


def answer(sent_at: float, seconds: float = 0.1, fate: Fate = Fate.WHOLE, **more: Any) -> Answer:
    at = sent_at + seconds
    return Answer(asked=asked(), sent_at=sent_at, first_at=at, ended_at=at, fate=fate, **more)


def talk(seed: int) -> list[Asked]:
    return list(Talk(name=f"t{seed}", random=Random(seed)).turns())
