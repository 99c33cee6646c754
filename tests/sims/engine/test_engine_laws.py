"""What holds of every run, and what cannot be run."""

import gc
from dataclasses import replace
from math import inf
from weakref import ref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.fleet import Replica
from policies.policy import routing
from sims.arrivals import Arrivals
from sims.engine import simulate as simulate_module
from sims.engine.arena import Memory
from sims.engine.conditions import Conditions, Outage
from sims.engine.run import REFUSED, SERVED, SHED, UNFINISHED, Run
from sims.engine.simulate import simulate
from sims.replica.engine import Engine
from sims.replica.jobs import Finished, Job
from tests.sims.engine.worlds import BLOCK, alike, drawn, fleets, replica, traces

LEAST = routing("least_loaded")
outages = st.lists(
    st.builds(
        lambda row, at, down: Outage(replica=row, at=at, until=at + down),
        st.integers(0, 0),
        st.floats(0.0, 5.0),
        st.sampled_from([0.0, 1.0, inf]),
    ),
    max_size=2,
)
conditions = st.builds(
    Conditions,
    seed=st.integers(0, 3),
    queue_s=st.sampled_from([0.0, 0.3, 5.0]),
    give_up_s=st.sampled_from([inf, 4.0]),
    sample_s=st.sampled_from([0.0, 0.5]),
    host_tokens=st.sampled_from([0, 20 * BLOCK]),
    outages=outages.map(tuple),
)


def check(run: Run) -> None:
    served = run.state == SERVED
    assert set(run.state.tolist()) <= {SERVED, REFUSED, SHED, UNFINISHED}
    assert (run.admitted[served] >= run.at[served]).all()
    assert (run.first[served] > run.admitted[served]).all()
    assert (run.end[served] >= run.first[served]).all()
    assert np.isnan(run.end[~served]).all()
    assert int(run.requests.sum()) == int(served.sum())
    assert (run.busy_s <= run.up_s + 1e-6).all()
    assert (run.up_s <= run.end_s + 1e-9).all()
    assert (run.cached[served] < run.prompt_tokens[served]).all()
    if run.samples is not None:
        kv = np.array([each.perf.kv_tokens for each in run.replicas])
        assert (run.samples.kv_tokens >= 0).all()
        assert (run.samples.kv_tokens <= kv).all()


@given(traces(), fleets(), conditions, st.sampled_from(["shortest_ttft", "sglang_cache_aware", "llm_d_precise"]))
@settings(max_examples=120, deadline=None)
def test_every_arrival_ends_in_one_state_whatever_happens_to_the_fleet(
    arrivals: Arrivals, fleet: list[Replica], given_: Conditions, policy: str
) -> None:
    run = simulate(arrivals, fleet, routing(policy), given_)
    check(run)
    assert len(run.state) == len(arrivals)
    if given_.give_up_s == inf and not given_.outages:
        assert UNFINISHED not in run.state.tolist()


@given(traces(most=15), fleets(most=1))
@settings(max_examples=60, deadline=None)
def test_many_steps_at_once_are_the_same_as_one_by_one(arrivals: Arrivals, fleet: list[Replica]) -> None:
    opened = replace(arrivals, after_s=np.full(len(arrivals), np.nan))
    engine, ends = Engine(fleet[0].perf, BLOCK, macro=False), dict[str, float]()
    capacity = fleet[0].perf.kv_tokens // BLOCK
    for i, one in enumerate(opened):
        at = one.at + fleet[0].perf.frontend_s
        if one.prompt_tokens + one.output_tokens - 1 <= capacity * BLOCK:
            ends |= {event.id: event.at for event in engine.advance(at) if isinstance(event, Finished)}
            job = Job(
                id=str(i),
                prompt_tokens=one.prompt_tokens,
                output_tokens=one.output_tokens,
                visual_tokens=one.visual_tokens,
                blocks=one.blocks,
            )
            engine.submit(job, at)
    ends |= {event.id: event.at for event in engine.advance(1e5) if isinstance(event, Finished)}
    run = simulate(opened, fleet, LEAST)
    assert {str(i): run.end[i] for i in np.flatnonzero(run.state == SERVED)} == pytest.approx(ends, abs=1e-9)


def test_the_same_arguments_give_the_same_run_and_another_seed_another() -> None:
    arrivals, fleet = drawn(200, 30.0), alike(4)
    first, again, other = (simulate(arrivals, fleet, routing("random"), Conditions(seed=s)) for s in (1, 1, 2))
    assert (first.replica == again.replica).all()
    assert (first.end == again.end).all()
    assert (first.replica != other.replica).any()


