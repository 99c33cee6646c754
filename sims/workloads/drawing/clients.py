"""Traffic as ServeGen tells it: clients, each with windows of a rate, a family of gaps, and quantiles of lengths."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from policies.registry import BadSetting
from sims.arrivals import Floats, Ints
from sims.traces.reading.row import MOST_TOKENS, BadTrace, Row
from sims.traces.reading.rows import rows

FAMILIES = {"gamma": 0, "weibull": 1, "exponential": 2}
RATES, LENGTHS = "_rates.csv", "_lengths.jsonl"  # or the same with .gz behind
RATE_COLUMNS = ("client", "t_s", "rate_rps", "cv", "dist", "p1")
MEDIA = ("image", "audio", "video")
WINDOW_S = 600.0
MOST_PER_WINDOW, MOST_CLIENT = 3e7, 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """One entry a client and window, sorted by time."""

    client: Ints
    t_s: Floats
    rate_rps: Floats
    family: Ints  # a value of FAMILIES
    shape: Floats  # of the gaps' distribution; 1 for exponential
    window_s: float

    @classmethod
    def of(cls, found: Sequence[tuple[int, float, float, str, float]], window_s: float = 0.0) -> Self:
        """From (client, t_s, rate_rps, family, shape); windows last as long as the least step where nothing is said."""
        columns: list[npt.NDArray[Any]] = [np.array(column) for column in zip(*found, strict=True)]
        order = np.lexsort((columns[0], columns[1]))
        client, t_s, rate, family, shape = (column[order] for column in columns)
        steps = np.diff(np.unique(t_s.astype(np.float64)))
        return cls(
            client=client.astype(np.int64),
            t_s=t_s.astype(np.float64),
            rate_rps=rate.astype(np.float64),
            family=np.array([FAMILIES[str(name)] for name in family], np.int64),
            shape=shape.astype(np.float64),
            window_s=window_s or (float(steps.min()) if len(steps) else WINDOW_S),
        )

    def within(self, start_s: float, end_s: float) -> Self:
        """Those that begin in [start_s, end_s)."""
        return self._kept((self.t_s >= start_s) & (self.t_s < end_s))

    def top(self, clients: int) -> Self:
        """Those of so many clients, the ones that ask most; 0: of all."""
        if not clients:
            return self
        asked = np.bincount(self.client, self.rate_rps)
        return self._kept(np.isin(self.client, np.argsort(-asked, kind="stable")[:clients]))

    def _kept(self, mask: npt.NDArray[np.bool_]) -> Self:
        return type(self)(
            client=self.client[mask],
            t_s=self.t_s[mask],
            rate_rps=self.rate_rps[mask],
            family=self.family[mask],
            shape=self.shape[mask],
            window_s=self.window_s,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """Quantiles of token counts, one row a client and window of some hours; shapes [rows] and [rows, points]."""

    client: Ints
    t_s: Floats
    # Equally spaced quantiles from share 0 to 1, by what they count; of tokens (not of counts) their logarithms.
    fields: dict[str, Floats]

    @classmethod
    def of(cls, found: Sequence[tuple[int, float, dict[str, Sequence[float]]]]) -> Self:
        """From (client, t_s, quantiles by name), every entry with the same names."""
        ordered = sorted(found, key=lambda one: (one[0], one[1]))
        return cls(
            client=np.array([one[0] for one in ordered], np.int64),
            t_s=np.array([one[1] for one in ordered], np.float64),
            fields={name: _table(name, [one[2][name] for one in ordered]) for name in ordered[0][2]},
        )

    def rows_of(self, client: Ints, t_s: float) -> Ints:
        """For clients the row that holds at a time: the last begun, else the client's first; -1 where it has none."""
        keys = self.client * KEY + self.t_s
        place = np.searchsorted(keys, client * KEY + t_s, side="right") - 1
        earlier = (place >= 0) & (self.client[place] == client)
        following = np.minimum(place + 1, len(keys) - 1)
        later = np.where(self.client[following] == client, following, -1)
        return np.where(earlier, place, later)

    def prompt_and_output(self, row: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
        """Token counts of requests whose quantiles are in those rows; each drawn apart from the others."""
        if "input_tokens" in self.fields:
            prompt = self._drawn("input_tokens", row, rng)
        else:
            prompt = self._drawn("text_tokens", row, rng)
            for medium in MEDIA:
                if f"{medium}_tokens" in self.fields:
                    pieces = np.rint(self._drawn(f"{medium}_count", row, rng))
                    prompt = prompt + pieces * self._drawn(f"{medium}_tokens", row, rng)
        output = self._drawn("output_tokens", row, rng)
        return _tokens(prompt), _tokens(output)

    def _drawn(self, name: str, row: Ints, rng: np.random.Generator) -> Floats:
        """Between two quantiles counts are linear, tokens in their logarithm: the last two may be far apart."""
        table = self.fields[name]
        place = rng.random(len(row)) * (table.shape[1] - 1)
        below = place.astype(np.int64)
        flat = table.ravel()
        start = row * table.shape[1] + below
        low = flat[start]
        found: Floats = low + (flat[start + 1] - low) * (place - below)
        return found if name.endswith(COUNT) else np.exp(found)


KEY = 1e9  # seconds beyond any trace: (client, time) as one number
COUNT = "_count"


def _table(name: str, quantiles: list[Sequence[float]]) -> Floats:
    table = np.array(quantiles, np.float64)
    return table if name.endswith(COUNT) else np.log(np.maximum(table, 1.0))


def _tokens(values: Floats) -> Ints:
    return np.clip(np.rint(values), 1, MOST_TOKENS).astype(np.int64)


def read_windows(path: Path) -> Windows:
    """From a rates file; raises `BadTrace`."""
    found: list[tuple[int, float, float, str, float]] = []
    for row in rows(path):
        if not found:
            row.needs(RATE_COLUMNS)
        found.append(_window(row))
    return Windows.of(found)


def _window(row: Row) -> tuple[int, float, float, str, float]:
    family, rate, shape = row.text("dist").lower(), row.number_of("rate_rps"), row.number_of("p1")
    if family not in FAMILIES:
        raise row.bad(f"dist is {row.text('dist')!r}: write Gamma, Weibull or Exponential")
    if not 0.0 <= rate * WINDOW_S <= MOST_PER_WINDOW or not shape > 0.0 or row.number_of("cv") < 0.0:
        said = f"rate_rps {rate:g}, cv {row.text('cv')}, p1 {shape:g}"
        raise row.bad(f"{said}: none may be negative, p1 above 0, the rate at most {MOST_PER_WINDOW / WINDOW_S:,.0f}")
    return *_place(row), rate, family, 1.0 if family == "exponential" else shape


def _place(row: Row) -> tuple[int, float]:
    """Whose row it is, and from when on it holds."""
    client, t_s = row.whole("client"), row.number_of("t_s")
    if not _told(client, t_s):
        raise row.bad(f"client {client}, t_s {t_s:g}: number clients from 0 to a million, count seconds from the start")
    return client, t_s


def read_lengths(path: Path) -> Lengths:
    """From a lengths file; raises `BadTrace`."""
    found: list[tuple[int, float, dict[str, Sequence[float]]]] = []
    for row in rows(path):
        row.needs(("client", "t_s", "output_tokens"))
        row.needs(["text_tokens"] if "input_tokens" not in row.values else [])
        names = [name for name in row.values if name.endswith(("_tokens", COUNT))]
        one = {name: _quantiles(row, name) for name in names}
        if found and {k: len(v) for k, v in one.items()} != {k: len(v) for k, v in found[0][2].items()}:
            raise row.bad("has other quantiles than the row before it: give every row the same")
        found.append((*_place(row), one))
    return Lengths.of(found)


def _quantiles(row: Row, name: str) -> Sequence[float]:
    found: Any = row.value(name)
    if not isinstance(found, list) or len(found) < 2 or not all(type(v) in (int, float) for v in found):
        raise row.bad(f"{name} is not a list of quantiles: repair or drop the row")
    if not _rising(found):
        raise row.bad(f"{name} does not rise from 0 or more to at most {MOST_TOKENS:,}: repair or drop the row")
    return found


def categories(folder: Path) -> list[str]:
    """The names of what a folder holds, sorted; raises `BadTrace` when there is none."""
    found = sorted({path.name.partition(RATES)[0] for end in ("", ".gz") for path in folder.glob(f"*{RATES}{end}")})
    if not found:
        raise BadTrace(f"{folder} holds no *{RATES}.gz: give a folder with ServeGen's rates and lengths")
    return found


def file_of(folder: Path, category: str, kind: str) -> Path:
    """The file of a category, gzipped unless it only lies there as plain text."""
    plain = folder / f"{category}{kind}"
    packed = plain.with_name(f"{plain.name}.gz")
    return plain if plain.exists() and not packed.exists() else packed


def sensible(windows: Iterable[Any], quantiles: Iterable[Any]) -> None:
    """Raise `BadSetting` unless they are (client, t_s, rate, family, shape) and (client, t_s, prompts, answers)."""
    for one in windows:
        client, t_s, rate, family, shape = one
        numbers = all(type(value) in (int, float) for value in (client, t_s, rate, shape))
        if not numbers or family not in FAMILIES or not _told(client, t_s) or not 0.0 <= rate < 1e6 or not shape > 0.0:
            raise BadSetting(f"windows has {list(one)}: write [client, t_s, rate_rps, family, shape], none below 0")
    sizes = set()
    for one in quantiles:
        client, t_s, *both = one
        if type(client) is not int or type(t_s) not in (int, float) or not _told(client, t_s):
            raise BadSetting(f"quantiles has client {client} at {t_s}: count both from 0")
        for tokens in both:
            if not isinstance(tokens, tuple | list) or not _rising(tokens):
                raise BadSetting(f"quantiles of client {client} do not rise from 0 to at most {MOST_TOKENS:,} tokens")
        sizes.add(tuple(map(len, both)))
    if len(sizes) > 1:
        raise BadSetting("quantiles have different numbers of points: give every client the same")


def _told(client: float, t_s: float) -> bool:
    return 0 <= client <= MOST_CLIENT and int(client) == client and 0.0 <= t_s < KEY


def _rising(tokens: Sequence[Any]) -> bool:
    """Whether they are two or more token counts that do not fall."""
    if len(tokens) < 2 or not all(type(value) in (int, float) for value in tokens):
        return False
    return tokens[0] >= 0 and all(a <= b for a, b in pairwise(tokens)) and tokens[-1] <= MOST_TOKENS


def inline(quantiles: Iterable[tuple[int, float, Sequence[float], Sequence[float]]]) -> Lengths:
    """Lengths from (client, t_s, prompt quantiles, answer quantiles)."""
    return Lengths.of([(c, t, {"input_tokens": p, "output_tokens": o}) for c, t, p, o in quantiles])
