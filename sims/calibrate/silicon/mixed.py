"""A hierarchical model with shrinkage: log seconds = log Σ partsₖ·exp(effectsₖ) + features·slopes.

Every level (all rows, each backend, each system and model …) adds effects and slopes to its groups, drawn towards 0 by
the level's spread; a group that was never seen keeps those of the levels above it. Fitted by Gauss-Newton steps that
never raise the penalised, Huber-weighted error.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]

STEPS = 12
SMALL_STEP = 0.01
HALVINGS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One level of the hierarchy."""

    keys: tuple[str, ...]  # labels whose combination names a group; none for the level of all rows
    spread: float  # of its effects on the parts, in log; 0 for none
    slopes: tuple[str, ...] = ()  # features it has slopes for
    slope_spread: float = 0.0

    @property
    def name(self) -> str:
        """What its table is called."""
        return "+".join(self.keys) or "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What is predicted from: parts [rows, parts] in seconds, features and labels by name."""

    parts: Numbers
    features: Mapping[str, Numbers]
    labels: Mapping[str, Sequence[str]]

    def groups(self, level: Level) -> list[str]:
        """The group of each row at a level."""
        columns = [self.labels[key] for key in level.keys]
        return ["|".join(names) for names in zip(*columns, strict=True)] if columns else [""] * len(self.parts)

    def slopes(self, level: Level) -> Numbers:
        """The level's features [rows, slopes]."""
        return np.stack([self.features[name] for name in level.slopes], axis=1) if level.slopes else self.parts[:, :0]

    def take(self, chosen: npt.NDArray[np.intp]) -> "Rows":
        """Some of the rows."""
        return Rows(
            parts=self.parts[chosen],
            features={name: column[chosen] for name, column in self.features.items()},
            labels={name: [column[i] for i in chosen] for name, column in self.labels.items()},
        )


Effects = dict[str, dict[str, Numbers]]
"""Level → group → effects on the parts, then slopes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Levels and what was found for their groups."""

    levels: tuple[Level, ...]
    effects: Effects

    def predict(self, rows: Rows) -> Numbers:
        """Log seconds of each row."""
        scaled, added = np.zeros_like(rows.parts), np.zeros(len(rows.parts))
        count = rows.parts.shape[1]
        for level in self.levels:
            known, width = self.effects[level.name], (count if level.spread else 0) + len(level.slopes)
            nothing = np.zeros(width)
            found = np.array([known.get(group, nothing) for group in rows.groups(level)])
            if level.spread:
                scaled += found[:, :count]
            added += (found[:, width - len(level.slopes) :] * rows.slopes(level)).sum(axis=1)
        return np.asarray(np.log((rows.parts * np.exp(scaled)).sum(axis=1)) + added)


def fit(rows: Rows, seconds: Numbers, levels: tuple[Level, ...], *, noise: float, outlier: float) -> Fit:
    """Fit to measured seconds; `noise` is the rows' own spread in log, beyond `outlier` an error pulls evenly."""
    target = np.log(seconds)
    blocks = [_Block(level, rows) for level in levels]
    error, found = np.inf, [np.zeros((len(block.names), block.width)) for block in blocks]
    for _ in range(STEPS):
        scaled, added = _sums(blocks, found, rows)
        terms = rows.parts * np.exp(scaled)
        shares = terms / terms.sum(axis=1, keepdims=True)
        left = target - np.log(terms.sum(axis=1)) - added
        weights = 1.0 / np.maximum(1.0, np.abs(left) / outlier)
        aim = left + (shares * scaled).sum(axis=1) + added
        wanted = _solve(blocks, shares, aim, noise**2 / weights)
        found, before, error = _descend(blocks, found, wanted, rows, target, noise, outlier)
        if before - error < SMALL_STEP * noise * len(target):
            break
    return Fit(
        levels=levels, effects={b.level.name: dict(zip(b.names, f, strict=True)) for b, f in _zip(blocks, found)}
    )


