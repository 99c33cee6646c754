"""Finished runs, a line each: what an interrupted sweep takes up again."""

import json
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from pydantic import TypeAdapter, ValidationError

from sims.measure.outcome import Outcome

SUFFIX = ".runs.jsonl"
OUTCOME: TypeAdapter[Outcome] = TypeAdapter(Outcome)


class Journal:
    """The runs beside a report; a line that was cut short is as if it had not been written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: TextIO | None = None

    @classmethod
    def beside(cls, report: Path) -> Self:
        """The journal of a report."""
        return cls(report.with_name(report.name + SUFFIX))

    def __enter__(self) -> Self:
        self._file = self.path.open("a", encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file:
            self._file.close()

    def done(self) -> dict[str, Outcome]:
        """The finished runs by key."""
        if not self.path.exists():
            return {}
        found: dict[str, Outcome] = {}
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                entry = json.loads(line)
                found[entry["key"]] = OUTCOME.validate_python(entry["outcome"])
            except (json.JSONDecodeError, KeyError, TypeError, ValidationError):
                continue
        return found

    def add(self, key: str, outcome: Outcome) -> None:
        """Write one run; endless figures as Python's JSON writes them."""
        if self._file is None:
            raise ValueError("the journal is not open")
        line = json.dumps({"key": key, "outcome": asdict(outcome)})
        self._file.write(line + "\n")
        self._file.flush()
