"""What feedback says of each option's quality: ridge regression on features, fading with age, shrunk per tenant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Self

import numpy as np
import numpy.typing as npt

from policies.select.foretold import foretold, foretold_of
from policies.select.port import Context, Feedback, Option

Floats = npt.NDArray[np.float64]

NOISE = 0.5  # the most that a quality between 0 and 1 can scatter around its mean
SPREAD = 2.0**-100  # evidence faded below this share is nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantSums:
    """One tenant's own sums by option: how many, of quality, of features; shapes (options,), (options, width)."""

    count: Floats
    quality: Floats
    features: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How evidence is weighed."""

    half_life_s: float = float("inf")  # evidence that old counts half
    prior: float = 0.5  # the quality of an option nobody has tried, where no head foretells it
    ridge: float = 4.0  # the prior's strength, in observations
    feature_ridge: float = 40.0  # the same for what features add: a model is first learned as such
    tenant_strength: float = 20.0  # a tenant's own observations count as much as everybody's after so many
    alarm: float = 3.0  # standard errors of recent surprise at which an option is believed to have changed
    recent: float = 25.0  # observations that "recent" means
    kept: float = 5.0  # observations of the old evidence that a changed option keeps


@dataclass(frozen=True, slots=True, kw_only=True)
class Beliefs:
    """Sums per option as of `at_s`; learning makes a new value."""

    width: int  # features and the constant
    settings: Settings = Settings()
    names: tuple[str, ...] = ()
    at_s: float = 0.0
    xx: Floats = field(default_factory=lambda: np.zeros((0, 0, 0)))  # (options, width, width)
    xy: Floats = field(default_factory=lambda: np.zeros((0, 0)))  # (options, width), quality less what was foretold
    surprise: Floats = field(default_factory=lambda: np.zeros(0))  # recent mean of quality less expectation
    seen: Floats = field(default_factory=lambda: np.zeros(0))  # observations since the last alarm
    alarms: Floats = field(default_factory=lambda: np.zeros(0))  # changes believed in so far
    tenants: Mapping[str, TenantSums] = field(default_factory=lambda: MappingProxyType({}))
    inverse: Floats = field(default_factory=lambda: np.zeros((0, 0, 0)))
    weights: Floats = field(default_factory=lambda: np.zeros((0, 0)))

    def expect(self, context: Context, options: Sequence[Option]) -> tuple[Floats, Floats]:
        """Expected quality of each option and its standard error; both of shape (options,)."""
        x, places = row(context, self.width), {name: i for i, name in enumerate(self.names)}
        rows = [places.get(key(option.model, option.pool), -1) for option in options]
        means = foretold(context.readings, options, self.settings.prior)
        errors = np.full(len(rows), NOISE * np.sqrt(x @ (x / self.penalty())))
        tried = [i for i, at in enumerate(rows) if at >= 0]
        if tried:
            at = np.array([rows[i] for i in tried])
            means[tried] += self.weights[at] @ x + self._of_tenant(context.tenant)[at]
            errors[tried] = NOISE * np.sqrt(np.maximum(np.einsum("d,kde,e->k", x, self.inverse[at], x), 0.0))
        return means, errors

    def learn(self, feedback: Sequence[Feedback]) -> "Beliefs":
        """With those judgements in it; those without a quality say nothing."""
        judged = sorted((one for one in feedback if np.isfinite(one.quality)), key=lambda one: one.at_s)
        if not judged:
            return self
        grown = self._with_names(judged)._aged(judged[-1].at_s)
        sums = _Sums(grown)
        for one in judged:
            sums.add(one)
        return sums.done()

    def penalty(self) -> Floats:
        """The prior's strength by feature, the constant first; shape (width,)."""
        return np.array([self.settings.ridge, *[self.settings.feature_ridge] * (self.width - 1)])

    def _of_tenant(self, tenant: str) -> Floats:
        """By how much a tenant's qualities differ from everybody's, shrunk to nothing while it has few."""
        sums = self.tenants.get(tenant)
        if sums is None:
            return np.zeros(len(self.names))
        off = np.zeros(len(self.names))
        n = len(sums.count)
        expected = np.einsum("kd,kd->k", sums.features, self.weights[:n])
        off[:n] = (sums.quality - expected) / (sums.count + self.settings.tenant_strength)
        return off

    def _with_names(self, judged: Sequence[Feedback]) -> Self:
        fresh = dict.fromkeys(key(one.model, one.pool) for one in judged if key(one.model, one.pool) not in self.names)
        if not fresh:
            return self
        names, d = (*self.names, *fresh), self.width
        more = len(fresh)
        return replace(
            self,
            names=names,
            xx=np.concatenate([self.xx.reshape(-1, d, d), np.zeros((more, d, d))]),
            xy=np.concatenate([self.xy.reshape(-1, d), np.zeros((more, d))]),
            surprise=np.append(self.surprise, np.zeros(more)),
            seen=np.append(self.seen, np.zeros(more)),
            alarms=np.append(self.alarms, np.zeros(more)),
            inverse=np.concatenate([self.inverse.reshape(-1, d, d), np.stack([np.diag(1.0 / self.penalty())] * more)]),
            weights=np.concatenate([self.weights.reshape(-1, d), np.zeros((more, d))]),
        )

    def _aged(self, at_s: float) -> Self:
        """As of a later moment: everything counts less."""
        if at_s <= self.at_s:
            return self
        share = fade(at_s - self.at_s, self.settings.half_life_s)
        tenants = {name: _faded(sums, share) for name, sums in self.tenants.items()} if share < 1.0 else self.tenants
        return replace(self, at_s=at_s, xx=self.xx * share, xy=self.xy * share, tenants=tenants)


