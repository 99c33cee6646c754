"""Workloads as TOML files: what `weir trace fit` writes and whoever replays reads."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from policies.registry import BadSetting, UnknownName
from sims.traces.reading.row import BadTrace
from sims.traces.reading.writing import replacing
from sims.workloads.drawing.workload import Workload, chosen


def name_of(workload: Workload) -> str:
    """The name under which it is registered."""
    return type(workload).__module__.rpartition(".")[2]


def text(workload: Workload) -> str:
    """The workload and every setting of it, as TOML."""
    lines = [f"{name} = {_value(value)}" for name, value in _settings(workload).items()]
    return "\n".join([f"workload = {_value(name_of(workload))}", "", "[settings]", *lines, ""])


def save(workload: Workload, path: Path) -> None:
    """Write it, whole or not at all; raises OSError."""
    with replacing(path) as file:
        file.write(text(workload).encode())


def load(path: Path) -> Workload:
    """Read one back; raises `BadTrace` naming the file and the key."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadTrace(f"{path} cannot be read: {(error.strerror or str(error)).lower()}: check the path") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadTrace(f"{path} is not TOML ({error}): `weir trace fit TRACE -o FILE` writes one") from None
    if not isinstance(table.get("workload"), str) or set(table) - {"workload", "settings"}:
        raise BadTrace(f"{path} names no workload: write workload = NAME and its [settings], nothing else")
    try:
        return chosen(table["workload"], _tuples(table.get("settings", {})))
    except (UnknownName, BadSetting, TypeError) as error:
        said = error.args[0] if isinstance(error, LookupError) else error
        raise BadTrace(f"{path}: {said}") from None


def opened(spec: str, settings: Mapping[str, Any] | None = None) -> Workload:
    """A workload by its registered name, or one of a TOML file; raises `BadTrace`, `UnknownName`, `BadSetting`."""
    if not spec.endswith(".toml"):
        return chosen(spec, settings)
    found = load(Path(spec))
    return chosen(name_of(found), {**_settings(found), **(settings or {})}) if settings else found


def _settings(workload: Workload) -> dict[str, Any]:
    return {field.name: getattr(workload, field.name) for field in fields(workload)}  # type: ignore[arg-type]


def _value(value: Any) -> str:
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _tuples(value: Any) -> Any:
    """Lists as tuples, all the way down: settings are values."""
    if isinstance(value, dict):
        return {key: _tuples(each) for key, each in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
