"""Prices that rise with fullness, behind "auto": a full model gets dearer and requests move, as in the simulator."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pytest

from cli.selections import selections
from policies.fleet import KV_TOKENS, KV_USED
from policies.native.routes import Told
from policies.request import Ask
from policies.select.objective import Objective
from policies.select.port import Option
from policies.signals.reading import Reading
from router.auto import choosing
from router.auto.lengths import MOST, Lengths
from router.auto.offers import Offer, offers
from router.record import Recorder
from sims.engine.choosing import Placed
from sims.select.choosers import Scene, Value, chooser
from tests.router.auto.ruled import FakeClassifier, ruler
from tests.router.auto.test_learned_choice import BOTH, learning
from tests.router.routers import Routers, Running
from tests.sims.select.scenes import arrivals, questions

USD = (1e-7, 1e-6)  # of a token: small, large
FLAT = {
    name: {"input_usd": usd * 1e6, "output_usd": usd * 1e6} for name, usd in zip(("small", "large"), USD, strict=True)
}
USUAL = 200.0  # tokens of an answer, as long as nobody has answered
QUALITY = {"quality": Reading(0.9, "large", {"large": 0.9, "small": 0.3})}
SURGING: dict[str, Any] = {
    "policy": "best_value", "prices": FLAT, "judged_as": {"small": "small", "large": "large"},
    "objective": {"worth_usd": 0.01, "surge": 6.0},
}  # fmt: skip


@contextmanager
def full(running: Running, share: float, name: str = "r1") -> Iterator[None]:
    """A replica's KV is taken to such a share by others for a while."""
    table, row = running.core.fleet.table, running.core.fleet.rows[name]
    taken = share * table[row, KV_TOKENS]
    table[row, KV_USED] += taken
    yield
    table[row, KV_USED] -= taken


async def served(running: Running, **more: Any) -> str:
    async with running.caller() as caller:
        return (await caller.ask(model="auto", **more)).headers["x-weir-model"]


async def test_a_full_model_gets_dearer_and_the_request_moves(routers: Routers, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "decisions.jsonl")
    running, _ = await learning(routers, SURGING, classifier=FakeClassifier(QUALITY), recorder=recorder)
    assert await served(running) == "large"
    with full(running, 4.0):
        assert await served(running) == "small"
    assert await served(running) == "large"
    recorder.close()
    told = [json.loads(line)["choice"] for line in (tmp_path / "decisions.jsonl").read_text().splitlines()]
    seen = [next(one["full"] for one in each["options"] if one["model"] == "large") for each in told]
    assert seen[1] >= 4.0 > max(seen[0], seen[2])
    assert {each["surge"] for each in told} == {6.0}
    assert all(one["joules"] > 0.0 for each in told for one in each["options"])


async def test_at_list_prices_a_full_model_keeps_its_requests(routers: Routers) -> None:
    level = SURGING | {"objective": {"worth_usd": 0.01}}
    running, _ = await learning(routers, level, classifier=FakeClassifier(QUALITY))
    with full(running, 4.0):
        assert await served(running) == "large"


async def test_prompts_that_were_sent_lately_make_a_replica_fuller(routers: Routers) -> None:
    running, _ = await learning(routers, SURGING, classifier=FakeClassifier(QUALITY))
    pace, row = running.core.pace, running.core.fleet.rows["r1"]
    assert pace is not None
    assert pace.busy(row, monotonic()) == 0.0
    assert await served(running) == "large"
    assert pace.busy(row, monotonic()) > 0.0
    pace.sent(row, 100.0, monotonic())
    assert await served(running) == "small"
    ruler(running).learn(None)
    assert running.core.pace is None


async def test_records_say_what_another_surge_would_have_chosen(routers: Routers, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "decisions.jsonl")
    level = SURGING | {"objective": {"worth_usd": 0.01}}
    running, _ = await learning(routers, level, classifier=FakeClassifier(QUALITY), recorder=recorder)
    for share in (0.0, 4.0):
        with full(running, share):
            await served(running)
    recorder.close()
    worth = np.array([0.3, 0.9])
    picks = [
        Objective(worth_usd=0.01, surge=surge).best(one.context, one.options, worth, "again").option
        for one in selections(tmp_path / "decisions.jsonl")
        for surge in (0.0, 6.0)
    ]
    assert picks == [1, 1, 1, 0]


