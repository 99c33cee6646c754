"""How hard a prompt is, told as a probability, on both tiers: `python -m bench.difficulty --data DIR`.

Hard is what fewer than half of the models get right. The probability is worth something where it ranks, and where it
comes true as often as it says.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from bench.classify.claim import Figures, bootstrap, run
from bench.classify.measured import Tested, tested
from router.classify.calibration import auroc, calibration_error

TARGET = {"auroc": {"least": 0.70}, "calibration_error": {"most": 0.05}}


def measure(folder: Path, taught: Path | None) -> Figures:
    """Both tiers; only the encoder's has targets."""
    figures: dict[str, Any] = {}
    for tier, prefix in (("encoder", ""), ("static", "static_")):
        figures |= of_tier(tested("difficulty", tier, folder, taught), prefix)
    return figures


def of_tier(found: Tested, prefix: str) -> dict[str, Any]:
    """Rank quality, accuracy, calibration, and the share of hard prompts."""
    shares, hard = found.head.shares(found.scores), found.labels == found.head.labels.index("yes")
    told = shares[:, found.head.labels.index("yes")]
    return {
        f"{prefix}auroc": round(auroc(told, hard), 4),
        f"{prefix}auroc_interval": bootstrap(len(told), lambda rows: auroc(told[rows], hard[rows])),
        f"{prefix}accuracy": round(float(((told > 0.5) == hard).mean()), 4),
        f"{prefix}calibration_error": round(calibration_error(shares, found.labels), 4),
        f"{prefix}hard": round(float(np.mean(hard)), 4),
    }


if __name__ == "__main__":
    sys.exit(run("difficulty", TARGET, measure))
