"""KV events that come late or never, and routers that know caches only by their own sends."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.cached import Cached
from policies.fleet import HBM, Replica, Table
from policies.policy import routing
from policies.request import Ask
from sims.arrival import Arrival
from sims.arrivals import Arrivals
from sims.engine import conditions as told
from sims.engine import simulate as door
from sims.engine.conditions import GAPS, Conditions, Outage
from sims.engine.run import Run
from sims.engine.simulate import simulate
from tests.sims.engine.plain import plainly
from tests.sims.engine.worlds import BLOCK, alike, fleets, lived, traces

SHORTEST = routing("shortest_ttft")


class Believing:
    """A plain policy that goes round the fleet and writes down what it was told is cached there."""

    def __init__(self) -> None:
        self.told: list[list[float]] = []

    def __call__(self, i: int, ask: Ask, table: Table, cached: Cached) -> int:
        self.told.append(cached[:, HBM].tolist())
        return i % len(table)


def seen(arrivals: Arrivals, fleet: list[Replica], **given_: object) -> list[list[float]]:
    policy = Believing()
    simulate(arrivals, fleet, policy, Conditions(**given_))  # type: ignore[arg-type]
    return policy.told


def repeated(count: int, every_s: float = 1.0, distinct: int = 1) -> Arrivals:
    """One prompt again and again, or several in turn."""
    rows = [
        Arrival(
            at=every_s * i, prompt_tokens=5 * BLOCK, output_tokens=2, block_tokens=BLOCK,
            blocks=tuple(range(10 * (i % distinct), 10 * (i % distinct) + 5)),
        )
        for i in range(count)
    ]  # fmt: skip
    return Arrivals.of(rows)


def test_events_may_be_later_than_metrics() -> None:
    known = [bool(cached[0]) for cached in seen(repeated(8), alike(1), kv_staleness_s=3.5)]
    assert known == [False] * 4 + [True] * 4


def test_events_are_as_late_as_metrics_unless_they_are_said_to_be_later() -> None:
    late = seen(repeated(8), alike(1), staleness_s=3.5)
    assert late == seen(repeated(8), alike(1), staleness_s=0.05, kv_staleness_s=3.5)


@pytest.mark.parametrize("gaps", GAPS)
def test_where_nothing_is_lost_it_does_not_matter_what_would_be_done(gaps: str) -> None:
    arrivals, fleet = repeated(30, 0.2, distinct=7), alike(2, kv_tokens=30 * BLOCK)
    assert seen(arrivals, fleet, event_gaps=gaps) == seen(arrivals, fleet)


@given(traces(), fleets(), st.sampled_from([0.05, 0.5, 0.9]), st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_replayed_events_leave_the_router_with_what_is_true_but_for_the_last_batches(
    arrivals: Arrivals, fleet: list[Replica], loss: float, seed: int
) -> None:
    def last(**given_: float) -> list[float]:
        # A prompt of everything that was ever asked for, long after the rest, so that all gaps but the last are closed.
        end = float(arrivals.at.max()) + 1e5
        longest = max(range(len(arrivals)), key=lambda i: int(arrivals.ends[i + 1] - arrivals.ends[i]))
        probes = [replace(arrivals[longest], at=end + i, after_s=None, session="") for i in range(len(fleet))]
        return seen(Arrivals.of([*arrivals, *probes]), fleet, seed=seed, staleness_s=0.0, **given_)[-1]

    exact, replayed = last(), last(event_loss=loss)
    assert all(there <= here for there, here in zip(replayed, exact, strict=True)) or loss > 0.0


def test_lost_batches_that_nobody_notices_leave_blocks_unknown_for_ever() -> None:
    arrivals, fleet = repeated(60, 1.0, distinct=20), alike(1)
    ignored = seen(arrivals, fleet, event_loss=0.5, event_gaps="ignored")
    replayed = seen(arrivals, fleet, event_loss=0.5, event_gaps="replayed")
    exact = seen(arrivals, fleet)
    assert sum(cached[0] > 0 for cached in exact[20:]) == 40
    assert 0 < sum(cached[0] > 0 for cached in ignored[20:]) < 40
    assert sum(cached[0] > 0 for cached in replayed[20:]) > 35


def test_lost_batches_that_nobody_notices_leave_blocks_believed_that_are_gone() -> None:
    # The cache holds three of the ten prompts, so most of what was once told is no longer true.
    arrivals, fleet = repeated(200, 1.0, distinct=10), alike(1, kv_tokens=16 * BLOCK)
    exact = simulate(arrivals, fleet, SHORTEST)
    ignored = simulate(arrivals, fleet, SHORTEST, Conditions(event_loss=0.3, event_gaps="ignored"))
    assert mistaken(exact) == 0
    assert mistaken(ignored) > 0


def mistaken(run: Run) -> int:
    return int((run.believed > run.cached).sum())


def test_a_router_that_forgets_at_a_gap_never_believes_what_is_gone() -> None:
    arrivals, fleet = repeated(300, 1.0, distinct=10), alike(1, kv_tokens=16 * BLOCK)
    policy = Believing()
    simulate(arrivals, fleet, policy, Conditions(event_loss=0.2, event_gaps="forgotten"))
    exact = seen(arrivals, fleet)
    told_ = sum(cached[0] for cached in policy.told)
    assert told_ <= sum(cached[0] for cached in exact) + 300 * BLOCK


def test_which_batches_are_lost_hangs_on_the_seed_alone() -> None:
    arrivals, fleet = repeated(60, 1.0, distinct=20), alike(2)
    runs = [seen(arrivals, fleet, seed=seed, event_loss=0.5, event_gaps="ignored") for seed in (1, 1, 2)]
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_a_replica_that_fails_takes_its_gap_with_it() -> None:
    arrivals, fleet = repeated(40, 1.0, distinct=4), alike(2)
    outage = Outage(replica=0, at=15.5, until=16.5)
    run = simulate(arrivals, fleet, SHORTEST, Conditions(event_loss=0.5, outages=(outage,)))
    assert (run.state == 0).all()


@pytest.mark.parametrize("gaps", GAPS)
def test_lost_events_as_plain_python_are_lost_events_compiled(gaps: str) -> None:
    arrivals, fleet = repeated(40, 0.05, distinct=9), alike(2, kv_tokens=24 * BLOCK)
    given_ = Conditions(event_loss=0.4, event_gaps=gaps, cache_outputs=True, scrape_s=0.5)
    compiled = simulate(arrivals, fleet, SHORTEST, given_)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(door, "asked", lambda: plainly)
        assert lived(simulate(arrivals, fleet, SHORTEST, given_)) == lived(compiled)


def test_a_router_may_know_caches_by_its_own_sends_whatever_its_policy_would_read() -> None:
    arrivals, fleet = repeated(60, 1.0, distinct=20), alike(1)
    by_sends = simulate(arrivals, fleet, SHORTEST, Conditions(kv_knowledge="history", kv_staleness_s=1e6))
    by_events = simulate(arrivals, fleet, SHORTEST, Conditions(kv_staleness_s=1e6))
    assert by_events.believed.sum() == 0
    assert by_sends.believed[20:].all()


def test_a_history_keeps_no_more_than_the_replica_could_hold() -> None:
    # Eight prompts in turn, room for four: what was sent longest ago is not believed to be there.
    arrivals, fleet = repeated(40, 1.0, distinct=8), alike(1, kv_tokens=20 * BLOCK)
    run = simulate(arrivals, fleet, SHORTEST, Conditions(kv_knowledge="history"))
    assert run.believed.sum() == 0


@pytest.mark.parametrize(
    ("given_", "reason"),
    [
        ({"event_loss": 1.0}, "event_loss 1.0"),
        ({"event_loss": -0.1}, "event_loss is -0.1"),
        ({"kv_staleness_s": -1.0}, "kv_staleness_s -1.0"),
        ({"event_gaps": "prayed"}, "event_gaps is 'prayed': give one of 'ignored', 'replayed', 'forgotten'"),
        ({"kv_knowledge": "omens"}, "kv_knowledge is 'omens'"),
    ],
)
def test_knowledge_that_there_is_not_is_said_in_one_sentence(given_: dict[str, float], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        simulate(repeated(2), alike(1), SHORTEST, Conditions(**given_))  # type: ignore[arg-type]


def test_what_a_router_does_about_gaps_has_a_number_in_the_loop() -> None:
    from sims.engine.telling import FORGOTTEN, IGNORED, REPLAYED

    assert told.GAPS[IGNORED] == "ignored"
    assert told.GAPS[REPLAYED] == "replayed"
    assert told.GAPS[FORGOTTEN] == "forgotten"
    assert np.unique([IGNORED, REPLAYED, FORGOTTEN]).size == len(told.GAPS)
