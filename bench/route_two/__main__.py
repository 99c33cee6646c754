"""Two-model routing on RouteLLM's MMLU and GSM8K answers: `make show NAME=route-two [DATA=folder]`."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.embedded import rows
from bench.select.curve import apgr, calls_for, gap_recovered, interval
from bench.select.features import features_of
from bench.select.folds import Rows
from bench.select.held import taught_and_tested
from bench.select.picture import draw
from bench.select.told import PICTURES, Found, run, say
from policies.select.quality.nearest import Nearest
from policies.select.quality.port import Floats
from router.learn.forest import Growing
from router.learn.ridge import fit_ridge
from router.learn.stacking import Stacking, fit_stacked

TARGET = {"apgr": {"least": 0.75}, "mmlu_strong_calls_for_95": {"most": 0.45}}
WEAK, STRONG = "mixtral_8x7b", "gpt4_1106"
NEAR = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Questions and whether the weak and the strong model were right."""

    texts: list[str]
    tokens: list[float]
    topic: list[str]
    right: Floats  # shape (questions, 2)
    mmlu: npt.NDArray[np.bool_]

    def chosen(self, index: Rows) -> "Answers":
        """Some questions."""
        pick = [int(i) for i in index]
        return Answers(
            texts=[self.texts[i] for i in pick],
            tokens=[self.tokens[i] for i in pick],
            topic=[self.topic[i] for i in pick],
            right=self.right[index],
            mmlu=self.mmlu[index],
        )


def read(data: Path) -> Answers:
    """The answers of data/routellm."""
    found = [row for name in ("mmlu", "gsm8k") for row in rows(data / "routellm" / f"{name}.jsonl.gz")]
    return Answers(
        texts=[row["prompt"] for row in found],
        tokens=[float(row["prompt_tokens"]) for row in found],
        topic=[row["category"] for row in found],
        right=np.array([[row[WEAK], row[STRONG]] for row in found], np.float64),
        mmlu=np.array([row["id"].startswith("mmlu") for row in found]),
    )


def scored(taught: Answers, tested: Answers) -> dict[str, Floats]:
    """By router, the tested questions' scores: the higher, the sooner the strong model is called."""
    known, asked = features_of(taught.texts, taught.tokens), features_of(tested.texts, tested.tokens)
    how = Stacking(text=known.text, topic_penalty=1.0, growing=Growing(least_rows=20))
    head = fit_stacked(known.rows, taught.right, taught.topic, how)
    lead = (taught.right[:, 1] - taught.right[:, 0])[:, None]
    text, width = known.rows[:, : known.text], 384
    linear, _ = fit_ridge(text, lead, how.penalty)
    weak, _ = fit_ridge(text, 1.0 - taught.right[:, :1], how.penalty)
    nearest = Nearest(vectors=known.rows[:, :width], quality=lead, neighbours=NEAR)
    expected = head.expect(asked.rows)
    return {
        "weir": expected[:, 1] - expected[:, 0],
        "lead, linear": linear.expect(asked.rows[:, : known.text])[:, 0],
        "weak model wrong, linear (as RouteLLM's BERT)": weak.expect(asked.rows[:, : known.text])[:, 0],
        "nearest neighbours (as RouteLLM's similarity ranking)": nearest.expect(asked.rows[:, :width])[:, 0],
        "topic of the question known": _by_topic(taught, tested),
    }


def _by_topic(taught: Answers, tested: Answers) -> Floats:
    """The mean lead of the question's true topic: what a perfect topic classifier would give."""
    lead, topics = taught.right[:, 1] - taught.right[:, 0], np.array(taught.topic)
    means = {topic: float(lead[topics == topic].mean()) for topic in set(taught.topic)}
    return np.array([means.get(topic, float(lead.mean())) for topic in tested.topic])


def measure(data: Path) -> Found:
    """Every router's APGR, and the strong calls that ours needs."""
    parts: list[tuple[Answers, dict[str, Floats]]] = []
    for taught, tested in taught_and_tested(read, data):
        parts.append((tested, scored(taught, tested)))
        say(f"{sum(len(each.texts) for each, _ in parts)} questions scored")
    right = np.concatenate([tested.right for tested, _ in parts])
    mmlu = np.concatenate([tested.mmlu for tested, _ in parts])
    scores = {name: np.concatenate([each[name] for _, each in parts]) for name in parts[0][1]}
    _picture(scores, right)
    return _figures(scores, right, mmlu), TARGET


def _figures(scores: dict[str, Floats], right: Floats, mmlu: npt.NDArray[np.bool_]) -> dict[str, Any]:
    ours, weak, strong = scores["weir"], *right.T
    m = np.flatnonzero(mmlu)
    found: dict[str, Any] = {
        "apgr": round(apgr(ours, weak, strong), 4),
        "apgr_95": interval(len(ours), lambda i: apgr(ours[i], weak[i], strong[i])),
        "mmlu_apgr": round(apgr(ours[m], weak[m], strong[m]), 4),
        "mmlu_strong_calls_for_95": round(calls_for(ours[m], weak[m], strong[m]), 4),
        "mmlu_strong_calls_for_95_95": interval(
            len(m), lambda i: calls_for(ours[m][i], weak[m][i], strong[m][i])
        ),
        "questions": len(ours),
        "apgr_oracle": round(apgr(strong - weak, weak, strong), 4),
        "apgr_weak_outcome_known": round(apgr(-weak, weak, strong), 4),
    }  # fmt: skip
    others = {name: round(apgr(score, weak, strong), 4) for name, score in scores.items() if name != "weir"}
    return found | {f"apgr: {name}": value for name, value in others.items()}


def _picture(scores: dict[str, Floats], right: Floats) -> None:
    weak, strong = right.T
    step = max(len(weak) // 100, 1)
    lines = {}
    for name, score in scores.items():
        share = gap_recovered(score, weak, strong)[::step]
        lines[name.partition(" (")[0]] = [(100.0 * i * step / len(weak), float(y)) for i, y in enumerate(share)]
    draw(PICTURES / "route-two.svg", "Share of the strong model's lead recovered", "strong calls, %", "PGR", lines, {})


if __name__ == "__main__":
    sys.exit(run("route-two", measure))
