"""A curve as an SVG: lines and points over a logarithmic or plain cost axis, nothing else needed to read it."""

from collections.abc import Mapping, Sequence
from math import log10
from pathlib import Path

Points = Sequence[tuple[float, float]]
WIDE, HIGH, EDGE = 640, 400, 60
COLOURS = ("#1b6ca8", "#c0392b", "#27864a", "#8e44ad", "#b9770e", "#555555")


def draw(
    path: Path, title: str, across: str, up: str, lines: Mapping[str, Points], marks: Mapping[str, Points],
    logarithmic: bool = False,
) -> None:  # fmt: skip
    """Write the picture: named lines, and named single points."""
    every = [point for each in (*lines.values(), *marks.values()) for point in each]
    at = log10 if logarithmic else float
    xs, ys = [at(x) for x, _ in every], [y for _, y in every]

    def place(x: float, y: float) -> tuple[float, float]:
        return _along(at(x), xs, EDGE, WIDE - 20), _along(y, ys, HIGH - EDGE, 40)

    body = [_text(WIDE / 2, 22, title, "middle"), _text(WIDE / 2, HIGH - 12, across, "middle"), _text(8, 36, up)]
    for colour, (name, points) in zip(COLOURS, lines.items(), strict=False):
        told = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in points))
        body.append(f'<polyline points="{told}" fill="none" stroke="{colour}" stroke-width="2"/>')
        body.append(_text(WIDE - 190, HIGH - EDGE - 14 * (1 + list(lines).index(name)), name, colour=colour))
    for name, points in marks.items():
        for x, y in (place(*point) for point in points):
            body.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#333"><title>{name}</title></circle>')
            body.append(_text(x, y - 7, name, "end" if x > WIDE / 2 else "start"))
    for low, value in ((min(xs), min(x for x, _ in every)), (max(xs), max(x for x, _ in every))):
        body.append(_text(_along(low, xs, EDGE, WIDE - 20), HIGH - EDGE + 18, f"{value:.3g}", "middle"))
    body += [_text(EDGE - 8, _along(y, ys, HIGH - EDGE, 40) + 4, f"{y:.3g}", "end") for y in (min(ys), max(ys))]
    frame = (
        f'<rect x="{EDGE}" y="40" width="{WIDE - 20 - EDGE}" height="{HIGH - EDGE - 40}" fill="none" stroke="#999"/>'
    )
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {HIGH}" font-family="sans-serif" font-size="12">'
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    white = '<rect width="100%" height="100%" fill="white"/>'
    path.write_text("\n".join([head, white, frame, *body, "</svg>"]) + "\n")


def _along(value: float, among: Sequence[float], start: float, end: float) -> float:
    low, high = min(among), max(among)
    return start + (end - start) * (value - low) / max(high - low, 1e-12)


def _text(x: float, y: float, said: str, anchor: str = "start", colour: str = "#222") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{said}</text>'
