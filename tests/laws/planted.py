"""Policies with one fault each; the laws must catch every one of them."""

from dataclasses import dataclass
from itertools import count
from typing import ClassVar

from policies.cached import Cached
from policies.fleet import KEY, RUNNING, WAITING, Table
from policies.policy import Kernel, Routing, Settings
from policies.predict import eligible
from policies.request import Ask

_asked = count()


def fit(ask: Ask, fleet: Table) -> list[int]:
    """The eligible rows."""
    return [i for i in range(len(fleet)) if eligible(ask, fleet, i)]


def ignores_readiness(ask: Ask, fleet: Table, cached: Cached, settings: Settings, now: float) -> tuple[int, float]:
    rows = sorted(range(len(fleet)), key=lambda i: (fleet[i, RUNNING], fleet[i, KEY]))
    return (rows[0], 1.0) if rows else (-1, 1.0)


def first_row(ask: Ask, fleet: Table, cached: Cached, settings: Settings, now: float) -> tuple[int, float]:
    return next(iter(fit(ask, fleet)), -1), 1.0


def counts_calls(ask: Ask, fleet: Table, cached: Cached, settings: Settings, now: float) -> tuple[int, float]:
    rows = fit(ask, fleet)
    return (rows[next(_asked) % len(rows)], 1.0 / len(rows)) if rows else (-1, 1.0)


def uses_hash(ask: Ask, fleet: Table, cached: Cached, settings: Settings, now: float) -> tuple[int, float]:
    rows = fit(ask, fleet)
    return min(rows, key=lambda i: hash(f"{fleet[i, KEY]} {ask.coin}"), default=-1), 1.0 / max(len(rows), 1)


def crashes_on_empty(ask: Ask, fleet: Table, cached: Cached, settings: Settings, now: float) -> tuple[int, float]:
    return min(fit(ask, fleet), key=lambda i: float(fleet[i, KEY])), 1.0


def seeks_load(ask: Ask, fleet: Table, cached: Cached, settings: Settings, now: float) -> tuple[int, float]:
    return max(fit(ask, fleet), key=lambda i: float(fleet[i, RUNNING] + fleet[i, WAITING]), default=-1), 1.0


def gives_up_when_busy(ask: Ask, fleet: Table, cached: Cached, settings: Settings, now: float) -> tuple[int, float]:
    return next((i for i in fit(ask, fleet) if fleet[i, RUNNING] < 5), -1), 1.0


def claims_certainty(ask: Ask, fleet: Table, cached: Cached, settings: Settings, now: float) -> tuple[int, float]:
    rows = fit(ask, fleet)
    return min(rows, key=lambda i: (int(fleet[i, KEY]) ^ int(ask.coin)) % 1009, default=-1), 1.0


def claims_too_much(ask: Ask, fleet: Table, cached: Cached, settings: Settings, now: float) -> tuple[int, float]:
    return next(iter(fit(ask, fleet)), -1), float(len(fleet))


def writes_into_the_fleet(ask: Ask, fleet: Table, cached: Cached, settings: Settings, now: float) -> tuple[int, float]:
    row = min(fit(ask, fleet), key=lambda i: float(fleet[i, KEY]), default=-1)
    fleet[row, RUNNING] += 1.0
    return row, 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoresReadiness(Routing):
    kernel: ClassVar[Kernel] = staticmethod(ignores_readiness)


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstRow(Routing):
    kernel: ClassVar[Kernel] = staticmethod(first_row)


@dataclass(frozen=True, slots=True, kw_only=True)
class CountsCalls(Routing):
    kernel: ClassVar[Kernel] = staticmethod(counts_calls)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsesHash(Routing):
    kernel: ClassVar[Kernel] = staticmethod(uses_hash)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashesOnEmpty(Routing):
    kernel: ClassVar[Kernel] = staticmethod(crashes_on_empty)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeeksLoad(Routing):
    kernel: ClassVar[Kernel] = staticmethod(seeks_load)


@dataclass(frozen=True, slots=True, kw_only=True)
class GivesUpWhenBusy(Routing):
    kernel: ClassVar[Kernel] = staticmethod(gives_up_when_busy)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimsCertainty(Routing):
    kernel: ClassVar[Kernel] = staticmethod(claims_certainty)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimsTooMuch(Routing):
    kernel: ClassVar[Kernel] = staticmethod(claims_too_much)


@dataclass(frozen=True, slots=True, kw_only=True)
class WritesIntoTheFleet(Routing):
    kernel: ClassVar[Kernel] = staticmethod(writes_into_the_fleet)
