"""The options of a request as the fleet stands."""

import pytest

from policies.select.congestion import COMFORT, fullness
from policies.select.energy import joules
from policies.select.fleet_options import Rates, option
from policies.select.objective import Objective
from policies.select.port import Context, Option
from tests.policies.select.options import context
from tests.policies.select.spots import ASK, fleet, spot

RATES = Rates(1e-6, 1e-7, 4e-6)


def made(**told: float) -> Option:
    return option("small", "p", ASK, fleet().table, spot(**told), RATES)  # type: ignore[arg-type]


def test_a_bill_counts_computed_cached_and_answered_tokens_apart() -> None:
    assert RATES.bill(500.0, 200.0, 100.0) == pytest.approx(300e-6 + 20e-6 + 400e-6)
    assert made(cached=200.0).usd == RATES.bill(500.0, 200.0, 100.0)


def test_late_is_what_comes_past_either_deadline() -> None:
    assert made(ttft_s=1.9, tpot_s=0.09).over_slo_s == 0.0
    assert made(ttft_s=2.5, tpot_s=0.11).over_slo_s == pytest.approx(0.5 + 1.0)
    assert made(ttft_s=2.5, tpot_s=0.11).e2e_s == pytest.approx(2.5 + 11.0)


def test_an_option_tells_fullness_and_joules_of_its_replica() -> None:
    told, table = made(busy=0.4), fleet().table
    assert told.full == fullness(ASK, table, spot(busy=0.4))
    assert told.joules == joules(ASK, table, spot(busy=0.4))


def scores(objective: Objective, *options: Option, told: Context | None = None) -> list[float]:
    return objective.scores(told or context(), options, [0.5] * len(options))  # type: ignore[arg-type]


def test_a_full_model_gets_dearer_where_prices_surge_and_only_there() -> None:
    idle, full = made(), made(tpot_s=0.09, busy=0.3)
    assert idle.usd == full.usd
    level, surging = Objective(worth_usd=0.01), Objective(worth_usd=0.01, surge=6.0)
    assert scores(level, idle)[0] == scores(level, full)[0]
    assert scores(surging, idle)[0] > scores(surging, full)[0]


def test_an_option_of_which_no_fullness_is_told_costs_the_list() -> None:
    plain = Option("small", "p", 0.001)
    assert plain.full == COMFORT
    assert scores(Objective(surge=6.0), plain) == scores(Objective(), plain)


def test_joules_cost_what_they_are_said_to() -> None:
    cool, hot = Option("a", "p", 0.001, joules=10.0), Option("b", "p", 0.001, joules=30.0)
    first, second = scores(Objective(joule_usd=1e-4), cool, hot)
    assert first - second == pytest.approx(20.0 * 1e-4)


def test_a_context_held_elsewhere_costs_what_must_be_computed_again() -> None:
    held, cold = made(cached=400.0)._replace(model="old"), made()._replace(model="new")
    told = context()._replace(session="s", last_model="old")
    objective = Objective(lost_token_usd=1e-6)
    stays, moves = scores(objective, held, cold, told=told)
    assert moves == pytest.approx(stays - (cold.usd - held.usd) - 400e-6)
