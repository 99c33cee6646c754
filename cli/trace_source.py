"""The arrivals that a `weir trace` command looks at: files read, spliced, cut and multiplied."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.door import WrongUse

if TYPE_CHECKING:
    from sims.arrival import Arrival
    from sims.traces.reading.reader import Reading

HOWS = ("grow", "compress")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Files and what is done to them, in this order: spliced, cut to [start_s, end_s), multiplied."""

    files: tuple[Path, ...]
    format_name: str = ""
    settings: tuple[str, ...] = ()  # name=value of the format's options
    sort: bool = False
    start_s: float = 0.0
    end_s: float = inf
    rate: str = ""  # 45, x45 or ×45; empty for the trace's own
    how: str = "grow"

    @property
    def name(self) -> str:
        """What to call it."""
        return " + ".join(path.name for path in self.files)

    def formats(self) -> list[str]:
        """The format of each file; raises `BadTrace`."""
        from sims.traces.reading.reader import detect

        return [self.format_name or detect(path) for path in self.files]

    def readings(self) -> list["Reading"]:
        """The files as they stand; raises `BadTrace`."""
        from sims.traces.reading.reader import read

        found = zip(self.files, self.formats(), strict=True)
        return [read(path, name, sort=self.sort, **options(name, self.settings)) for path, name in found]

    def arrivals(self, readings: list["Reading"]) -> Iterator["Arrival"]:
        """What the command is about; raises `BadTrace`, `BadSetting` and `WrongUse`, also while reading."""
        from sims.traces.reading.growth import grown
        from sims.traces.reading.transforms import scaled, spliced, window

        stream: Iterator[Arrival] = spliced(readings) if len(readings) > 1 else iter(readings[0])
        if self.start_s or self.end_s < inf:
            stream = window(stream, self.start_s, self.end_s)
        if not self.rate:
            return stream
        if self.how not in HOWS:
            raise WrongUse(f"--how {self.how!r} is none of {', '.join(HOWS)}")
        times = multiple(self.rate)
        return scaled(stream, times) if self.how == "compress" else grown(list(stream), times)


def multiple(text: str) -> float:
    """45, x45 or ×45 as a number; raises `WrongUse`."""
    try:
        found = float(text.strip().lstrip("x×"))
    except ValueError:
        found = 0.0
    if not 0.0 < found < inf:
        raise WrongUse(f"--rate {text!r} is no multiple of the trace's own: write 45 or x45")
    return found


def options(name: str, settings: tuple[str, ...]) -> dict[str, Any]:
    """name=value pairs as the format's options, each of its field's type; raises `WrongUse`, `UnknownName`."""
    from sims.traces.reading.format import TRACES

    types = {field.name: type(field.default) for field in fields(TRACES[name])}  # type: ignore[arg-type]
    found: dict[str, Any] = {}
    for pair in settings:
        key, equals, value = pair.partition("=")
        if not equals:
            raise WrongUse(f"--field {pair!r} is no name=value")
        found[key] = _typed(pair, value, types.get(key, str))
    return found


def _typed(pair: str, value: str, kind: type) -> Any:
    if kind is bool:
        if value not in ("true", "false"):
            raise WrongUse(f"--field {pair!r} must be true or false")
        return value == "true"
    try:
        return kind(value)
    except ValueError:
        raise WrongUse(f"--field {pair!r} must be a number") from None