class Seen:
    """What the gateway offered, and where it stood then."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.offers: list[Offer] = []
        self._offered = offers
        monkeypatch.setattr(choosing, "offers", self)

    def __call__(self, *asked: Any) -> list[Offer]:
        self.offers = self._offered(*asked)
        return self.offers


def simulated(running: Running, seen: list[Offer], objective: Objective) -> tuple[Any, Ask]:
    """The simulator's chooser over the gateway's own table, and what it is asked."""
    told = replace(questions(), models=("small", "large"))
    asked = told.asked(arrivals(1), 0)._replace(expected=np.array([[0.3, 0.9]]))
    value = Value(usd_per_token=USD, objective=objective)
    made: Any = chooser("aware", Scene(questions=told, asked=asked, arrivals=arrivals(1), value=value))
    made.begin(running.core.fleet.table, np.zeros(1))
    settings = running.core.settings
    return made, Ask(1.0, 0.0, 0.0, seen[0].prompt_tokens, 0.0, 1.0, settings.ttft_slo_s, settings.tpot_slo_s)


def placed(running: Running, offer: Offer) -> Placed:
    """Where the gateway would have sent it, as the simulator is told of it."""
    one, row = offer.option, running.core.fleet.rows[{"small": "r0", "large": "r1"}[offer.option.model]]
    tpot_s = (one.e2e_s - one.ttft_s) / USUAL
    return Placed(row, USUAL, Told(1.0, one.ttft_s, tpot_s, 0.0, one.cached_tokens, row))


@pytest.mark.parametrize("share", [0.0, 0.7, 0.9, 1.2, 4.0])
async def test_simulator_and_gateway_answer_alike_of_the_same_table(
    routers: Routers, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    seen = Seen(monkeypatch)
    running, _ = await learning(routers, SURGING, classifier=FakeClassifier(QUALITY))
    with full(running, share):
        gateway = await served(running, max_tokens=4000)
        made, ask = simulated(running, seen.offers, Objective(worth_usd=0.01, surge=6.0))
        spots = [placed(running, each) for each in seen.offers]
        _, options = made.options(0.0, ask, spots)
        for ours, theirs in zip(options, seen.offers, strict=True):
            assert numbers(ours) == pytest.approx(numbers(theirs.option), rel=1e-6)
        assert ("small", "large")[made.choose(0, 0.0, ask, spots)] == gateway


def numbers(option: Option) -> list[float]:
    return [float(each) for each in option[2:]]


async def test_the_head_of_lengths_makes_answers_longer_in_every_prediction(routers: Routers, tmp_path: Path) -> None:
    recorder, classifier = Recorder(tmp_path / "decisions.jsonl"), FakeClassifier(QUALITY)
    running, _ = await learning(routers, SURGING | {"lengths": True}, BOTH, classifier, recorder)
    for tokens in (100.0, 300.0):
        classifier.told = QUALITY | {"output_p50": Reading(tokens)}
        assert await served(running, max_tokens=4000) == "large"
    recorder.close()
    first, second = [json.loads(line) for line in (tmp_path / "decisions.jsonl").read_text().splitlines()]
    assert classifier.asked[0][0] == {"quality", "output_p50"}
    assert (first["choice"]["longer"], second["choice"]["longer"]) == (1.0, 1.5)
    usual = running.core.models["large"].estimate.expected_tokens
    assert first["request"]["expected_tokens"] == USUAL
    assert second["request"]["expected_tokens"] == pytest.approx(1.5 * usual, rel=0.05)


def test_an_answer_is_as_long_as_usual_where_nobody_tells() -> None:
    lengths = Lengths()
    assert lengths.longer({}) == 1.0
    assert lengths.longer({"output_p50": Reading(float("nan"))}) == 1.0
    assert lengths.longer({"output_p50": Reading(100.0)}) == 1.0


def test_lengths_are_told_beside_what_was_told_lately_and_bounded() -> None:
    lengths = Lengths()
    for _ in range(300):
        lengths.longer({"output_p50": Reading(100.0)})
    assert lengths.longer({"output_p50": Reading(200.0)}) == pytest.approx(2.0, rel=0.02)
    assert lengths.longer({"output_p50": Reading(1.0)}) == 1.0 / MOST
    assert lengths.longer({"output_p50": Reading(1e9)}) <= MOST
