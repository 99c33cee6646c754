"""Mixed-task routing on LLMRouter's scores of nine models: `make show NAME=route-mixed [DATA=folder]`."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.select.curve import interval
from bench.select.features import features_of
from bench.select.folds import Rows
from bench.select.held import same_models, taught_and_tested
from bench.select.told import Found, run, say
from policies.select.quality.nearest import Nearest
from policies.select.quality.port import Floats
from router.classify.tasks.reading import rows
from router.learn.ridge import fit_ridge
from router.learn.stacking import Stacking, fit_stacked

TARGET = {"mean_score": {"least": 0.68}}
NEAR = 40
ENCODER = 384  # leading features that are the encoder's


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Prompts and each model's score on them."""

    models: tuple[str, ...]
    texts: list[str]
    tokens: list[float]
    task: list[str]
    score: Floats  # shape (prompts, models)

    def chosen(self, index: Rows) -> "Scores":
        """Some prompts."""
        pick = [int(i) for i in index]
        return Scores(
            models=self.models,
            texts=[self.texts[i] for i in pick],
            tokens=[self.tokens[i] for i in pick],
            task=[self.task[i] for i in pick],
            score=self.score[index],
        )


def read(data: Path) -> Scores:
    """The scores of data/llmrouter_dc."""
    found = list(rows(data / "llmrouter_dc" / "scores.jsonl.gz"))
    models = tuple(sorted(found[0].inner("scores")))
    return Scores(
        models=models,
        texts=[row["prompt"] for row in found],
        tokens=[row.amount("prompt_tokens") for row in found],
        task=[row["task"] for row in found],
        score=np.array([[row.inner("scores").amount(model) for model in models] for row in found]),
    )


def chosen(taught: Scores, tested: Scores) -> dict[str, Floats]:
    """By router, the score that its choice got on every tested prompt."""
    known, asked = features_of(taught.texts, taught.tokens), features_of(tested.texts, tested.tokens)
    head = fit_stacked(known.rows, taught.score, taught.task, Stacking(text=known.text))
    linear, _ = fit_ridge(known.rows[:, : known.text], taught.score, 25.0)
    nearest = Nearest(vectors=known.rows[:, :ENCODER], quality=taught.score, neighbours=NEAR)
    tasks = np.array(taught.task)
    by_task = {task: taught.score[tasks == task].mean(axis=0) for task in set(taught.task)}
    expected = {
        "weir": head.expect(asked.rows),
        "linear": linear.expect(asked.rows[:, : known.text]),
        "nearest": nearest.expect(asked.rows[:, :ENCODER]),
        "task_known": np.array([by_task.get(task, taught.score.mean(axis=0)) for task in tested.task]),
        "best_single": np.broadcast_to(taught.score.mean(axis=0), tested.score.shape),
        "oracle": tested.score,
    }
    place = np.arange(len(tested.texts))
    return {name: tested.score[place, each.argmax(axis=1)] for name, each in expected.items()}


def measure(data: Path) -> Found:
    """The mean score of every router."""
    parts = []
    for taught, tested in taught_and_tested(read, data):
        same_models(taught.models, tested.models, data)
        parts.append(chosen(taught, tested))
        say(f"fold {len(parts)}: " + ", ".join(f"{name} {got.mean():.3f}" for name, got in parts[-1].items()))
    got = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    ours = got["weir"]
    figures: dict[str, Any] = {
        "mean_score": round(float(ours.mean()), 4),
        "mean_score_95": interval(len(ours), lambda i: float(ours[i].mean())),
        "prompts": len(ours),
    }
    return figures | {name: round(float(each.mean()), 4) for name, each in got.items() if name != "weir"}, TARGET


if __name__ == "__main__":
    sys.exit(run("route-mixed", measure))
