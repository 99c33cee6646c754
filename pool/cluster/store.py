"""The objects of one kind as they were last heard of. Pure: no clock, no I/O."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from pool.cluster.objects import CHANGES, PAGES, REFUSALS, key
from pool.cluster.troubles import Expired, Trouble, trouble

log = logging.getLogger(__name__)

GONE = 410

Told = Callable[[str, Any | None], None]
"""Hears the key of an object and the object, None when it is gone."""


@dataclass(slots=True, kw_only=True)
class Listing:
    """A whole list, gathered page by page."""

    version: str = ""
    items: list[Any] = field(default_factory=list)
    malformed: int = 0
    more: str = ""  # where the next page begins

    def take(self, page: bytes, kind: type[Any]) -> None:
        """One more page; raises `Trouble` when it is none."""
        try:
            read = PAGES.decode(page)
        except msgspec.MsgspecError as error:
            raise Trouble(f"a list that is none: {error}") from None
        self.version = str(read.metadata.get("resourceVersion", ""))
        self.more = str(read.metadata.get("continue") or "")
        for raw in read.items or ():
            found = decoded(raw, kind)
            if found is None:
                self.malformed += 1
            else:
                self.items.append(found)


@dataclass(slots=True, kw_only=True)
class Event:
    """One line of a watch: an object that is there or gone, or only how far the watch has come."""

    version: str
    item: Any = None
    gone: bool = False


def read_event(line: bytes, kind: type[Any]) -> Event | None:
    """A line of a watch, None when it makes no sense; raises `Expired` or `Trouble` for an error in place of one."""
    try:
        change = CHANGES.decode(line)
    except msgspec.MsgspecError:
        return None
    if change.type == "ERROR":
        refusal = REFUSALS.decode(change.object)
        raise Expired(refusal.message) if refusal.code == GONE else trouble(refusal.code, refusal.message)
    item = decoded(change.object, kind)
    if item is None:
        return None
    if change.type == "BOOKMARK":
        return Event(version=item.metadata.resource_version)
    return Event(version=item.metadata.resource_version, item=item, gone=change.type == "DELETED")


def decoded(raw: msgspec.Raw, kind: type[Any]) -> Any | None:
    """An object as far as Weir reads it; None when it cannot be one."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.MsgspecError as error:
        log.warning("an object that is no %s is left out: %s", kind.__name__, error)
        return None


class Store:
    """Objects by key; whoever asked is told of every difference, and of nothing else."""

    def __init__(self, told: Told) -> None:
        self._items: dict[str, Any] = {}
        self._told = told

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self._items.values()))

    def get(self, name: str) -> Any | None:
        """The object of that key."""
        return self._items.get(name)

    def replace(self, items: Iterable[Any]) -> None:
        """These are all there are."""
        found = {key(item.metadata): item for item in items}
        for name in self._items.keys() - found.keys():
            self._drop(name)
        for item in found.values():
            self._put(item)

    def apply(self, event: Event) -> None:
        """One more event."""
        if event.item is None:
            return
        if event.gone:
            self._drop(key(event.item.metadata))
        else:
            self._put(event.item)

    def _put(self, item: Any) -> None:
        name = key(item.metadata)
        before = self._items.get(name)
        self._items[name] = item
        if before is None or before.metadata.resource_version != item.metadata.resource_version:
            self._told(name, item)

    def _drop(self, name: str) -> None:
        if self._items.pop(name, None) is not None:
            self._told(name, None)
