"""Cost and quality on RouterArena's two models: `make show NAME=route-arena [DATA=folder]`.

Public routers chose among other models too, some of them better than both: their points are compared as they are, on
the very questions that they answered; the oracle over the two models says how far two models can get.
"""

import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.select.curve import interval
from bench.select.features import features_of
from bench.select.folds import Rows
from bench.select.held import same_models, taught_and_tested
from bench.select.told import Found, run, say
from policies.select.quality.port import Floats
from router.classify.tasks.reading import rows
from router.learn.ridge import fit_ridge

TARGET = {"points_above_best_public": {"least": 0.0}, "cost_share_of_best_public": {"most": 1.0}}
PENALTY = 50.0  # few rows: the text may move an expectation only a little
WORTH_USD = 1e-3  # of a right answer; ten times what either model costs a question


@dataclass(frozen=True, slots=True, kw_only=True)
class Arena:
    """Questions, and each model's score and bill on them."""

    models: tuple[str, ...]
    ids: list[str]
    texts: list[str]
    tokens: list[float]
    score: Floats  # shape (questions, 2)
    usd: Floats  # shape (questions, 2)

    def chosen(self, index: Rows) -> "Arena":
        """Some questions."""
        pick = [int(i) for i in index]
        return Arena(
            models=self.models,
            ids=[self.ids[i] for i in pick],
            texts=[self.texts[i] for i in pick],
            tokens=[self.tokens[i] for i in pick],
            score=self.score[index],
            usd=self.usd[index],
        )


def read(data: Path) -> Arena:
    """The questions of data/routerarena."""
    found = list(rows(data / "routerarena" / "two_models.jsonl.gz"))
    models = sorted(found[0].inner("models"))
    told = [[row.inner("models").inner(model) for model in models] for row in found]
    return Arena(
        models=tuple(models),
        ids=[row["id"] for row in found],
        texts=[row["prompt"] for row in found],
        tokens=[each[0].amount("in_tok") for each in told],
        score=np.array([[one.amount("score") for one in each] for each in told]),
        usd=np.array([[one.amount("cost_usd") for one in each] for each in told]),
    )


def public(data: Path) -> dict[str, dict[str, tuple[float, float]]]:
    """By router and question, (accuracy, dollars); routers of which only the choice is recorded are left out."""
    found: dict[str, dict[str, tuple[float, float]]] = defaultdict(dict)
    for row in rows(data / "routerarena" / "router_choices_robustness.csv.gz"):
        accuracy, usd = row.amount("accuracy"), row.amount("cost")
        if usd > 0.0 and accuracy >= 0.0:
            found[row["router"]][row["global_index"]] = accuracy, usd
    return dict(found)


def chosen(taught: Arena, tested: Arena) -> Rows:
    """The model of the better value for each tested question."""
    known, asked = features_of(taught.texts, taught.tokens), features_of(tested.texts, tested.tokens)
    head, _ = fit_ridge(known.rows[:, : known.text], taught.score, PENALTY)
    usd = taught.usd.mean(axis=0)
    return np.asarray((WORTH_USD * head.expect(asked.rows[:, : known.text]) - usd).argmax(axis=1))


def measure(data: Path) -> Found:
    """Our point over all questions, and beside each public router's on the questions it answered."""
    ours: dict[str, tuple[float, ...]] = {}
    parts = []
    for taught, tested in taught_and_tested(read, data):
        same_models(taught.models, tested.models, data)
        picks, place = chosen(taught, tested), np.arange(len(tested.texts))
        score, usd = tested.score[place, picks], tested.usd[place, picks]
        told = np.stack([score, usd, tested.score.max(axis=1)], axis=1)
        ours |= dict(zip(tested.ids, map(tuple, told.tolist()), strict=True))
        parts.append(np.concatenate([np.stack([score, usd], axis=1), tested.score, tested.usd], axis=1))
    beside = {name: point for name, told in public(data).items() if (point := _beside(ours, told))}
    for name, point in beside.items():
        say(f"{name}: {point}")
    return _figures(np.concatenate(parts), beside), TARGET


def _beside(ours: dict[str, tuple[float, ...]], told: dict[str, tuple[float, float]]) -> dict[str, Any]:
    """Accuracy and dollars of both on the questions that both answered; empty where there are none."""
    both = sorted(set(ours) & set(told))
    if not both:
        return {}
    mine, theirs = (np.array([answers[each] for each in both]).mean(axis=0) for answers in (ours, told))
    above = np.array([100.0 * (ours[each][0] - told[each][0]) for each in both])
    return {
        "above_95": interval(len(both), lambda i: float(above[i].mean())),
        "questions": len(both),
        "accuracy": round(float(theirs[0]), 4),
        "usd": float(theirs[1]),
        "our_accuracy": round(float(mine[0]), 4),
        "our_usd": float(mine[1]),
        "oracle_of_two": round(float(mine[2]), 4),
    }


def _figures(all_rows: Floats, beside: dict[str, dict[str, Any]]) -> dict[str, Any]:
    best = max(beside.values(), key=lambda point: point["accuracy"], default=None)
    figures: dict[str, Any] = {
        "points_above_best_public": None,
        "cost_share_of_best_public": None,
        "accuracy": round(float(all_rows[:, 0].mean()), 4),
        "accuracy_95": interval(len(all_rows), lambda i: float(all_rows[i, 0].mean())),
        "usd_per_question": float(all_rows[:, 1].mean()),
        "single": [round(float(each), 4) for each in all_rows[:, 2:4].mean(axis=0)],
        "single_usd": [float(each) for each in all_rows[:, 4:6].mean(axis=0)],
        "oracle": round(float(all_rows[:, 2:4].max(axis=1).mean()), 4),
        "questions": len(all_rows),
    }
    if best is not None:
        figures["points_above_best_public"] = round(100.0 * (best["our_accuracy"] - best["accuracy"]), 2)
        figures["points_above_best_public_95"] = best.get("above_95")
        figures["oracle_of_two_there"] = best["oracle_of_two"]
        figures["points_of_oracle_above_best_public"] = round(100.0 * (best["oracle_of_two"] - best["accuracy"]), 2)
        figures["best_public"] = best["accuracy"]
        figures["cost_share_of_best_public"] = round(best["our_usd"] / best["usd"], 4)
    dominated = sum(p["our_accuracy"] >= p["accuracy"] and p["our_usd"] <= p["usd"] for p in beside.values())
    not_above_us = sum(p["our_accuracy"] >= p["accuracy"] or p["our_usd"] <= p["usd"] for p in beside.values())
    return figures | {"public_routers": len(beside), "dominated": dominated, "that_do_not_dominate_us": not_above_us}


if __name__ == "__main__":
    sys.exit(run("route-arena", measure))
