"""`weir evaluate` over records of a bandit whose truth is known."""

import json
from pathlib import Path
from typing import Any

import pytest

from policies.request import coin
from tests.cli.weir_command import Weir

GOOD = {"small": 0.4, "large": 0.8}
USD = {"small": 0.001, "large": 0.004}
EVEN = 0.5


def record(i: int, **changed: Any) -> dict[str, Any]:
    """A request that went to one of two models by an even coin."""
    chosen = int(coin(f"{i}", 1) < EVEN)
    model = ["small", "large"][chosen]
    quality = float(coin(f"{i}", 2) < GOOD[model])
    return {
        "id": f"r-{i}", "at": float(i), "request": {"model": "auto", "tenant": "t"}, "candidates": [], "chosen": "x",
        "why": "w", "propensity": 1.0,
        "choice": {
            "decision": f"d-{i}",
            "features": [coin(f"{i}", 3)], "chosen": chosen, "propensity": EVEN,
            "options": [{"model": name, "pool": "a", "usd": USD[name]} for name in GOOD],
        },
        "outcome": {"ok": True, "quality": quality, "cost_usd": USD[model]},
    } | changed  # fmt: skip


def written(folder: Path, rows: list[dict[str, Any]]) -> str:
    path = folder / "decisions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture
def log(tmp_path: Path) -> str:
    return written(tmp_path, [record(i) for i in range(1200)])


def estimates(weir: Weir, log: str, policy: str) -> dict[str, Any]:
    done = weir("evaluate", log, "--policy", policy, "--json", "-")
    assert done.exit_code == 0, done.output
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("model", ["small", "large"])
def test_a_model_is_worth_what_it_earns(weir: Weir, log: str, model: str) -> None:
    found = estimates(weir, log, f"always:{model}")
    truth = 0.01 * GOOD[model] - USD[model]
    for name in ("doubly_robust", "ips", "snips"):
        assert found["estimates"][name]["low"] <= truth <= found["estimates"][name]["high"]
    assert found["decisions"] == 600


@pytest.mark.parametrize("policy", ["thompson", "linucb", "ucb", "epsilon_greedy"])
def test_a_bandit_learns_from_the_earlier_half_and_is_judged_on_the_later(weir: Weir, log: str, policy: str) -> None:
    found = estimates(weir, log, policy)
    assert found["learned_from"] == found["decisions"] == 600
    assert 0.002 < found["estimates"]["doubly_robust"]["value"] < 0.005


def test_the_verdict_is_a_sentence(weir: Weir, log: str) -> None:
    said = weir("evaluate", log, "--policy", "always:small", "--value", "0.1").stdout
    assert "always:small would have earned $0.03" in said
    assert ": less." in said


def test_decisions_that_nobody_judged_are_counted_and_left_out(weir: Weir, tmp_path: Path) -> None:
    rows = [record(i) for i in range(100)]
    rows += [record(i, outcome={"ok": True, "cost_usd": 0.001}) for i in range(100, 130)]
    assert estimates(weir, written(tmp_path, rows), "always:large")["unjudged"] == 30


def test_a_verdict_on_a_line_of_its_own_finds_its_decision(weir: Weir, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = []
    for i in range(100):
        told = record(i)
        rating = told["outcome"].pop("quality")
        rows += [told, {"feedback": f"d-{i}", "rating": rating}]
    assert estimates(weir, written(tmp_path, rows), "always:large")["unjudged"] == 0


@pytest.mark.parametrize(
    ("rows", "policy", "says"),
    [
        ([record(0)], "always:large", "too few"),
        ([record(i) for i in range(100)], "always:huge", "known: large, small"),
        ([record(i) for i in range(100)], "tompson", "did you mean 'thompson'"),
        ([record(i) for i in range(100)], "best_value", "holds the reading 'quality'"),
        ([{key: value for key, value in record(0).items() if key != "choice"}], "ucb", "holds no model choices"),
        ([record(0, choice={"options": [], "chosen": 0, "propensity": 1.0})], "ucb", "cannot be read"),
        ([record(0, choice={"options": [{"model": "a"}], "chosen": 0})], "ucb", "cannot be read"),
    ],
)
def test_what_makes_no_sense_is_said_in_a_sentence(
    weir: Weir, tmp_path: Path, rows: list[dict[str, Any]], policy: str, says: str
) -> None:
    done = weir("evaluate", written(tmp_path, rows), "--policy", policy)
    assert done.exit_code == 2
    assert says in done.output


def test_a_propensity_of_zero_names_its_decision(weir: Weir, tmp_path: Path) -> None:
    rows = [record(i) for i in range(100)]
    rows[80]["choice"]["propensity"] = 0.0
    done = weir("evaluate", written(tmp_path, rows), "--policy", "ucb")
    assert done.exit_code == 2
    assert "propensity outside" in done.output


def test_a_surge_is_judged_on_records_of_list_prices(weir: Weir, tmp_path: Path) -> None:
    """Where the large model was full a surging policy would have asked the small one, and the log tells both."""
    rows = []
    for i in range(1200):
        told = record(i)
        told["choice"]["readings"] = {"quality": {"value": 0.8, "label": "large", "scores": GOOD}}
        for option in told["choice"]["options"]:
            option["full"] = 2.0 if option["model"] == "large" and i % 2 else 0.8
        rows.append(told)
    log = written(tmp_path, rows)
    earned = [
        json.loads(weir("evaluate", log, "--policy", "best_value", "--value", "0.01", *more, "--json", "-").stdout)
        for more in ([], ["--surge", "6"])
    ]
    level, surging = [each["estimates"]["doubly_robust"] for each in earned]
    worth = {model: 0.01 * GOOD[model] - USD[model] for model in GOOD}
    assert level["low"] <= worth["large"] <= level["high"]
    assert surging["low"] <= 0.5 * (worth["large"] + worth["small"]) <= surging["high"]
