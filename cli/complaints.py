"""What children write to stderr while a progress display is up: counted, the first of it told afterwards."""

import sys

SHOWN = 5


class Complaints:
    """Hears lines."""

    def __init__(self) -> None:
        self._first: list[str] = []
        self._count = 0

    def hear(self, name: str, line: str) -> None:
        """A child wrote a line."""
        self._count += 1
        if len(self._first) < SHOWN:
            self._first.append(f"{name}: {line}")

    def tell(self) -> None:
        """Pass on the first lines, and how many there were."""
        for line in self._first:
            sys.stderr.write(f"{line}\n")
        if self._count > SHOWN:
            sys.stderr.write(f"... and {self._count - SHOWN} more lines\n")
