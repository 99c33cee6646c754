"""The last figures of every claim: docs/results.json keeps them, docs/results.md is written from it."""

import json
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
OPENING = "# Measured\n\nWritten by `make show NAME=slug`, from `docs/results.json`; the last run of each.\n"

Says = Mapping[str, str]
Kept = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What one run found."""

    name: str
    figures: dict[str, Any]
    target: dict[str, Any]
    met: bool
    seconds: float


def record(found: Record, says: Says, docs: Path = DOCS) -> None:
    """Keep a run in place of the last one of that name, and write the table anew."""
    kept = read(docs)
    kept[found.name] = {**asdict(found), "machine": machine(), "at": now(), "commit": commit()}
    docs.mkdir(exist_ok=True)
    (docs / "results.json").write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n")
    (docs / "results.md").write_text(page(kept, says))


def read(docs: Path = DOCS) -> Kept:
    """All runs that are kept."""
    path = docs / "results.json"
    kept: Kept = json.loads(path.read_text()) if path.exists() else {}
    return kept


def list_all(says: Says, docs: Path = DOCS) -> str:
    """One line a claim and the figures of its last run."""
    kept = read(docs)
    return "\n".join(line for name, told in says.items() for line in _lines(name, told, kept.get(name)))


def page(kept: Kept, says: Says) -> str:
    """The whole of docs/results.md."""
    return "\n".join([OPENING, *(line for name, told in says.items() for line in _section(name, told, kept.get(name)))])


def machine() -> str:
    """Processor and cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{_processor()}, {cores} cores"


def now() -> str:
    """Date and time, UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def commit() -> str:
    """The checkout's commit, with a plus where it was changed since; unknown outside a repository."""
    told = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs")
    return f"{told}{'+' if changed else ''}" if told else "unknown"


def _lines(name: str, told: str, run: dict[str, Any] | None) -> Iterator[str]:
    if run is None:
        yield f"{name}: {told}; not measured yet"
        return
    yield f"{name}: {told}; {verdict(run)}, {run['at']}, {run['machine']}, commit {run['commit']}"
    for figure, value in run["figures"].items():
        wanted = run["target"].get(figure)
        yield f"  {figure} {shown(value)}{f' (target {bound(wanted)})' if wanted is not None else ''}"


def _section(name: str, told: str, run: dict[str, Any] | None) -> Iterator[str]:
    yield f"## {name}\n\n{told[0].upper()}{told[1:]}.\n"
    if run is None:
        yield "Not measured yet.\n"
        return
    told = f"{verdict(run).capitalize()} in {run['seconds']:g} s on {run['at']}"
    yield f"{told}; {run['machine']}; commit {run['commit']}.\n"
    yield "| figure | value | target |\n|---|---|---|"
    for figure, value in run["figures"].items():
        wanted = run["target"].get(figure)
        yield f"| {figure} | {shown(value)} | {'' if wanted is None else bound(wanted)} |"
    yield ""


def verdict(run: dict[str, Any]) -> str:
    """Whether a run met its target, in words."""
    return "met" if run["met"] else "not met"


def bound(wanted: Any) -> str:
    """A target as tables show it."""
    if isinstance(wanted, dict):
        return ", ".join(f"{'≥' if side == 'least' else '≤'} {value:g}" for side, value in wanted.items())
    return shown(wanted)


def shown(value: Any) -> str:
    """A figure as tables show it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "–" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return named or platform.processor() or platform.machine()


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
