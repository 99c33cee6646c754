"""Which replicas serve which LoRA adapters beside their model."""

from policies.fleet import Fleet

NOBODY: frozenset[int] = frozenset()


class Adapters:
    """The replicas of each adapter, by row; an adapter that nobody has is not known."""

    __slots__ = ("_fleet", "_lacking", "_names", "_rows", "_version")

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._names: dict[int, list[str]] = {}
        self._rows: dict[str, set[int]] = {}
        self._lacking: dict[str, frozenset[int]] = {}
        self._version = -1  # of the fleet for which they were looked up

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    def of(self, row: int) -> list[str]:
        """The adapters of the replica in a row."""
        return self._names.get(row, [])

    def tell(self, row: int, names: list[str]) -> list[str]:
        """A replica serves these adapters; returns those that now nobody serves any more."""
        before = self._names.pop(row, [])
        if names:
            self._names[row] = names
        for name in names:
            self._rows.setdefault(name, set()).add(row)
        gone = []
        for name in before:
            if name not in names:
                self._rows[name].discard(row)
                if not self._rows[name]:
                    del self._rows[name]
                    gone.append(name)
        self._lacking.clear()
        return gone

    def lacking(self, name: str) -> frozenset[int]:
        """The rows that a request for an adapter must not go to."""
        if self._version != self._fleet.version:
            self._lacking.clear()
            self._version = self._fleet.version
        found = self._lacking.get(name)
        if found is None:
            having = self._rows.get(name, NOBODY)
            found = frozenset([row for row in self._fleet.rows.values() if row not in having])
            self._lacking[name] = found
        return found
