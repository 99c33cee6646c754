"""Watches a rules file: what was changed is proved first, and until it is the old rules serve."""

from collections.abc import Callable
from pathlib import Path

from weir.strictyaml import BadFile

Stamp = tuple[int, int, int]


class Watch:
    """One file, looked at now and then; `message` makes of it what workers are told, or raises `BadFile`."""

    def __init__(self, path: Path, message: Callable[[Path], bytes], complain: Callable[[str], None]) -> None:
        """Read it a first time; raises `BadFile`."""
        self._path, self._message, self._complain = path, message, complain
        self._seen = self._stamp()
        self.message = message(path)

    def look(self) -> bytes | None:
        """The new rules where the file has changed and they are proved; each version is looked at once."""
        stamp = self._stamp()
        if stamp == self._seen:
            return None
        self._seen = stamp
        try:
            found = self._message(self._path)
        except (BadFile, OSError) as bad:
            self._complain(f"{self._path} is not taken, the rules before it serve on: {bad}")
            return None
        if found == self.message:
            return None
        self.message = found
        return found

    def _stamp(self) -> Stamp | None:
        """What changes when the file does; None where it is gone."""
        try:
            told = self._path.stat()
        except OSError:
            return None
        return told.st_mtime_ns, told.st_size, told.st_ino
