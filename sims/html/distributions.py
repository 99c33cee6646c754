"""How long requests take, from the fastest to the slowest, a line a policy."""

from collections.abc import Sequence
from math import isfinite

from sims.html.cards import Card
from sims.html.frame import Frame, room
from sims.html.lines import COLOURS, Level, Series, drawn
from sims.html.named import Named
from sims.html.scale import logarithmic, nines, seconds
from sims.html.tables import Sheet
from sims.measure.report import Deadlines

KINDS = {
    "ttft_s": ("Time to first token", "TTFT"),
    "tpot_s": ("Time per output token", "TPOT"),
    "e2e_s": ("Time to last token", "End to end"),
}
READING = "Read up from a share of requests: so many were served within the time at the line."


def distribution(key: str, named: Sequence[Named], slo: Deadlines) -> Card:
    """The card of one of `KINDS`, its deadline drawn across."""
    title, short = KINDS[key]
    deadline = getattr(slo, key, None)
    series = [Series(name=one.name, colour=one.colour, points=_points(one, key)) for one in named]
    values = [y for one in series for _, y in one.points] + ([deadline] if deadline else [])
    frame = Frame(
        x=nines(),
        y=logarithmic(values, seconds),
        x_title="share of requests, the slowest at the right",
        y_title=f"{short}, seconds (logarithmic)",
        label=f"{title}: quantiles of each series",
        right=room([one.name for one in named if one.colour < COLOURS]),
    )
    levels = [Level(at=deadline, name=f"deadline {seconds(deadline)}")] if deadline else []
    return Card(title=title, reading=READING, picture=drawn(frame, series, levels), data=sheet(key, named))


def _points(one: Named, key: str) -> list[tuple[float, float]]:
    found = one.measured.distribution
    pairs = zip(found.share, getattr(found, key), strict=True)
    return [(share, value) for share, value in pairs if value > 0.0 or not isfinite(value)]


def sheet(key: str, named: Sequence[Named]) -> Sheet:
    """The quantiles as a table."""
    shares = named[0].measured.distribution.share
    columns = [getattr(one.measured.distribution, key) for one in named]
    rows = [[share, *values] for share, *values in zip(shares, *columns, strict=True)]
    return Sheet(name=f"quantiles-{key}", title=KINDS[key][0], columns=["share", *(n.name for n in named)], rows=rows)
