"""Each option as often as it is the best, by what is known of it (linear Thompson, Agrawal and Goyal 2013)."""

from dataclasses import dataclass

import numpy as np

from policies.select.beliefs import Floats
from policies.select.exploring import Explorer, Outlook
from policies.select.port import select

CELLS = 256  # into which the worths that may win are cut
CERTAIN = 5.0  # standard errors within which a worth is taken to lie


@select
@dataclass(frozen=True, slots=True, kw_only=True)
class Thompson(Explorer):
    """Draws from the probability of being best, computed, so that every propensity is exact and none estimated."""

    scale: float = 1.0  # of the posterior's spread

    def odds(self, outlook: Outlook) -> Floats:
        """The probability that each option's worth is the largest."""
        return chance_of_best(outlook.worth_usd, self.scale * outlook.error_usd)


def chance_of_best(mean: Floats, error: Floats) -> Floats:
    """With which probability each of several independent normals is the largest; shape (options,), sums to one."""
    shares, error = np.zeros(len(mean)), np.maximum(error, 1e-12)
    low, high = (mean - CERTAIN * error).max(), (mean + CERTAIN * error).max()
    hopeful = np.flatnonzero(mean + CERTAIN * error >= low)
    edges = np.linspace(low, high, CELLS + 1)
    below = normal_cdf((edges - mean[hopeful, None]) / error[hopeful, None])  # (options, edges)
    middle = np.log(np.maximum(0.5 * (below[:, 1:] + below[:, :-1]), 1e-300))
    others_lower = np.exp(middle.sum(axis=0) - middle)
    wins = (np.diff(below, axis=1) * others_lower).sum(axis=1)
    shares[hopeful] = wins / wins.sum()
    return shares


def normal_cdf(z: Floats) -> Floats:
    """The standard normal's distribution function, to 1e-7 (Abramowitz and Stegun 7.1.26)."""
    x = np.abs(z) / np.sqrt(2.0)
    t = 1.0 / (1.0 + 0.3275911 * x)
    poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    half = 0.5 * poly * np.exp(-x * x)
    return np.asarray(np.where(z >= 0.0, 1.0 - half, half))
