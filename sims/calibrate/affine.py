"""Least squares on relative errors, with a floor under each coefficient."""

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]


def bounded(features: Numbers, seconds: Numbers, least: Numbers) -> Numbers:
    """Coefficients, none below `least`, that fit seconds = features · coefficients with least relative error.

    `features` is [points, coefficients]. Whatever the free solution puts below its floor is set to it, the furthest
    below first, and the rest fitted again; a floor that the others then no longer need stands all the same.
    """
    weighted = features / seconds[:, None]
    fixed = np.zeros(len(least), dtype=bool)
    while True:
        found = _solve(weighted, fixed, least)
        short = np.where(fixed, 0.0, (least - found) / np.maximum(np.abs(least), 1e-15))
        worst = int(np.argmax(short))
        if short[worst] <= 0.0:
            return found
        fixed[worst] = True


def _solve(weighted: Numbers, fixed: npt.NDArray[np.bool_], least: Numbers) -> Numbers:
    """The least squares of weighted · coefficients = 1 in which the fixed ones keep their floor."""
    found = least.astype(np.float64)
    if not fixed.all():
        left = 1.0 - weighted[:, fixed] @ least[fixed]
        scale = np.linalg.norm(weighted[:, ~fixed], axis=0)
        scale[scale == 0.0] = 1.0
        found[~fixed] = np.linalg.lstsq(weighted[:, ~fixed] / scale, left, rcond=None)[0] / scale
    return found


def relative_errors(features: Numbers, seconds: Numbers, coefficients: Numbers) -> Numbers:
    """Predicted over measured less 1, of each point."""
    return np.asarray(features @ coefficients / seconds - 1.0, dtype=np.float64)
