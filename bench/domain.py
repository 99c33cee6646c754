"""Which of fourteen domains an MMLU-Pro question is of, on both tiers: `python -m bench.domain --data DIR`."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.classify.claim import Figures, bootstrap, run
from bench.classify.measured import Tested, tested
from router.classify.calibration import calibration_error, macro_f1

TARGET = {"macro_f1": {"least": 0.80}}


def measure(folder: Path, taught: Path | None) -> Figures:
    """Macro-F1 and accuracy of the encoder tier and of the static one."""
    best, light = (tested("domain", tier, folder, taught) for tier in ("encoder", "static"))
    return of_tier(best, "") | of_tier(light, "static_") | {"questions": len(best.labels)}


def of_tier(found: Tested, prefix: str) -> dict[str, Any]:
    """One tier's figures."""
    told, classes = found.scores.argmax(axis=1), len(found.head.labels)

    def score(rows: npt.NDArray[np.int64]) -> float:
        return macro_f1(found.labels[rows], told[rows], classes)

    shares = found.head.shares(found.scores)
    return {
        f"{prefix}macro_f1": round(macro_f1(found.labels, told, classes), 4),
        f"{prefix}macro_f1_interval": bootstrap(len(told), score),
        f"{prefix}accuracy": round(float((told == found.labels).mean()), 4),
        f"{prefix}calibration_error": round(calibration_error(shares, found.labels), 4),
    }


if __name__ == "__main__":
    sys.exit(run("domain", TARGET, measure))
