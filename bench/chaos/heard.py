"""What came back of one request, and the verdict: whole, lost, something twice, or another's words."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import msgspec

from bench.chaos.asked import CHAT, Asked

LEAST = 12  # characters that do not stand in somebody else's answer by chance


class Fate(Enum):
    """What became of one request."""

    WHOLE = "whole"
    LOST = "lost"  # refused, broken off, or with a hole in it
    DUPLICATED = "duplicated"
    CROSSED = "cross-wired"


@dataclass(slots=True, kw_only=True)
class Heard:
    """One attempt at a request."""

    asked: Asked
    status: int = 0
    replica: str = ""
    text: str = ""
    ids: set[str] = field(default_factory=set)  # that events said they belong to
    ends: int = 0  # finish reasons told
    used: int | None = None  # tokens of the answer, by usage
    done: bool = False
    first_at: float | None = None
    trouble: list[str] = field(default_factory=list)  # what was said, or happened, instead

    def event(self, data: bytes) -> None:
        """Take in one server-sent event; raises `msgspec.DecodeError` for what is none."""
        if data == b"[DONE]":
            self.done = True
            return
        self._take(msgspec.json.decode(data), "delta" if self.asked.path == CHAT else "")

    def whole(self, content: bytes) -> None:
        """Take in an answer that was not streamed; raises `msgspec.DecodeError`."""
        self._take(msgspec.json.decode(content), "message" if self.asked.path == CHAT else "")
        self.done = not self.trouble

    def fate(self) -> Fate:
        """The verdict, now that nothing more comes."""
        asked = self.asked
        name = f"{'chatcmpl' if asked.path == CHAT else 'cmpl'}-{asked.mark}"
        if self.ids - {name}:
            return Fate.CROSSED
        if self.text != asked.expected:
            return misread(asked.expected, self.text)
        if self.ends > 1 or (self.used is not None and self.used > asked.tokens):
            return Fate.DUPLICATED
        right = self.done and self.ends == 1 and self.used == asked.tokens and not self.trouble
        return Fate.WHOLE if right else Fate.LOST

    def _take(self, said: dict[str, Any], part: str) -> None:
        if "error" in said:
            self.trouble.append(str(said["error"])[:300])
            return
        self.ids.add(str(said.get("id")))
        for choice in said.get("choices", []):
            told = choice.get(part, {}).get("content") if part else choice.get("text")
            self.text += told or ""
            self.ends += choice.get("finish_reason") is not None
        if said.get("usage"):
            self.used = said["usage"].get("completion_tokens")


def misread(expected: str, text: str) -> Fate:
    """What is wrong with a text that is not the expected one."""
    if expected.startswith(text):
        return Fate.LOST
    same = next(at for at, (a, b) in enumerate(zip(expected + "\0", text, strict=False)) if a != b)
    rest = text[same:]
    if expected.endswith(rest):  # what follows the break is ours: some of it twice, or some left out
        return Fate.DUPLICATED if len(text) > len(expected) or expected.count(rest) > 1 else Fate.LOST
    beginning = rest[:LEAST]
    return Fate.DUPLICATED if beginning in expected[:same] else Fate.LOST if beginning in expected else Fate.CROSSED
