"""The measured rows of the campaigns: who asked what when, and how long it took."""

import csv
import gzip
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = "routing_bench_aibrix"
COLUMNS = ("release", "setup", "qps", "t", "user_id", "question_id", "prompt_tokens", "generation_tokens", "ttft",
           "generation_time")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One request that was answered; seconds since its step began."""

    at: float
    user: int
    question: int  # from 1 up within its session
    prompt_tokens: int
    output_tokens: int
    ttft_s: float
    generation_s: float  # from the first token to the last

    @property
    def key(self) -> tuple[int, int]:
        """Names the request within its step."""
        return self.user, self.question


Steps = Mapping[float, Sequence[Row]]
"""Rows by offered rate in requests a second, in the order of sending."""

Campaign = Mapping[str, Steps]
"""Steps by set-up."""


def campaigns(data: Path) -> dict[str, Campaign]:
    """Every campaign in the folder, by release; raises FileNotFoundError, ValueError with one sentence."""
    folder = data / FOLDER
    files = sorted(folder.glob("*requests.csv*"))
    if not files:
        raise FileNotFoundError(f"{folder} has no *requests.csv.gz: name a folder laid out like ../shared/data")
    found: dict[str, dict[str, dict[float, list[Row]]]] = {}
    for path in files:
        for release, setup, rate, row in _rows(path):
            found.setdefault(release, {}).setdefault(setup, {}).setdefault(rate, []).append(row)
    return {release: _sorted(setups) for release, setups in found.items()}


def _sorted(setups: Mapping[str, Mapping[float, list[Row]]]) -> Campaign:
    return {
        name: {rate: sorted(steps[rate], key=lambda row: row.at) for rate in sorted(steps)}
        for name, steps in sorted(setups.items())
    }


def _rows(path: Path) -> Iterator[tuple[str, str, float, Row]]:
    with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as file:
        lines = csv.DictReader(file)
        if missing := [column for column in COLUMNS if column not in (lines.fieldnames or ())]:
            raise ValueError(f"{path}, row 1: no column {missing[0]!r}; expected {', '.join(COLUMNS)}")
        for number, line in enumerate(lines, 2):
            try:
                yield _row(line)
            except (TypeError, ValueError):
                raise ValueError(f"{path}, row {number}: a number is missing or malformed: repair or drop it") from None


def _row(line: Mapping[str, str]) -> tuple[str, str, float, Row]:
    row = Row(
        at=float(line["t"]),
        user=int(float(line["user_id"])),
        question=int(float(line["question_id"])),
        prompt_tokens=int(float(line["prompt_tokens"])),
        output_tokens=int(float(line["generation_tokens"])),
        ttft_s=float(line["ttft"]),
        generation_s=float(line["generation_time"]),
    )
    return line["release"], line["setup"], float(line["qps"]), row
