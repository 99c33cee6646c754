"""Many-model routing on MMLU-Pro: `make show NAME=route-many [DATA=folder]`."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.route_many.drafts import Priced, choose, outcome, price, train
from bench.route_many.settings import Standing, cheapest, curve, joined, most_accurate
from bench.select.curve import interval
from bench.select.features import Features, features_of
from bench.select.folds import folds
from bench.select.held import taught_and_tested
from bench.select.matrix import Matrix, read_matrix
from bench.select.picture import draw
from bench.select.told import PICTURES, Found, pictured, run, say
from policies.select.quality.nearest import Nearest
from policies.select.quality.port import Floats
from router.learn.ridge import filled

TARGET = {"points_at_its_cost": {"least": 3.0}, "cost_share_at_its_accuracy": {"most": 0.45}}
ENCODER, NEAR = 384, 40
OTHERS = ("best single", "nearest neighbours", "oracle", "random")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One fold, or all there is: its taught questions, and its tested ones as priced and as plainer choosers do."""

    taught: Matrix
    priced: Priced
    plain: Floats  # see `_others`


def measure(data: Path) -> Found:
    """Both operating points, chosen where the taught questions say, and the curves."""
    parts: list[Part] = []
    for taught, given in taught_and_tested(read_matrix, data):
        tested = given.of(taught.models)
        known, asked = _features(taught), _features(tested)
        plain = _others(taught, known, tested, asked)
        parts.append(Part(taught=taught, priced=price(train(taught, known), tested, asked), plain=plain))
        say(f"part {len(parts)} priced")
    standings = [_standings(part.taught, unseen(parts, at)) for at, part in enumerate(parts)]
    say("\n".join(map(str, standings)))
    dear, cheap = (
        np.concatenate([_stood(part.priced, each[at]) for part, each in zip(parts, standings, strict=True)])
        for at in (0, 1)
    )
    return _figures(
        dear, cheap, joined([part.priced for part in parts]), np.concatenate([p.plain for p in parts]), pictured(data)
    ), TARGET


def unseen(parts: list[Part], at: int) -> Priced:
    """A part's taught questions, each priced by a router that was not taught by it: the other folds, or folds of it."""
    if len(parts) > 1:
        return joined([part.priced for other, part in enumerate(parts) if other != at])
    found = []
    for train_rows, test_rows in folds(parts[at].taught.texts):
        taught, tested = parts[at].taught.chosen(train_rows), parts[at].taught.chosen(test_rows)
        found.append(price(train(taught, _features(taught)), tested, _features(tested)))
        say(f"inner fold {len(found)} priced")
    return joined(found)


def _features(matrix: Matrix) -> Features:
    return features_of(matrix.texts, matrix.prompt_tokens.tolist())


def _standings(taught: Matrix, priced: Priced) -> tuple[Standing, Standing]:
    """The two operating points that the taught questions say: at the best single model's cost, and at its accuracy."""
    points = curve(priced)
    best = int(np.nanargmax(np.nanmean(taught.right, axis=0)))
    usd, accuracy = float(np.nanmean(taught.usd[:, best])), float(np.nanmean(taught.right[:, best]))
    return most_accurate(points, usd), cheapest(points, accuracy)


def _stood(priced: Priced, at: Standing) -> Floats:
    """(right, dollars) a question."""
    right, usd = outcome(priced, at.drafts, choose(priced, at.drafts, at.worth_usd))
    return np.stack([right, usd], axis=1)


def _others(taught: Matrix, known: Features, tested: Matrix, asked: Features) -> Floats:
    """(right, dollars) a question of `OTHERS`, one after another; at random: the mean over all models."""
    best = int(np.nanargmax(np.nanmean(taught.right, axis=0)))
    nearest = Nearest(vectors=known.rows[:, :ENCODER], quality=filled(taught.right), neighbours=NEAR)
    absent = np.isnan(tested.right)
    near = np.where(absent, -1.0, nearest.expect(asked.rows[:, :ENCODER])).argmax(axis=1)
    oracle = np.where(absent, np.inf, tested.usd * np.where(tested.right > 0.5, 1.0, 1e6)).argmin(axis=1)
    place = np.arange(len(tested))
    columns = [
        part for model in (best, near, oracle) for part in (tested.right[place, model], tested.usd[place, model])
    ]
    return np.stack([*columns, np.nanmean(tested.right, axis=1), np.nanmean(tested.usd, axis=1)], axis=1)


def _figures(dear: Floats, cheap: Floats, priced: Priced, plain: Floats, draws: bool) -> dict[str, Any]:
    best, best_usd = float(np.nanmean(plain[:, 0])), float(np.nanmean(plain[:, 1]))
    one_call, at = curve(priced, (0,)), curve(priced)
    points = [100.0 * (dear[:, 0].mean() - best), 100.0 * (most_accurate(one_call, best_usd).accuracy - best)]
    if draws:
        _picture(one_call, at, plain)
    return {
        "points_at_its_cost": round(points[0], 2),
        "points_at_its_cost_95": interval(
            len(dear), lambda i: 100.0 * float(dear[i, 0].mean() - np.nanmean(plain[i, 0]))
        ),
        "cost_share_there": round(float(dear[:, 1].mean()) / best_usd, 4),
        "cost_share_at_its_accuracy": round(float(cheap[:, 1].mean()) / best_usd, 4),
        "cost_share_at_its_accuracy_95": interval(
            len(cheap), lambda i: float(cheap[i, 1].mean() / np.nanmean(plain[i, 1]))
        ),
        "accuracy_there": round(float(cheap[:, 0].mean()), 4),
        "best_single": round(best, 4),
        "points_by_one_call": round(points[1], 2),
        "nearest": round(float(np.nanmean(plain[:, 2])), 4),
        "nearest_cost_share": round(float(np.nanmean(plain[:, 3])) / best_usd, 4),
        "oracle": round(float(np.nanmean(plain[:, 4])), 4),
        "oracle_cost_share": round(float(np.nanmean(plain[:, 5])) / best_usd, 4),
        "random": round(float(np.nanmean(plain[:, 6])), 4),
        "random_cost_share": round(float(np.nanmean(plain[:, 7])) / best_usd, 4),
        "questions": len(dear),
    }  # fmt: skip


def _picture(one_call: list[Standing], at: list[Standing], plain: Floats) -> None:
    lines = {"one call": _outline(one_call), "with drafts": _outline(at)}
    marks = {
        name: [(1e3 * float(np.nanmean(plain[:, 2 * i + 1])), float(np.nanmean(plain[:, 2 * i])))]
        for i, name in enumerate(OTHERS)
    }
    draw(
        PICTURES / "route-many.svg", "MMLU-Pro: accuracy over cost", "dollars a thousand questions", "accuracy",
        lines, marks, logarithmic=True,
    )  # fmt: skip


def _outline(points: list[Standing]) -> list[tuple[float, float]]:
    """The points that no cheaper one is as accurate as."""
    found: list[tuple[float, float]] = []
    for each in points:
        if not found or each.accuracy > found[-1][1]:
            found.append((1e3 * each.usd, each.accuracy))
    return found


if __name__ == "__main__":
    sys.exit(run("route-many", measure))
