"""fleet-sim's analytic tables, computed anew and held against print: `python -m bench.fleet_sim`."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from bench.fleet_sim import energies, scenes
from bench.fleet_sim.physical import Compared, causes, compared
from bench.fleet_sim.printed import Found, Table, Verdict, judge, tables
from sims.analytic.paper.conventions import CORRECTED, PRINTED, Conventions

DEFECTS = {
    "draws": "draws",
    "compressed": "compressed_lost",
    "alone": "wait_alone",
    "unsharded": "kv_sharded",
}
"""A defect's name in the tables and the convention that stands for it."""


def main() -> int:
    """Print what was compared (stderr) and one JSON line (stdout)."""
    argparse.ArgumentParser(prog="python -m bench.fleet_sim", description=__doc__).parse_args()
    begun = time.monotonic()
    printed = tables()
    verdicts = {name: _told(name, table, judge(table, computed(name, PRINTED))) for name, table in printed.items()}
    figures = summary(printed, verdicts) | repaired(printed) | dict(map(_line, compared())) | causes()
    ended = {
        "name": "fleet-sim",
        "figures": figures,
        "target": {"rows_unexplained": 0},
        "met": figures["rows_unexplained"] == 0,
        "seconds": round(time.monotonic() - begun, 1),
    }
    print(json.dumps(ended, allow_nan=False), flush=True)
    return 0


def computed(name: str, conventions: Conventions) -> Found:
    """A table computed anew."""
    made: Callable[[Conventions], Found] = getattr(scenes, name, None) or getattr(energies, name)
    return made(conventions)


def summary(printed: Mapping[str, Table], verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    """Rows that agree, those that cannot and why, and the worst deviation."""
    missed = [(name, row, off) for name, one in verdicts.items() for row, off in one.missed.items()]
    lost = {f"{name} {row}": (printed[name].explained.get(row, ""), off) for name, row, off in missed}
    open_offs = [off for reason, off in lost.values() if not reason]
    return {
        "rows": sum(one.rows for one in verdicts.values()),
        "rows_matched": sum(one.matched for one in verdicts.values()),
        "rows_explained": len(lost) - len(open_offs),
        "rows_unexplained": len(open_offs),
        "worst_deviation": round(max(open_offs, default=0.0), 6),
        "worst_deviation_explained": round(max((off for reason, off in lost.values() if reason), default=0.0), 6),
        **{f"table {name}": f"{one.matched} of {one.rows}" for name, one in verdicts.items()},
        **{f"row {row}": reason or "not explained" for row, (reason, _) in lost.items()},
    }


def repaired(printed: Mapping[str, Table]) -> dict[str, str]:
    """How many of the rows that lean on a defect keep their digits once it is put right, and once all are."""
    told = {}
    for defect, field in DEFECTS.items():
        right = replace(PRINTED, **{field: getattr(CORRECTED, field)})
        told[f"without {defect}"] = _kept({n: t for n, t in printed.items() if defect in t.leans}, right)
    sound = {name: table for name, table in printed.items() if not set(table.leans) & set(DEFECTS)}
    leaning = {name: table for name, table in printed.items() if name not in sound}
    told["without any of them"] = _kept(leaning, CORRECTED)
    return told | {"leaning on none of them": _kept(sound, CORRECTED)}


def _kept(printed: Mapping[str, Table], conventions: Conventions) -> str:
    verdicts = [judge(table, computed(name, conventions)) for name, table in printed.items()]
    say(f"{conventions}: computed")
    kept, rows = sum(one.matched for one in verdicts), sum(one.rows for one in verdicts)
    return f"{kept} of {rows} rows keep their digits"


def _told(name: str, table: Table, verdict: Verdict) -> Verdict:
    say(f"{name}: {table.says}: {verdict.matched} of {verdict.rows} rows as printed")
    for line in verdict.cells:
        say(f"    {line}")
    return verdict


def _line(one: Compared) -> tuple[str, str]:
    say(f"{one.scene.name}: {one.told}")
    return f"physical {one.scene.name}", one.told


def say(line: str) -> None:
    """Progress and tables go to stderr."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
