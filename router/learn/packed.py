"""A quality head as a tree of names and its arrays: what is written to a file, and the head again from it."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from policies.select.quality.blend import Blend
from policies.select.quality.forest import Forest
from policies.select.quality.linear import Linear
from policies.select.quality.logistic import Logistic
from policies.select.quality.nearest import Nearest
from policies.select.quality.port import Quality
from policies.select.quality.stacked import Second, Stacked
from policies.select.quality.trees import Boosted, Trees

KINDS = {kind.__name__: kind for kind in (Blend, Boosted, Forest, Linear, Logistic, Nearest, Second, Stacked, Trees)}
"""Everything that a head may be made of."""

Arrays = dict[str, np.ndarray[Any, Any]]


def packed(head: Quality) -> tuple[dict[str, Any], Arrays]:
    """The head as JSON, an array in it being its name, and the arrays by name."""
    arrays: Arrays = {}
    return _tree(head, "head", arrays), arrays


def unpacked(tree: Mapping[str, Any], arrays: Mapping[str, Any]) -> Quality:
    """The head again; raises KeyError, TypeError or ValueError where the tree is no head's."""
    head = _value(tree, arrays)
    if not is_dataclass(head):
        raise ValueError("it tells of no head")
    return head  # type: ignore[return-value]


def _tree(value: Any, path: str, arrays: Arrays) -> Any:
    if is_dataclass(value):
        parts = {each.name: _tree(getattr(value, each.name), f"{path}.{each.name}", arrays) for each in fields(value)}
        return {"kind": type(value).__name__, "parts": parts}
    if isinstance(value, np.ndarray):
        arrays[path] = value
        return {"array": path}
    if isinstance(value, tuple):
        return [_tree(each, f"{path}.{place}", arrays) for place, each in enumerate(value)]
    return value


def _value(tree: Any, arrays: Mapping[str, Any]) -> Any:
    if isinstance(tree, list):
        return tuple(_value(each, arrays) for each in tree)
    if not isinstance(tree, dict):
        return tree
    if "array" in tree:
        return arrays[tree["array"]]
    return KINDS[tree["kind"]](**{name: _value(part, arrays) for name, part in tree["parts"].items()})
