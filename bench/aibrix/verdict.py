"""Simulated beside measured: which set-up is faster at which rate, where the knees are, how far the means are off."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from bench.aibrix.calibrate import knee

Means = Mapping[float, float]
"""Mean TTFT in seconds by rate."""

APART = 0.2  # measured means closer than that are not ranked
WITHIN = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One set-up, both ways."""

    name: str
    measured: Means
    simulated: Means
    requests: Mapping[float, int]

    @property
    def below(self) -> list[float]:
        """Its rates below its measured knee."""
        limit = knee(self.measured)
        return [rate for rate in sorted(self.measured) if limit is None or rate < limit]

    @property
    def error(self) -> float:
        """Simulated over measured mean TTFT of all its requests below the knee, less one."""
        return self._over(self.simulated) / self._over(self.measured) - 1.0

    def _over(self, means: Means) -> float:
        return sum(means[rate] * self.requests[rate] for rate in self.below)

    def error_at(self, rate: float) -> float:
        """The same at one rate."""
        return self.simulated[rate] / self.measured[rate] - 1.0

    @property
    def knee_off(self) -> int | None:
        """Steps from the measured knee to the simulated one; None where only one of them has any."""
        found, wanted = knee(self.simulated), knee(self.measured)
        rates = sorted(self.measured)
        if found is None or wanted is None:
            return 0 if found is wanted else None
        return rates.index(found) - rates.index(wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two set-ups at one rate whose measured means lie clearly apart."""

    rate: float
    slower: str
    faster: str
    right: bool  # the simulation agrees


def ranked(each: list[Compared]) -> Iterator[Pair]:
    """Every pair of set-ups at every rate where the measured means differ by more than a fifth of the lesser."""
    for one, other in combinations(each, 2):
        for rate in sorted(set(one.measured) & set(other.measured)):
            slower, faster = sorted((one, other), key=lambda compared: -compared.measured[rate])
            if slower.measured[rate] > (1.0 + APART) * faster.measured[rate]:
                right = slower.simulated[rate] > faster.simulated[rate]
                yield Pair(rate=rate, slower=slower.name, faster=faster.name, right=right)


def figures(each: list[Compared]) -> dict[str, float | int | None]:
    """The flat figures of one campaign."""
    pairs, steps = list(ranked(each)), [(one, rate) for one in each for rate in one.below]
    found: dict[str, float | int | None] = {
        "pairs": len(pairs),
        "pairs_wrong": sum(not pair.right for pair in pairs),
        "error_below_knee": round(max(abs(one.error) for one in each), 3),
        "steps_below_knee": len(steps),
        "steps_within": sum(abs(one.error_at(rate)) <= WITHIN for one, rate in steps),
        "worst_step": round(max((abs(one.error_at(rate)) for one, rate in steps), default=0.0), 3),
    }
    for one in each:
        found[f"{one.name}_error"] = round(one.error, 3)
        found[f"{one.name}_knee_off"] = one.knee_off
    return found


def table(each: list[Compared]) -> str:
    """Mean TTFT of every set-up at every rate, measured above simulated, with a star from the knee on."""
    rates = sorted({rate for one in each for rate in one.measured})
    lines = [f"{'mean TTFT s at requests/s':28}" + "".join(f"{rate:8.1f}" for rate in rates)]
    for one in each:
        for what, means in (("measured", one.measured), ("simulated", one.simulated)):
            cells = "".join(f"{means[rate]:8.2f}" if rate in means else " " * 8 for rate in rates)
            lines.append(f"{one.name:18}{what:10}{cells}")
    return "\n".join(lines)
