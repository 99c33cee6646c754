"""The claim about public routers: compared on shared questions, and how far two models can get at all."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from bench.route_arena.__main__ import _beside, _figures, public

OURS: dict[str, tuple[float, ...]] = {"q1": (1.0, 0.001, 1.0), "q2": (0.0, 0.001, 1.0), "q3": (1.0, 0.001, 1.0)}
"""By question: our score, our bill, the better of the two models' scores."""


def test_a_public_router_is_compared_on_the_questions_that_both_answered() -> None:
    point = _beside(OURS, {"q1": (1.0, 0.004), "q2": (1.0, 0.002), "elsewhere": (0.0, 9.0)})
    assert point["questions"] == 2
    assert point["accuracy"] == 1.0
    assert point["usd"] == pytest.approx(0.003)
    assert (point["our_accuracy"], point["oracle_of_two"]) == (0.5, 1.0)


def test_a_router_that_answered_none_of_our_questions_is_no_point() -> None:
    assert _beside(OURS, {"elsewhere": (1.0, 1.0)}) == {}


def rows(count: int = 20) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """(our score, our dollars, both models' scores, both models' dollars) a question."""
    return np.tile([1.0, 0.001, 1.0, 0.0, 0.001, 0.002], (count, 1))


def test_the_figures_carry_how_far_the_oracle_over_two_models_is_from_the_best_public_router() -> None:
    best = {"questions": 3, "accuracy": 0.8, "usd": 0.002, "our_accuracy": 0.6, "our_usd": 0.001, "oracle_of_two": 0.7}
    worse = best | {"accuracy": 0.5}
    found = _figures(rows(), {"best": best, "worse": worse})
    assert found["points_above_best_public"] == pytest.approx(-20.0)
    assert found["points_of_oracle_above_best_public"] == pytest.approx(-10.0)
    assert found["cost_share_of_best_public"] == 0.5
    assert (found["dominated"], found["that_do_not_dominate_us"], found["public_routers"]) == (1, 2, 2)


def test_without_a_public_router_nothing_is_claimed() -> None:
    found = _figures(rows(), {})
    assert found["points_above_best_public"] is None
    assert found["public_routers"] == 0


def test_routers_of_which_only_the_choice_is_recorded_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "routerarena").mkdir()
    told = "router,global_index,accuracy,cost\nfull,q1,1.0,0.002\nbare,q1,,\nfree,q1,1.0,0.0\n"
    with gzip.open(tmp_path / "routerarena" / "router_choices_robustness.csv.gz", "wt") as out:
        out.write(told)
    assert public(tmp_path) == {"full": {"q1": (1.0, 0.002)}}
