"""Objects held against the models of the official client: a current Kubernetes, without a server."""

import re
from collections.abc import Iterator
from typing import Any

from kubernetes import client

LIST, MAP = re.compile(r"List\[(.+)\]"), re.compile(r"Dict\[str, (.+)\]")
PLAIN: dict[str, type | tuple[type, ...]] = {"str": str, "bytes": str, "int": int, "bool": bool, "float": (int, float)}
QUANTITIES = ("limits", "requests", "size_limit")  # text that may be written as a number


def model(found: dict[str, Any]) -> str:
    """The client's name of an object's kind; empty where it is nobody's of Kubernetes' own."""
    group, _, version = found["apiVersion"].rpartition("/")
    names = [f"{version.capitalize()}{found['kind']}"]
    if group == "":
        names.append(f"Core{names[0]}")
    return next((name for name in names if hasattr(client, name)), "")


def complaints(value: Any, kind: str, place: str = "") -> Iterator[str]:
    """What a current Kubernetes would not know of a value, place by place."""
    if value is None or kind in ("object", "datetime"):
        return
    if inner := LIST.fullmatch(kind):
        yield from _each(enumerate(value), inner[1], place) if isinstance(value, list) else [f"{place}: no list"]
    elif inner := MAP.fullmatch(kind):
        yield from _each(value.items(), inner[1], place) if isinstance(value, dict) else [f"{place}: no map"]
    elif kind in PLAIN:
        wrong = not isinstance(value, PLAIN[kind]) or (kind != "bool" and isinstance(value, bool))
        if wrong and not any(f".{each}" in place for each in QUANTITIES):
            yield f"{place}: {value!r} is no {kind}"
    else:
        yield from _object(value, getattr(client, kind), place)


def _each(items: Any, kind: str, place: str) -> Iterator[str]:
    for key, value in items:
        yield from complaints(value, kind, f"{place}.{key}")


def _object(value: Any, kind: Any, place: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{place}: no {kind.__name__}"
        return
    known = {wire: name for name, wire in kind.attribute_map.items()}
    for key, each in value.items():
        if key not in known:
            yield f"{place}.{key}: a {kind.__name__} has no such field"
            continue
        name = known[key]
        yield from complaints(each, kind.openapi_types[name], f"{place}.{name}")
