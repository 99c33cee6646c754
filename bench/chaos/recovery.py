"""How long after a fault's end clients were served as well as before. Pure: times in, figures out."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from bench.chaos.client import Answer

SLOWER = 3.0  # times the slow end of calm days
LEAST_S = 0.25  # and nobody minds so little
WINDOW_S = 1.0
SHARE = 0.95  # of a window's requests that are served as before


@dataclass(frozen=True, slots=True, kw_only=True)
class Struck:
    """A fault as it happened, in seconds of one clock."""

    kinds: tuple[str, ...]
    begun: float
    ended: float
    well: float  # when the part could be asked again
    until: float  # when the next fault began


def bounds(calm: Sequence[Answer]) -> dict[str, float]:
    """Seconds above which an answer of each kind counts as slow, from a calm time's."""
    found: dict[str, float] = {}
    for kind in {answer.asked.kind for answer in calm}:
        seconds = sorted(answer.seconds for answer in calm if answer.asked.kind == kind)
        found[kind] = max(SLOWER * seconds[int(0.99 * (len(seconds) - 1))], LEAST_S)
    return found


def fine(answer: Answer, bound: dict[str, float]) -> bool:
    """Whether a request was served as on calm days."""
    return not (answer.again or answer.cut or answer.unsent) and answer.seconds <= bound.get(answer.asked.kind, LEAST_S)


def recovery_s(struck: Struck, answers: Sequence[Answer], bound: dict[str, float]) -> float | None:
    """From the fault's end to the first time after which a window's requests are served as before; None: not before
    the next fault. `answers` in order of sending.
    """
    after = [answer for answer in answers if struck.ended <= answer.sent_at < struck.until]
    starts = [struck.ended, *(answer.sent_at for answer in after if not fine(answer, bound))]
    for start in starts:
        window = [answer for answer in after if start < answer.sent_at <= start + WINDOW_S]
        if window and sum(fine(answer, bound) for answer in window) >= SHARE * len(window):
            return start - struck.ended
    return None


def table(struck: Sequence[Struck], answers: Sequence[Answer], bound: dict[str, float]) -> dict[str, dict[str, float]]:
    """By kind: how often, seconds of recovery (median, most), seconds until the part was well, unrecovered."""
    ordered = sorted(answers, key=lambda answer: answer.sent_at)
    rows: dict[str, list[tuple[float | None, float]]] = {}
    for one in struck:
        took = recovery_s(one, ordered, bound)
        for kind in one.kinds if len(one.kinds) == 1 else ("two at once",):
            rows.setdefault(kind, []).append((took, one.well - one.ended))
    return {kind: _row(found) for kind, found in sorted(rows.items())}


def _row(found: Sequence[tuple[float | None, float]]) -> dict[str, float]:
    took = [each for each, _ in found if each is not None]
    return {
        "times": len(found),
        "recovery_p50_s": round(median(took), 2) if took else -1.0,
        "recovery_max_s": round(max(took), 2) if took else -1.0,
        "well_p50_s": round(median(well for _, well in found), 2),
        "unrecovered": len(found) - len(took),
    }
