"""Predicted TPOT and TTFT beside measured deployments, group by group left out: `python -m bench.silicon --data DIR`.

The shipped constants are applied to groups that they were not fitted on. Groups that they were fitted on are left out
by fifths: fitted anew on the other four, predicted, compared. A group is one system, model, engine, mode, prompt and
output length; DeepSeek R1 and V3, which have one shape and share measurements, are one model.
"""

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sims.calibrate.silicon import sheet
from sims.calibrate.silicon.served import Predicted, predict, train
from sims.calibrate.silicon.setting import BadMeasurement, Setting, read

DATA = Path(__file__).parents[2] / "shared" / "data"
FOLDER = "perf_silicon"
FOLDS = 5
TARGET = {"tpot_error": {"most": 0.10}, "ttft_error_below_saturation": {"most": 0.20}}


def main() -> int:
    """Progress on stderr, one JSON line on stdout; 2 when there is nothing to compare with."""
    parser = argparse.ArgumentParser(prog="python -m bench.silicon", description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder of data (default ../shared/data)")
    parser.add_argument("--refit", action="store_true", help="fit the shipped constants anew, on all rows")
    options = parser.parse_args()
    begun = time.monotonic()
    try:
        settings, unknown = load(options.data / FOLDER)
    except (BadMeasurement, OSError) as error:
        say(f"{error}")
        return 2
    if options.refit:
        sheet.write(train(once(settings)), {str(one.told_group) for one in settings})
        say(f"wrote {sheet.SHEET.name}: {sheet.SHEET.stat().st_size:,} bytes")
        return 0
    single = once(settings)
    figures = compare(single, *left_out(single)) | {"rows": len(settings), "rows_unknown": unknown}
    met = all(figures[name] is not None and figures[name] <= bound["most"] for name, bound in TARGET.items())
    summary = {"name": "silicon", "figures": figures, "target": TARGET, "met": met}
    print(json.dumps(summary | {"seconds": round(time.monotonic() - begun, 1)}), flush=True)
    return 0


def load(folder: Path) -> tuple[list[Setting], int]:
    """The settings of every CSV file in a folder, and how many rows are of unknown hardware or models."""
    paths = sorted([*folder.glob("*.csv"), *folder.glob("*.csv.gz")])
    found = [read(path) for path in paths]
    settings = [one for some, _ in found for one in some]
    if not settings:
        raise BadMeasurement(f"{folder} holds no measurements: name the folder that holds {FOLDER}/*.csv.gz")
    return settings, sum(unknown for _, unknown in found)


def left_out(settings: Sequence[Setting]) -> tuple[Predicted, npt.NDArray[np.bool_]]:
    """Predictions of which none has seen its own group, and which of them the shipped constants made."""
    served, fitted = sheet.read()
    folds = np.array([fold(one) if str(one.told_group) in fitted else -1 for one in settings])
    say(f"{len(settings):,} settings, {np.sum(folds < 0):,} of them in groups that the shipped constants have not seen")
    columns = {name: np.zeros(len(settings)) for name in ("tpot_s", "ttft_s", "below")}
    for number in sorted(set(folds.tolist())):
        mine = folds == number
        if number >= 0:
            say(f"leaving out fold {number + 1} of {FOLDS}: {mine.sum():,} settings")
            served = train(chosen(settings, ~mine))
        found = predict(served, chosen(settings, mine))
        for name, column in columns.items():
            column[mine] = getattr(found, name)
    below = columns["below"] > 0
    return Predicted(tpot_s=columns["tpot_s"], ttft_s=columns["ttft_s"], below=below), folds < 0


def chosen(settings: Sequence[Setting], mask: npt.NDArray[np.bool_]) -> list[Setting]:
    """The settings that are marked."""
    return [one for one, marked in zip(settings, mask.tolist(), strict=True) if marked]


def once(settings: Sequence[Setting]) -> list[Setting]:
    """Every measurement once, though the sheets may repeat it."""
    return list(dict.fromkeys(settings))


def fold(one: Setting) -> int:
    """The fifth that a group belongs to, by its name alone."""
    return int(hashlib.sha256(str(one.group).encode()).hexdigest(), 16) % FOLDS


def compare(settings: Sequence[Setting], found: Predicted, shipped: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Median absolute relative errors, of all and of parts."""
    told = np.array([one.known for one in settings])
    split = np.array([one.mode == "disagg" for one in settings])
    tpot = np.abs(found.tpot_s / np.array([one.tpot_s for one in settings]) - 1.0)
    ttft = np.abs(found.ttft_s / np.array([one.ttft_s for one in settings]) - 1.0)
    return {
        "tpot_error": middle(tpot),
        "tpot_error_aggregated": middle(tpot[~split]),
        "tpot_error_disaggregated": middle(tpot[split]),
        "tpot_error_workers_told": middle(tpot[told]),
        "tpot_error_unseen_by_shipped": middle(tpot[shipped]),
        "ttft_error_below_saturation": middle(ttft[found.below]),
        "ttft_error_unseen_by_shipped": middle(ttft[found.below & shipped]),
        "ttft_error_workers_told": middle(ttft[told]),
        "groups": len({one.group for one in settings}),
        "settings": len(settings),
        "settings_below_saturation": int(found.below.sum()),
        "settings_workers_not_told": int((~told).sum()),
    }


def middle(errors: npt.NDArray[np.float64]) -> float | None:
    """The median, to a hundredth of a percent; None of nothing."""
    return round(float(np.median(errors)), 4) if len(errors) else None


def say(line: str) -> None:
    """Progress."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
