"""What was measured of one replica: request by request, or setting by setting of a closed loop."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sims.calibrate.replayed import Asked
from sims.traces.reading.row import BadTrace, Row

Numbers = npt.NDArray[np.float64]

MOST_TOKENS = 10_000_000

NAMES = {
    "arrival": ("arrival", "arrival_s", "arrival_time", "timestamp", "t"),
    "prompt": ("prompt", "prompt_tokens", "input_toks", "input_tokens", "input_length", "isl"),
    "output": ("output", "output_tokens", "output_toks", "generation_tokens", "output_length", "osl"),
    "clients": ("concurrency", "clients", "conc"),
    "ttft": ("ttft", "ttft_s", "ttft_ms"),
    "tpot": ("tpot", "tpot_s", "tpot_ms", "itl", "itl_s", "itl_ms"),
    "e2e": ("e2e", "e2e_s", "e2e_ms", "latency", "latency_s", "latency_ms"),
}
"""What a column may be called; a name that ends in _ms holds milliseconds, else seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Steady:
    """One setting of a closed loop: so many clients, each sending its next request when the last one is done."""

    clients: float
    prompt: int
    output: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurements:
    """Requests by arrival, or settings, and what was measured of each in seconds; nan where it was not."""

    requests: tuple[Asked, ...]  # empty where settings were measured
    settings: tuple[Steady, ...]
    ttft_s: Numbers
    tpot_s: Numbers
    groups: tuple[str, ...]  # what each belongs to when groups are left out

    def __len__(self) -> int:
        return len(self.ttft_s)


def read(path: Path) -> Measurements:
    """A CSV of one kind or the other, told apart by its columns; raises BadTrace, OSError."""
    with path.open(newline="", encoding="utf-8-sig") as lines:
        try:
            found = csv.DictReader(lines)
            columns = _columns(path, found.fieldnames or ())
            rows = [Row(path.name, number, values) for number, values in enumerate(found, 2)]
        except (csv.Error, UnicodeDecodeError) as error:
            raise BadTrace(f"{path.name} is not a CSV file ({error}): export it as comma-separated text") from None
    if not rows:
        raise BadTrace(f"{path.name} has no rows: give at least one measurement under its heading")
    return _settings(rows, columns) if "arrival" not in columns else _requests(path, rows, columns)


def _columns(path: Path, heading: Sequence[str]) -> dict[str, str]:
    """The column of each thing that is there."""
    found = {thing: name for thing, names in NAMES.items() for name in heading if name.strip().lower() in names}
    kinds = ("arrival", "prompt", "output", "ttft"), ("clients", "prompt", "output", "ttft")
    if not any(set(kind) <= set(found) for kind in kinds) or not {"tpot", "e2e"} & set(found):
        raise BadTrace(
            f"{path.name} has the columns {', '.join(heading) or 'none'}: it needs prompt, output, ttft, and "
            "tpot or e2e, with arrival (a row a request) or concurrency (a row a setting)"
        )
    return found


def _requests(path: Path, rows: Sequence[Row], columns: Mapping[str, str]) -> Measurements:
    arrivals = [_seconds(row, columns["arrival"]) for row in rows]
    for row, before, after in zip(rows[1:], arrivals, arrivals[1:], strict=False):
        if after < before:
            raise row.bad(f"arrives {before - after:g} s before the row above it: sort the rows by arrival")
    asked = tuple(
        Asked(arrival - arrivals[0], _tokens(row, columns["prompt"]), _tokens(row, columns["output"]))
        for row, arrival in zip(rows, arrivals, strict=True)
    )
    outputs = [one.output for one in asked]
    quarters = tuple(f"quarter {1 + 4 * index // len(rows)}" for index in range(len(rows)))
    return _measured(rows, columns, outputs, quarters, asked, ())


def _settings(rows: Sequence[Row], columns: Mapping[str, str]) -> Measurements:
    found = []
    for row in rows:
        clients = row.number_of(columns["clients"])
        if not clients > 0.0:
            raise row.bad(f"{columns['clients']} is {clients:g}: give the clients at work, above 0")
        prompt, output = _tokens(row, columns["prompt"]), _tokens(row, columns["output"])
        found.append(Steady(clients=clients, prompt=prompt, output=output))
    shapes = [f"{one.prompt} in, {one.output} out" for one in found]
    loads = [f"{one.clients:g} clients" for one in found]
    groups = tuple(shapes if len(set(shapes)) > 1 else loads)
    return _measured(rows, columns, [one.output for one in found], groups, (), tuple(found))


def _measured(
    rows: Sequence[Row], columns: Mapping[str, str], outputs: Sequence[int], groups: tuple[str, ...],
    requests: tuple[Asked, ...], settings: tuple[Steady, ...],
) -> Measurements:  # fmt: skip
    ttft = [_positive(row, columns["ttft"]) for row in rows]
    tpot = [_tpot(row, columns, first, output) for row, first, output in zip(rows, ttft, outputs, strict=True)]
    return Measurements(
        requests=requests, settings=settings, groups=groups, ttft_s=np.array(ttft), tpot_s=np.array(tpot)
    )  # fmt: skip


def _tpot(row: Row, columns: Mapping[str, str], ttft_s: float, output: int) -> float:
    """Seconds per token after the first; nan for a single one."""
    if output < 2:
        return float("nan")
    if "tpot" in columns:
        return _positive(row, columns["tpot"])
    whole = _positive(row, columns["e2e"])
    if whole <= ttft_s:
        raise row.bad(f"{columns['e2e']} is {whole:g} s and its first token came at {ttft_s:g} s: check their units")
    return (whole - ttft_s) / (output - 1)


def _tokens(row: Row, column: str) -> int:
    found = row.number_of(column)
    if not 1.0 <= found <= MOST_TOKENS:
        raise row.bad(f"{column} is {found:g}: give tokens, from 1 to {MOST_TOKENS:,}")
    return int(found)


def _positive(row: Row, column: str) -> float:
    found = _seconds(row, column)
    if not found > 0.0:
        raise row.bad(f"{column} is {found:g}: give seconds (or milliseconds in a column that ends in _ms), above 0")
    return found


def _seconds(row: Row, column: str) -> float:
    found = row.number_of(column) * (1e-3 if column.strip().lower().endswith("_ms") else 1.0)
    if not isfinite(found):
        raise row.bad(f"{column} is {found}: repair or drop the row")
    return found
