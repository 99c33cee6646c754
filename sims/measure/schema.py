"""Reports as JSON, and the schema that documents them: `python -m sims.measure.schema > docs/report-schema.json`."""

import json
import sys
from dataclasses import fields, is_dataclass
from math import isfinite
from typing import Any

from pydantic import TypeAdapter

from sims.measure.report import Report

TITLE = "A report of weir replay, compare or sweep"
NULLS = "A number is null where it is endless (a percentile that unserved requests decide) or where nothing tells it."


def plain(value: Any) -> Any:
    """Dataclasses as objects, in JSON's own types; what is endless or unknown is null, whole numbers without .0."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [plain(inner) for inner in value]
    if isinstance(value, float):
        return None if not isfinite(value) else int(value) if value.is_integer() else value
    return value


def schema() -> dict[str, Any]:
    """The JSON Schema of every report."""
    found = TypeAdapter(Report).json_schema(mode="serialization")
    described = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": TITLE, "description": NULLS}
    return {**described, **_nullable(found)}


def text() -> str:
    """The schema as it is checked in."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def _nullable(value: Any) -> Any:
    """Every number may be null; everything that a report holds is always there; titles that only repeat keys go."""
    if isinstance(value, list):
        return [_nullable(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    out = {key: _nullable(inner) for key, inner in value.items() if not (key == "title" and isinstance(inner, str))}
    if out.get("type") == "number":
        out["type"] = ["number", "null"]
    if isinstance(out.get("properties"), dict):
        out["required"] = list(out["properties"])
        out["additionalProperties"] = False
    return out


if __name__ == "__main__":
    sys.stdout.write(text())
