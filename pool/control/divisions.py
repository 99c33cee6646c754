"""Where pools are divided by length: as a scaling policy says it, as routers are told, as a Pool's status keeps it.

Whoever leads decides; its word stands in the status of both pools, so that every pool service tells its routers the
same and whoever leads next goes on from there.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from policies.scale.scaling import Boundary
from weir.v1 import fleet_pb2

Divided = dict[str, Boundary]
"""The boundaries in force, by the name of either pool."""


def entered(divided: Mapping[str, Boundary], boundaries: Iterable[Boundary]) -> Divided:
    """With some more; one goes before what was said of its pools, and of those that they were divided from."""
    made = dict(divided)
    for boundary in boundaries:
        for name in (boundary.short, boundary.long):
            old = made.get(name)
            for pool in (old.short, old.long) if old else ():
                made.pop(pool, None)
        made |= {boundary.short: boundary, boundary.long: boundary}
    return made


def messages(divided: Mapping[str, Boundary]) -> list[fleet_pb2.Boundary]:
    """As routers are told, each once."""
    each = dict.fromkeys(divided[pool] for pool in sorted(divided))
    return [fleet_pb2.Boundary(short=b.short, long=b.long, tokens=b.tokens, gamma=b.gamma) for b in each]


def kept(boundary: Boundary | None) -> dict[str, Any]:
    """As a status says it; nothing where there is none."""
    if boundary is None:
        return {}
    told = {"short": boundary.short, "long": boundary.long, "tokens": round(boundary.tokens)}
    return {"boundary": told | {"gamma": f"{boundary.gamma:.3f}"}}


def read(statuses: Mapping[str, Any], pools: Iterable[str]) -> Divided:
    """What the statuses of Pools say, by name; of pools that there are, and only what makes sense."""
    found, there = Divided(), set(pools)
    for name, status in statuses.items():
        boundary = _read(status.get("boundary")) if isinstance(status, dict) else None
        if (
            boundary is not None
            and name in (boundary.short, boundary.long)
            and {boundary.short, boundary.long} <= there
        ):
            found[name] = boundary
    return {name: one for name, one in found.items() if found.get(one.short) == one == found.get(one.long)}


def _read(told: Any) -> Boundary | None:
    try:
        short, long, tokens, gamma = told["short"], told["long"], float(told["tokens"]), float(told["gamma"])
    except (TypeError, KeyError, ValueError):
        return None
    sound = (
        isinstance(short, str) and isinstance(long, str) and short != long and 0.0 < tokens < 1e9 and 1 <= gamma < 99
    )
    return Boundary(short=short, long=long, tokens=tokens, gamma=gamma) if sound else None


def words(boundary: Boundary) -> str:
    """In a sentence."""
    gamma = f", compressed where allowed up to {boundary.gamma:.2f} times that" if boundary.gamma > 1.0 else ""
    return (
        f"prompts of up to {boundary.tokens:,.0f} tokens go to {boundary.short}, longer ones to {boundary.long}{gamma}"
    )
