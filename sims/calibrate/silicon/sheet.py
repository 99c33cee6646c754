"""The fitted constants as a text file: derived numbers only, never the measurements."""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from sims.calibrate.silicon.mixed import Effects, Fit, Level
from sims.calibrate.silicon.served import TPOT_LEVELS, TTFT_LEVELS, Served

SHEET = Path(__file__).with_name("fitted.toml")

HEADING = """\
# Constants fitted to NVIDIA's aiconfigurator silicon sample (Apache-2.0; ai-dynamo/aiconfigurator, commit 095f58a5),
# which holds InferenceX and NVIDIA measurements of October 2025 to April 2026. Derived numbers, licence Apache-2.0.
# Written by `python -m bench.silicon --refit`. Tables: model.level.group; a group's effects on the parts of the
# time, in log, then its slopes, in the order of sims/calibrate/silicon/served.py; hundredths.
"""


def write(served: Served, groups: Iterable[str], path: Path = SHEET) -> None:
    """Keep the constants and the names of the groups that they were fitted on."""
    lines = [HEADING, "groups = [\n", *(f'  "{name}",\n' for name in sorted(groups)), "]\n"]
    for name, fit in (("tpot", served.tpot), ("ttft", served.ttft)):
        for level in fit.levels:
            lines.append(f'\n[{name}."{level.name}"]\n')
            lines += [
                f'"{group}" = {[round(100 * float(value)) for value in values]}\n'
                for group, values in fit.effects[level.name].items()
                if np.abs(values).max() >= 0.005
            ]
    path.write_text("".join(lines), encoding="utf-8")


def read(path: Path = SHEET) -> tuple[Served, frozenset[str]]:
    """The constants, and the names of the groups that they were fitted on; raises OSError, TOMLDecodeError."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    served = Served(tpot=_fit(table["tpot"], TPOT_LEVELS), ttft=_fit(table["ttft"], TTFT_LEVELS))
    return served, frozenset(table["groups"])


def _fit(table: dict[str, Any], levels: tuple[Level, ...]) -> Fit:
    effects: Effects = {
        level.name: {group: np.array(values) / 100.0 for group, values in table.get(level.name, {}).items()}
        for level in levels
    }
    return Fit(levels=levels, effects=effects)