class _Sums:
    """Arrays being added to, on their way to a new `Beliefs`."""

    def __init__(self, old: Beliefs) -> None:
        self.old, self.settings = old, old.settings
        self.places = {name: i for i, name in enumerate(old.names)}
        self.xx, self.xy = old.xx.copy(), old.xy.copy()
        self.surprise, self.seen, self.alarms = old.surprise.copy(), old.seen.copy(), old.alarms.copy()
        self.tenants = dict(old.tenants)
        self.touched: set[str] = set()

    def add(self, one: Feedback) -> None:
        """One judgement; an older one counts as much as it would have by now."""
        at, x = self.places[key(one.model, one.pool)], row(one.context, self.old.width)
        y = min(max(one.quality, 0.0), 1.0) - foretold_of(one.context.readings, one.model, self.settings.prior)
        share = one.weight * fade(self.old.at_s - one.at_s, self.settings.half_life_s)
        self._watch(at, y - float(self.old.weights[at] @ x), float(x @ self.old.inverse[at] @ x), one.weight)
        self.xx[at] += share * np.outer(x, x)
        self.xy[at] += share * y * x
        if one.context.tenant:
            self._add_tenant(one.context.tenant, at, share, y, x)

    def done(self) -> Beliefs:
        """The new value."""
        solved = self.xx + np.diag(self.old.penalty())
        inverse: Floats = np.linalg.inv(solved).astype(np.float64)
        weights = np.einsum("kde,ke->kd", inverse, self.xy)
        return replace(
            self.old, xx=self.xx, xy=self.xy, surprise=self.surprise, seen=self.seen, alarms=self.alarms,
            tenants=MappingProxyType(self.tenants), inverse=inverse, weights=weights,
        )  # fmt: skip

    def _watch(self, at: int, off: float, unsure: float, weight: float) -> None:
        """Believe that an option changed when its recent surprise is past what chance and little evidence explain."""
        recent = self.settings.recent
        self.seen[at] += weight
        part = weight * max(1.0 / recent, 1.0 / max(self.seen[at], 1.0))
        self.surprise[at] += part * (off - self.surprise[at])
        error = NOISE * np.sqrt(max(1.0 / self.seen[at], 1.0 / (2.0 * recent - 1.0)) + unsure)
        if self.seen[at] >= recent and abs(self.surprise[at]) > self.settings.alarm * error:
            self.alarms[at] += 1.0
            kept = self.settings.kept / max(self.xx[at, 0, 0], self.settings.kept)
            self.xx[at] *= kept
            self.xy[at] *= kept
            for tenant in self.tenants:
                self._forget(self._own(tenant), at, kept)
            self.seen[at] = self.surprise[at] = 0.0

    def _add_tenant(self, tenant: str, at: int, share: float, y: float, x: Floats) -> None:
        sums = self._own(tenant)
        sums.count[at] += share
        sums.quality[at] += share * y
        sums.features[at] += share * x

    def _own(self, tenant: str) -> TenantSums:
        """A tenant's sums that may be written to: copied once, a row for every option."""
        if tenant not in self.touched:
            n, d = len(self.places), self.old.width
            told = self.tenants.get(tenant)
            known = 0 if told is None else len(told.count)
            sums = TenantSums(count=np.zeros(n), quality=np.zeros(n), features=np.zeros((n, d)))
            if told is not None:
                sums.count[:known], sums.quality[:known], sums.features[:known] = (
                    told.count,
                    told.quality,
                    told.features,
                )
            self.tenants[tenant] = sums
            self.touched.add(tenant)
        return self.tenants[tenant]

    @staticmethod
    def _forget(sums: TenantSums, at: int, kept: float) -> None:
        sums.count[at] *= kept
        sums.quality[at] *= kept
        sums.features[at] *= kept


def key(model: str, pool: str) -> str:
    """The name of a model in a pool: the same weights served otherwise may answer otherwise."""
    return f"{model}@{pool}"


def row(context: Context, width: int) -> Floats:
    """A constant and the features, shape (width,); what is missing or no number is zero."""
    told = np.asarray(context.features, dtype=np.float64)[: width - 1]
    full = np.zeros(width)
    full[0] = 1.0
    full[1 : 1 + len(told)] = np.nan_to_num(told, nan=0.0, posinf=0.0, neginf=0.0)
    return full


def fade(age_s: float, half_life_s: float) -> float:
    """The share that evidence of some age still counts."""
    return max(float(np.exp2(-max(age_s, 0.0) / half_life_s)), SPREAD)


def _faded(sums: TenantSums, share: float) -> TenantSums:
    return TenantSums(count=sums.count * share, quality=sums.quality * share, features=sums.features * share)