def test_a_run_that_is_given_up_leaves_the_rest_unfinished() -> None:
    run = simulate(drawn(400, 20.0), alike(2), LEAST, Conditions(give_up_s=10.0))
    assert run.end_s == 10.0
    assert 0 < (run.state == UNFINISHED).sum() < 400
    assert (run.end[run.state == SERVED] < 10.0).all()
    assert (run.busy_s <= 10.0 + 1e-9).all()


def test_a_queue_that_grows_without_end_ends_the_run_as_unstable() -> None:
    fleet = alike(1, max_seqs=4)
    run = simulate(drawn(5000, 50.0), fleet, LEAST, Conditions(unstable_growth=0.1))
    assert run.unstable
    assert run.end_s < 60.0
    assert not simulate(drawn(300, 0.5), fleet, LEAST, Conditions(unstable_growth=0.1)).unstable


def test_closed_loops_go_on_after_a_turn_is_refused_or_shed() -> None:
    rows = drawn(6, 10.0, prompt=50, output=50)
    sizes = np.array([40, 5000, 40, 40, 40, 40], np.int32)
    after = np.array([np.nan, 1.0, 1.0, 1.0, 1.0, 1.0])
    arrivals = replace(rows, prompt_tokens=sizes, session=np.zeros(6, np.int32), after_s=after)
    run = simulate(arrivals, alike(1, kv_tokens=960), LEAST)
    assert run.state.tolist() == [SERVED, REFUSED, SERVED, SERVED, SERVED, SERVED]
    assert run.at[2] == run.at[1] + 1.0
    assert run.at[3] == run.end[2] + 1.0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"fleet": []}, "the fleet has no replicas"),
        ({"fleet": alike(2) + alike(1)}, "2 replicas are named 'r0'"),
        ({"fleet": alike(1, max_seqs=512, chunk_tokens=256)}, "max_seqs 512 above chunk_tokens 256"),
        ({"models": ("other",)}, "arrival 0 asks for model 'other'"),
        ({"prompt_tokens": [5, 0, 5]}, "arrival 1 has prompt_tokens 0"),
        ({"output_tokens": [5, 5, -1]}, "arrival 2 has output_tokens -1"),
        ({"at": [0.0, np.nan, 1.0]}, "arrival 1 has at nan"),
        ({"after_s": [np.nan, -1.0, 1.0]}, "arrival 1 has after_s -1"),
        ({"given": Conditions(queue_s=-1.0)}, "queue_s is -1"),
        ({"given": Conditions(staleness_s=np.nan)}, "staleness_s is nan"),
        ({"given": Conditions(disk_tokens=100)}, "disk_tokens without host_tokens"),
        ({"given": Conditions(outages=(Outage(replica=3, at=0.0),))}, "outage of replica 3"),
        ({"given": Conditions(read_bytes_per_s=0.0)}, "read_bytes_per_s is 0"),
    ],
)
def test_what_cannot_be_simulated_is_said_in_one_sentence(change: dict[str, object], reason: str) -> None:
    fleet, given_ = change.pop("fleet", alike(1)), change.pop("given", Conditions())
    columns = {name: np.array(value) for name, value in change.items() if name != "models"}
    if "models" in change:
        columns["model"] = np.zeros(3, np.int32)
    arrivals = replace(drawn(3, 1.0), **columns, models=change.get("models", ()))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=reason) as caught:
        simulate(arrivals, fleet, LEAST, given_)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_no_arrivals_are_nothing_to_simulate() -> None:
    with pytest.raises(ValueError, match="no arrivals"):
        simulate(Arrivals.of([]), alike(1), LEAST)


def test_a_replica_that_is_never_used_draws_idle_power() -> None:
    fleet = [replica("a"), replica("b", model="other")]
    run = simulate(drawn(20, 5.0), fleet, LEAST)
    assert run.requests.tolist() == [20, 0]
    assert run.joules[1] == pytest.approx(run.end_s * fleet[1].perf.idle_w)


def test_the_memory_of_a_run_is_free_as_soon_as_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[ref[Memory]] = []

    class Watched(Memory):
        def __init__(self) -> None:
            super().__init__()
            kept.append(ref(self))

    monkeypatch.setattr(simulate_module, "Memory", Watched)
    gc.disable()
    try:
        runs = [simulate(drawn(20, 5.0), alike(1), lambda *_: 0, Conditions(sample_s=1.0)) for _ in range(3)]
    finally:
        gc.enable()
    assert len(runs) == len(kept) == 3
    assert not any(memory() for memory in kept)
