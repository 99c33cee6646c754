"""Which tools a caller's role may use: stripped from requests, and stopped in streamed answers (WRP direction O8)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, NamedTuple, Self


class Mode(Enum):
    """What is done about a tool that the role may not use."""

    REWRITE = "rewrite"  # the model never sees it
    BLOCK = "block"  # the request is refused


class Ruling(NamedTuple):
    """What becomes of a request's tools."""

    allowed: tuple[str, ...]
    denied: tuple[str, ...]
    refuse: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """Tool names, or patterns such as read_*, by role; what is not allowed is denied."""

    roles: Mapping[str, Sequence[str]] = field(default_factory=lambda: MappingProxyType({}))
    mode: Mode = Mode.REWRITE

    def may(self, role: str, tool: str) -> bool:
        """Whether a role may use a tool; an unknown role may use none."""
        return any(fnmatchcase(tool, pattern) for pattern in self.roles.get(role, ()))

    def ruling(self, role: str, tools: Sequence[str]) -> Ruling:
        """What becomes of the tools that a request offers."""
        allowed = tuple(tool for tool in tools if self.may(role, tool))
        denied = tuple(tool for tool in tools if tool not in allowed)
        return Ruling(allowed, denied, bool(denied) and self.mode is Mode.BLOCK)

    def granted(self, role: str, delegated: Sequence[str]) -> tuple[str, ...]:
        """What an agent may use on behalf of a role: the intersection, so that delegation never adds."""
        return tuple(tool for tool in delegated if self.may(role, tool))


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolStream:
    """A streamed answer's tool calls as they come: names arrive in pieces, and are ruled on when they are whole.

    A name is whole when its arguments begin, another call begins, or the stream ends; nothing of a call is passed on
    before, so a denied call never reaches the client in part.
    """

    rights: Rights
    role: str
    names: tuple[tuple[int, str], ...] = ()  # of calls whose name is not whole yet, by index
    held: tuple[tuple[int, Mapping[str, Any]], ...] = ()  # pieces that wait for their name
    ruled: Mapping[int, bool] = field(default_factory=lambda: MappingProxyType({}))  # by index: allowed or not

    def take(self, piece: Mapping[str, Any]) -> tuple[Self, tuple[Mapping[str, Any], ...]]:
        """One entry of `delta.tool_calls`; the new state, and the pieces that may go to the client now."""
        index, told = int(piece.get("index", 0)), piece.get("function") or {}
        after, passed = self, ()  # type: tuple[Self, tuple[Mapping[str, Any], ...]]
        for other, _ in self.names:
            if other != index:
                after, more = after._whole(other)
                passed += more
        if index in after.ruled:
            return after, (*passed, piece) if after.ruled[index] else passed
        names = dict(after.names)
        names[index] = names.get(index, "") + str(told.get("name") or "")
        after = replace(after, names=tuple(names.items()), held=(*after.held, (index, piece)))
        if told.get("arguments"):
            after, more = after._whole(index)
            passed += more
        return after, passed

    def end(self) -> tuple[Self, tuple[Mapping[str, Any], ...]]:
        """The stream is over: what was still held is ruled on."""
        after, passed = self, ()  # type: tuple[Self, tuple[Mapping[str, Any], ...]]
        for index, _ in self.names:
            after, more = after._whole(index)
            passed += more
        return after, passed

    def denied(self) -> int:
        """How many calls were stopped."""
        return sum(not allowed for allowed in self.ruled.values())

    def _whole(self, index: int) -> tuple[Self, tuple[Mapping[str, Any], ...]]:
        allowed = self.rights.may(self.role, dict(self.names)[index])
        passed = tuple(piece for at, piece in self.held if at == index) if allowed else ()
        return replace(
            self,
            names=tuple(each for each in self.names if each[0] != index),
            held=tuple(each for each in self.held if each[0] != index),
            ruled=MappingProxyType({**self.ruled, index: allowed}),
        ), passed
