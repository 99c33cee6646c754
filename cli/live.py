"""Progress of a replay while it runs."""

from bisect import insort
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.console import Console

    from sims.load.progress import Progress
    from sims.load.record import Record


class Live:
    """One line per replay: requests done and open, TTFT so far, requests a second."""

    def __init__(self, screen: "Console") -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        # refreshed with each word from the replay: no thread of its own beside the event loop
        self._bars = Progress(
            TextColumn("{task.description:<16}"),
            BarColumn(8),
            MofNCompleteColumn(),
            TextColumn("{task.fields[said]}"),
            TimeElapsedColumn(),
            console=screen,
            auto_refresh=False,
        )
        self._ttft: list[float] = []

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def begin(self, name: str, total: int | None) -> None:
        """A replay of so many requests starts."""
        self._task = self._bars.add_task(name, total=total, said="starting")
        self._bars.refresh()
        self._ttft.clear()

    def record(self, record: "Record") -> None:
        """A request ended."""
        if record.ttft_s is not None:
            insort(self._ttft, record.ttft_s)

    def progress(self, progress: "Progress") -> None:
        """A word from the replay."""
        from cli.output import seconds

        ttft = f", TTFT p50 {seconds(self._ttft[len(self._ttft) // 2])}" if self._ttft else ""
        rate = progress.done / progress.at_s if progress.at_s > 0.0 else 0.0
        failed = f", [red]{progress.failed} failed[/red]" if progress.failed else ""
        said = f"{progress.open:>4} open{ttft}, {rate:.1f}/s{failed}"
        self._bars.update(self._task, completed=progress.done, said=said, refresh=True)
