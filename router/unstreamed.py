"""Requests whose reply shows no first token: counted as running when the prediction says that they run."""

from router.view import Load, View


class Unstreamed:
    """Loads, each with when its first token will have come."""

    __slots__ = ("_view", "_waiting")

    def __init__(self, view: View) -> None:
        self._view = view
        self._waiting: list[tuple[float, Load]] = []

    def wait(self, due: float, load: Load) -> None:
        """A request was sent; unless something shows sooner that it runs, it does at `due`."""
        self._waiting.append((due, load))

    def start_due(self, now: float) -> None:
        """Count those as running that do by now; forget those of which more is known."""
        still = []
        for due, load in self._waiting:
            if load.over or load.started:
                continue
            if now >= due:
                self._view.start(load)
            else:
                still.append((due, load))
        self._waiting = still
