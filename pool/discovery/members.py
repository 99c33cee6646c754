"""Which objects each of many selectors selects, kept up object by object. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from weir.selectors import Selector


@dataclass(slots=True, kw_only=True)
class Selection:
    """What one selector selects."""

    selector: Selector
    members: dict[str, Any] = field(default_factory=dict)
    changed: bool = True  # since whoever asked looked last

    def take(self, key: str, item: Any | None) -> None:
        """An object is another now, or gone."""
        if item is not None and self.selector.matches(item.metadata.labels or {}):
            self.members[key] = item
            self.changed = True
        elif self.members.pop(key, None) is not None:
            self.changed = True


class Members:
    """Selections over the objects of one kind."""

    def __init__(self) -> None:
        self._selections: dict[str, Selection] = {}

    def select(self, name: str, selector: Selector, items: Iterable[tuple[str, Any]]) -> Selection:
        """What a selector selects of these, and of all that are told of later."""
        made = self._selections[name] = Selection(selector=selector)
        for key, item in items:
            made.take(key, item)
        return made

    def drop(self, name: str) -> None:
        """Nobody asks for that selection any more."""
        self._selections.pop(name, None)

    def told(self, key: str, item: Any | None) -> None:
        """An object is another now, or gone."""
        for selection in self._selections.values():
            selection.take(key, item)
