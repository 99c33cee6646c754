"""Profile sheets: the TOML files beside this package, read once and checked key by key."""

import tomllib
from collections.abc import Collection, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from policies.registry import UnknownName, known

Table = Mapping[str, Any]


class UnknownProfile(UnknownName):
    """No sheet of that name; the message gives the nearest name and all known ones."""


class BadSheet(ValueError):
    """A sheet with a key too many or too few; the message lists what is expected."""


@cache
def names(folder: str) -> tuple[str, ...]:
    """Names of the sheets in policies/`folder`, sorted."""
    entries = (entry.name for entry in files("policies").joinpath(folder).iterdir())
    return tuple(sorted(entry.removesuffix(".toml") for entry in entries if entry.endswith(".toml")))


def read(folder: str, name: str) -> Table:
    """The sheet policies/`folder`/`name`.toml; raises UnknownProfile."""
    if name not in names(folder):
        raise UnknownProfile(f"no profile {name!r} in policies/{folder}: {known(name, list(names(folder)))}")
    return tomllib.loads(files("policies").joinpath(folder, f"{name}.toml").read_text(encoding="utf-8"))


def check(where: str, table: Table, required: Collection[str], optional: Collection[str] = ()) -> None:
    """Raise BadSheet unless the table has every required key and no key beyond the optional ones."""
    missing = sorted(set(required) - set(table))
    unknown = sorted(set(table) - set(required) - set(optional))
    if missing or unknown:
        expected = ", ".join(sorted({*required, *optional}))
        raise BadSheet(f"{where}: missing {missing}, unknown {unknown}; known keys: {expected}")