class _Block:
    """One level over the fitted rows."""

    def __init__(self, level: Level, rows: Rows) -> None:
        self.level, self.parts = level, rows.parts.shape[1]
        names, self.index = np.unique(rows.groups(level), return_inverse=True)
        self.names = [str(name) for name in names]
        self.slopes = rows.slopes(level)
        self.width = (self.parts if level.spread else 0) + len(level.slopes)

    def design(self, shares: Numbers) -> Numbers:
        """Each row's derivatives by its group's parameters, times the level's spread [rows, width]."""
        scaled = [self.level.spread * shares] if self.level.spread else []
        return np.concatenate([*scaled, self.level.slope_spread * self.slopes], axis=1)

    def spreads(self) -> Numbers:
        """The spread of each of a group's parameters."""
        scaled = [self.level.spread] * self.parts if self.level.spread else []
        return np.array(scaled + [self.level.slope_spread] * len(self.level.slopes))


def _zip(blocks: list[_Block], found: list[Numbers]) -> list[tuple[_Block, Numbers]]:
    return list(zip(blocks, found, strict=True))


def _sums(blocks: list[_Block], found: list[Numbers], rows: Rows) -> tuple[Numbers, Numbers]:
    scaled, added = np.zeros_like(rows.parts), np.zeros(len(rows.parts))
    for block, values in _zip(blocks, found):
        own = values[block.index]
        if block.level.spread:
            scaled += own[:, : block.parts]
        added += (own[:, block.width - block.slopes.shape[1] :] * block.slopes).sum(axis=1)
    return scaled, added


def _solve(blocks: list[_Block], shares: Numbers, aim: Numbers, noise: Numbers) -> list[Numbers]:
    """The parameters of the linearised model, by way of the rows' covariance: rows are fewer than parameters."""
    designs = [block.design(shares) for block in blocks]
    covariance = np.zeros((len(aim), len(aim)))
    for block, design in zip(blocks, designs, strict=True):
        for group in range(len(block.names)):
            mine = np.flatnonzero(block.index == group)
            covariance[np.ix_(mine, mine)] += design[mine] @ design[mine].T
    covariance[np.diag_indices_from(covariance)] += noise
    pull = np.linalg.solve(covariance, aim)
    found = []
    for block, design in zip(blocks, designs, strict=True):
        values = np.zeros((len(block.names), block.width))
        np.add.at(values, block.index, design * pull[:, None])
        found.append(values * block.spreads())
    return found


def _descend(
    blocks: list[_Block], now: list[Numbers], wanted: list[Numbers], rows: Rows, target: Numbers, noise: float,
    outlier: float,
) -> tuple[list[Numbers], float, float]:  # fmt: skip
    """Go towards what is wanted as far as the error falls; returns where, and the error before and after."""
    before = _error(blocks, now, rows, target, noise, outlier)
    share = 1.0
    for _ in range(HALVINGS):
        tried = [old + share * (new - old) for old, new in zip(now, wanted, strict=True)]
        error = _error(blocks, tried, rows, target, noise, outlier)
        if error < before:
            return tried, before, error
        share /= 2.0
    return now, before, before


def _error(
    blocks: list[_Block], found: list[Numbers], rows: Rows, target: Numbers, noise: float, outlier: float
) -> float:
    """Half the penalised error: Huber's of the rows over their noise, squares of the parameters over their spread."""
    scaled, added = _sums(blocks, found, rows)
    with np.errstate(over="ignore"):
        left = np.abs(target - np.log((rows.parts * np.exp(scaled)).sum(axis=1)) - added)
    rows_error = np.where(left <= outlier, 0.5 * left**2, outlier * (left - 0.5 * outlier)).sum() / noise**2
    penalty = sum(0.5 * ((values / block.spreads()) ** 2).sum() for block, values in _zip(blocks, found))
    return float(rows_error + penalty)
