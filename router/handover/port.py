"""What a wire shape of the prefill/decode hand-over is, and what it needs of the core."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from policies.fleet import Replica
from router.core import NOBODY, Placement

Fields = dict[str, Any]
"""What is added to a request's body."""


class BadAnswer(ValueError):
    """A prefill leg's answer with which no decode leg can be made."""


class Splitting(Protocol):
    """The part of the core that hands requests over."""

    def decoder(self, placement: Placement, now: float, avoid: frozenset[int] = NOBODY) -> int:
        """The row that should decode what the placement's replica computes; -1 where nobody can."""

    def hand_over(self, placement: Placement, row: int) -> None:
        """The prompt is computed: count the request on that row from now on."""

    def transferred(self, placement: Placement, seconds: float) -> None:
        """Its KV took so many seconds on the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Who computes and who decodes, and what tells this hand-over from all others."""

    prefill: Replica
    decode: Replica | None  # None where it is chosen once the prompt is computed
    room: int  # 63 random bits
    bootstrap_port: int
    engine: str = ""  # the prefill replica's own name for itself, where the wire needs it


class Wire(Protocol):
    """One wire shape: what each leg's body carries."""

    parallel: bool  # both legs are sent at once
    asks_engine: bool  # the prefill replica's name for itself has to be asked of its bootstrap server first

    def prefill(self, pair: Pair) -> Fields:
        """What the prefill leg's body gets."""

    def decode(self, pair: Pair, answer: Fields | None) -> Fields:
        """What the decode leg's body gets; `answer` are the `kv_transfer_params` of the prefill leg's answer.

        Raises `BadAnswer` for an answer that is none.
        """

    def places(self, fields: Fields) -> Iterator[tuple[str, int]]:
        """Host and port of everything that the decode replica will connect to."""


_wires: dict[str, Wire] = {}


def wire(name: str) -> Callable[[type[Wire]], type[Wire]]:
    """Enter a wire shape under its name."""

    def enter(shape: type[Wire]) -> type[Wire]:
        _wires[name] = shape()
        return shape

    return enter


def wire_named(name: str) -> Wire:
    """The wire shape of that name; ValueError for an unknown one."""
    from router.handover import mooncake, sglang_bootstrap, vllm_nixl  # noqa: F401 (they enter themselves)

    found = _wires.get(name)
    if found is None:
        raise ValueError(f"hand_over {name!r} is unknown; the known ones are {', '.join(sorted(_wires))}.")
    return found


def host_of(address: str) -> str:
    """The host of host:port."""
    return address.rpartition(":")[0].strip("[]")
