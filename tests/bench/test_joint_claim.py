"""The joint claim's search: the highest quality of a fleet, the cheapest fleet of a quality, what is saved."""

from collections.abc import Callable

import numpy as np
import pytest

from bench.joint import contest
from bench.joint.contest import climbed, elsewhere
from bench.joint.fleets import (
    B200,
    CARD,
    H200,
    LARGE,
    SMALL,
    Chooser,
    Fleet,
    Served,
    candidates,
    price,
    replicas,
    serve,
)
from bench.joint.reach import reach
from bench.joint.savings import Reached, cheaper, cheapest, fleets_at, unseen_kept
from bench.joint.traffic import Drawn, Sent
from sims.arrivals import Arrivals
from sims.select.questions import Questions

CHEAP: Fleet = ((CARD, 2), (B200, 1))
DEAR: Fleet = ((CARD, 2), (B200, 2))
LOW, HIGH = 0.5, 0.6


def serving(first: float, last: float) -> Callable[[float], Served]:
    """Deadlines are kept from one worth to another, and quality rises with it."""

    def tried(worth: float) -> Served:
        return Served(worth, 10.0 * worth, 1.0 if first <= worth <= last else 0.5, 0.5)

    return tried


def found(quality: float) -> Served:
    return Served(0.01, quality, 0.99, 0.5)


def reached(cheap: float, dear: float, seeds: int = 2) -> Reached:
    return {(seed, fleet): found(each) for seed in range(seeds) for fleet, each in ((CHEAP, cheap), (DEAR, dear))}


def test_the_highest_worth_that_keeps_the_deadlines_is_found() -> None:
    best = reach(serving(0.004, 0.0123), 1.1, 2)
    assert best is not None
    assert 0.0123 / 1.03 < best.worth_usd <= 0.0123


def test_a_worth_too_small_for_the_small_model_is_passed_over() -> None:
    best = reach(serving(0.02, 0.021), 1.02, 2)
    assert best is not None
    assert best.worth_usd >= 0.02


def test_a_fleet_that_keeps_its_deadlines_at_no_worth_reaches_nothing() -> None:
    assert reach(serving(1.0, 2.0), 1.5, 2) is None


def test_the_cheapest_fleet_that_reaches_the_quality_is_taken() -> None:
    told = reached(0.55, 0.65)
    assert cheapest(told, LOW, 0) == CHEAP
    assert cheapest(told, HIGH, 0) == DEAR
    with pytest.raises(ValueError, match=r"no candidate fleet reaches quality 0\.700"):
        cheapest(told, 0.7, 0)


def test_what_is_saved_is_a_share_of_what_the_blind_pay_over_all_levels() -> None:
    blind, aware = reached(0.55, 0.65), reached(0.62, 0.65)
    assert cheaper(blind, blind, [LOW, HIGH], 0) == 0.0
    saved = price(DEAR) - price(CHEAP)
    assert cheaper(blind, aware, [LOW, HIGH], 0) == pytest.approx(saved / (price(DEAR) + price(CHEAP)))


def test_fleets_are_tried_from_the_cheapest_until_one_reaches_the_highest_quality(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[float] = []

    def reached_by(task: tuple[int, Fleet, str]) -> Served | None:
        asked.append(price(task[1]))
        return found(0.5 + 0.05 * len(asked)) if len(asked) > 1 else None

    monkeypatch.setattr(contest, "reached_by", reached_by)
    told = climbed((0, "aware", 0.65))
    assert asked == sorted(price(fleet) for fleet in candidates())[:3]
    assert [round(served.quality, 2) for served in told.values()] == [0.6, 0.65]


def test_a_fleet_that_one_seed_chose_is_tried_on_the_others() -> None:
    told: Reached = {(0, CHEAP): found(0.66), (1, CHEAP): found(0.5), (1, DEAR): found(0.66)}
    assert elsewhere(told, [LOW, 0.65], range(2), "aware") == [(0, DEAR, "aware")]
    assert elsewhere(reached(0.55, 0.65), [LOW, HIGH], range(2), "aware") == []


def test_a_choice_is_looked_at_on_the_seeds_that_did_not_make_it() -> None:
    steady = reached(0.55, 0.65)
    lucky: Reached = {**steady, (1, CHEAP): found(0.4)}
    told = unseen_kept({"blind": steady, "aware": lucky}, [LOW], range(2))
    assert told == {"blind": 1.0, "aware": 0.5}


def test_fleets_are_told_in_words_with_their_price() -> None:
    both = {"blind": reached(0.55, 0.65), "aware": reached(0.62, 0.65)}
    told = fleets_at(both, {"0.600": HIGH})["0.600"]
    assert told["blind"] == [round(price(DEAR), 2), f"2 x {SMALL} on 1 rtx-pro-6000", f"2 x {LARGE} on 1 b200"]
    assert told["aware"][0] == round(price(CHEAP), 2)


def test_every_candidate_serves_both_models() -> None:
    for fleet in candidates():
        assert {each.model for each in replicas(fleet)} == {SMALL, LARGE}
    assert len(set(candidates())) == len(list(candidates()))
    assert price(((CARD, 1), (H200, 1))) == pytest.approx(price(((CARD, 1),)) + price(((H200, 1),)))


def made(count: int = 600, gap_s: float = 0.2) -> Drawn:
    chance = np.random.default_rng(1)
    easy = chance.random(200) < 0.5
    quality = np.stack([easy, np.ones(200)], axis=1).astype(np.float64)
    asked = Questions(
        name="made_up",
        models=(SMALL, LARGE),
        topics=("",) * 200,
        expected=0.3 + 0.4 * quality,
        quality=quality,
        out_tokens=np.ones((200, 2)),
    )
    lengths = np.full(count, 400)
    trace = Arrivals.drawn(gap_s * np.arange(count, dtype=np.float64), lengths, lengths // 4)
    return Drawn(Sent(arrivals=trace, questions=asked, speed=2.0))


@pytest.mark.parametrize("aware", [False, True])
def test_a_fleet_with_room_serves_both_choosers_alike(aware: bool) -> None:
    drawn, who = made(), Chooser(aware=aware)
    poor, rich = (serve(drawn, 0, DEAR, worth, who) for worth in (1e-6, 0.01))
    assert poor.quality < 0.7 < rich.quality
    assert rich.kept > 0.99
    assert serve(drawn, 0, DEAR, 0.01, who) == rich


def test_even_arrivals_are_the_same_requests_in_another_order() -> None:
    drawn = made()
    arrivals, asked = drawn.of(3)
    even, mixed = drawn.of(3, even=True)
    assert sorted(even.prompt_tokens.tolist()) == sorted(arrivals.prompt_tokens.tolist())
    assert sorted(mixed.question.tolist()) == sorted(asked.question.tolist())
    assert np.diff(even.at) == pytest.approx(np.full(len(even) - 1, even.span_s / (len(even) - 1)))
    assert drawn.of(3)[0] is arrivals
