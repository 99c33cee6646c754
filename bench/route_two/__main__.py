"""Two-model routing on RouteLLM's MMLU and GSM8K answers: `make show NAME=route-two [DATA=folder]`."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.route_two.answers import Answers, read
from bench.route_two.routellm import ROUTERS
from bench.route_two.routers import OURS, TOPIC_TOLD, scored
from bench.select.curve import apgr, calls_for, gap_recovered, interval
from bench.select.held import taught_and_tested
from bench.select.picture import draw
from bench.select.told import PICTURES, Found, pictured, run, say
from policies.select.quality.port import Floats

TARGET = {
    "apgr": {"least": 0.75},
    "mmlu_strong_calls_for_95": {"most": 0.45},
    "apgr_above_best_of_routellms": {"least": 0.0},
}


def measure(data: Path) -> Found:
    """Every router's APGR, and the strong calls that ours needs."""
    parts: list[tuple[Answers, dict[str, Floats]]] = []
    for taught, tested in taught_and_tested(read, data):
        parts.append((tested, scored(taught, tested)))
        say(f"{sum(len(each.texts) for each, _ in parts)} questions scored")
    right = np.concatenate([tested.right for tested, _ in parts])
    mmlu = np.concatenate([tested.mmlu for tested, _ in parts])
    scores = {name: np.concatenate([each[name] for _, each in parts]) for name in parts[0][1]}
    if pictured(data):
        _picture(scores, right)
    return _figures(scores, right, mmlu), TARGET


def _figures(scores: dict[str, Floats], right: Floats, mmlu: npt.NDArray[np.bool_]) -> dict[str, Any]:
    ours, weak, strong = scores[OURS], *right.T
    m = np.flatnonzero(mmlu)
    found: dict[str, Any] = {
        "apgr": round(apgr(ours, weak, strong), 4),
        "apgr_95": interval(len(ours), lambda i: apgr(ours[i], weak[i], strong[i])),
        "mmlu_apgr": round(apgr(ours[m], weak[m], strong[m]), 4),
        "mmlu_strong_calls_for_95": round(calls_for(ours[m], weak[m], strong[m]), 4),
        "mmlu_strong_calls_for_95_95": interval(
            len(m), lambda i: calls_for(ours[m][i], weak[m][i], strong[m][i])
        ),
        "mmlu_strong_calls_for_95_topic_told": round(calls_for(scores[TOPIC_TOLD][m], weak[m], strong[m]), 4),
        "questions": len(ours),
        "oracle": round(apgr(strong - weak, weak, strong), 4),
        "apgr_weak_outcome_known": round(apgr(-weak, weak, strong), 4),
    }  # fmt: skip
    others = {name: round(apgr(score, weak, strong), 4) for name, score in scores.items() if name != OURS}
    return found | _above(scores, right) | {f"apgr: {name}": value for name, value in others.items()}


def _above(scores: dict[str, Floats], right: Floats) -> dict[str, Any]:
    """By how much ours is above the best of RouteLLM's algorithms, with its interval: the same draws for both."""
    ours, weak, strong = scores[OURS], *right.T
    name = max(ROUTERS, key=lambda each: apgr(scores[each], weak, strong))
    best = scores[name]

    def above(i: npt.NDArray[np.int64]) -> float:
        return apgr(ours[i], weak[i], strong[i]) - apgr(best[i], weak[i], strong[i])

    return {
        "best_of_routellms": name,
        "apgr_above_best_of_routellms": round(above(np.arange(len(ours))), 4),
        "apgr_above_best_of_routellms_95": interval(len(ours), above),
    }


def _picture(scores: dict[str, Floats], right: Floats) -> None:
    weak, strong = right.T
    step = max(len(weak) // 100, 1)
    lines = {}
    for name in (OURS, *ROUTERS, TOPIC_TOLD):
        share = gap_recovered(scores[name], weak, strong)[::step]
        lines[name.partition(",")[0]] = [(100.0 * i * step / len(weak), float(y)) for i, y in enumerate(share)]
    draw(PICTURES / "route-two.svg", "Share of the strong model's lead recovered", "strong calls, %", "PGR", lines, {})


if __name__ == "__main__":
    sys.exit(run("route-two", measure))
