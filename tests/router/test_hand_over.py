"""A request on two replicas as a router counts it: the prompt's leg, the hand-over, the answer's leg."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.decision import Outcome
from policies.fleet import KV_USED, RUNNING, TRANSFER_S, Fleet
from router.core import Core, Placement
from router.links import Links
from router.metrics import Metrics
from router.order import Order
from router.settings import Settings
from router.view import Load, View
from tests.policies.replicas import ROUND, replica

PREFILL, DECODE, OTHER = "p", "d", "e"


def a_core(*roles: tuple[str, str]) -> Core:
    core = Core(Settings(policy="shortest_ttft"), Metrics())
    for name, role in roles:
        core.view.set_ready(core.join(replica(name, role=role)), True)
    return core


def apart() -> Core:
    return a_core((PREFILL, "prefill"), (DECODE, "decode"), (OTHER, "decode"))


def placed(core: Core, name: str = "r") -> Placement:
    found = core.place(Order(name, "m", b"", prompt_tokens=1000), 0.0)
    assert isinstance(found, Placement)
    return found


def state(view: View, row: int) -> list[float]:
    columns = view.fleet.columns
    return [float(one[row]) for one in (columns.running, columns.waiting, columns.queued_tokens, columns.kv_used)]


def ended(core: Core) -> bool:
    return not core.fleet.table[:, RUNNING : KV_USED + 1].any()


def test_a_placement_on_a_prefill_replica_names_who_is_to_decode() -> None:
    found = placed(apart())
    assert found.row == 0
    assert found.decode in (1, 2)


def test_a_placement_on_a_mixed_replica_stays_there() -> None:
    found = placed(a_core(("m", "mixed")))
    assert (found.row, found.decode) == (0, 0)


def test_what_is_predicted_of_two_replicas_holds_the_transfer() -> None:
    slow = replace(ROUND, transfer_bytes_per_s=1e6)
    fast, slowly = apart(), a_core()
    for name, role in ((PREFILL, "prefill"), (DECODE, "decode")):
        slowly.view.set_ready(slowly.join(replica(name, role=role, perf=slow)), True)
    assert placed(slowly).ttft_s - placed(fast).ttft_s == pytest.approx(1000 * (1000 / 1e6 - 1000 / 2e8), rel=1e-3)


def test_the_decode_replica_is_chosen_anew_when_the_prompt_is_computed() -> None:
    core = apart()
    found = placed(core)
    for _ in range(5):
        core.view.send(Load(found.decode, 100.0, 5000.0, 20_000.0))
    assert core.decoder(found, 1.0) == ({1, 2} - {found.decode}).pop()


def test_a_decode_replica_that_just_failed_it_is_left_out() -> None:
    core = apart()
    found = placed(core)
    first = core.decoder(found, 1.0)
    assert core.decoder(found, 1.0, frozenset({first})) == ({1, 2} - {first}).pop()
    assert core.decoder(found, 1.0, frozenset({1, 2})) == -1
    assert core.decoder(found, 1.0) == first


def test_another_placement_in_between_changes_nothing_of_the_choice() -> None:
    core = apart()
    found = placed(core)
    before = core.decoder(found, 1.0)
    core.end(placed(core, "another"), Outcome(True, 0.1, 0.01, 1.0, 0, 0, -1))
    assert core.decoder(found, 1.0) == before


def test_the_load_leaves_one_replica_and_enters_the_other() -> None:
    core = apart()
    found = placed(core)
    assert state(core.view, 0) == [0.0, 1.0, 1000.0, 1100.0]
    core.hand_over(found, 2)
    assert state(core.view, 0) == [0.0] * 4
    assert state(core.view, 2) == [1.0, 0.0, 0.0, 1100.0]
    assert found.decode == 2
    core.first_token(found, 1.0)
    assert state(core.view, 2) == [1.0, 0.0, 0.0, 1100.0]
    core.end(found, Outcome(True, 0.1, 0.01, 1.0, 1000, 10, 0))
    assert ended(core)


def test_the_first_token_is_counted_once_though_it_runs_since_the_hand_over() -> None:
    core = apart()
    found = placed(core)
    core.hand_over(found, 1)
    core.first_token(found, 1.0)
    core.first_token(found, 2.0)
    assert found.first_seen
    assert sum(core.metrics.series("m", found.replica.pool).ttft.counts) == 1


def test_a_request_may_be_handed_over_again_when_its_decode_replica_fails() -> None:
    core = apart()
    found = placed(core)
    core.hand_over(found, 1)
    core.hand_over(found, 2)
    assert state(core.view, 1) == [0.0] * 4
    core.view.end(found.load)
    assert ended(core)


def test_what_has_ended_is_not_handed_over() -> None:
    core = apart()
    found = placed(core)
    core.view.end(found.load)
    core.view.hand_over(found.load, 1)
    assert ended(core)


def test_a_replica_that_left_in_between_owes_nothing() -> None:
    core = apart()
    found = placed(core)
    core.leave(PREFILL)
    core.view.set_ready(core.join(replica("new", role="prefill")), True)
    core.hand_over(found, 1)
    assert state(core.view, 0) == [0.0] * 4
    core.view.end(found.load)
    assert ended(core)


def test_without_anybody_to_decode_the_prompt_is_held() -> None:
    core = a_core((PREFILL, "prefill"))
    assert not isinstance(core.place(Order("r", "m", b"", prompt_tokens=1000), 0.0), Placement)


def test_a_measured_link_counts_in_the_next_decision_and_outlives_new_facts() -> None:
    core = apart()
    found = placed(core)
    core.hand_over(found, 1)
    before = core.fleet.table[:2, TRANSFER_S].copy()
    for _ in range(40):
        core.transferred(found, 2.0)
    assert core.fleet.table[:2, TRANSFER_S].tolist() == pytest.approx([0.002] * 2, rel=0.06)
    assert (core.fleet.table[:2, TRANSFER_S] > before).all()
    core.join(replica(DECODE, role="decode"))
    assert core.fleet.table[1, TRANSFER_S] == pytest.approx(0.002, rel=0.06)
    assert core.decoder(found, 3.0) == 2
    core.leave(DECODE)
    core.join(replica("new", role="decode"))
    assert core.fleet.table[1, TRANSFER_S] == before[1]


@given(st.floats(1e-9, 1.0), st.integers(0, 63))
def test_a_few_tokens_say_nothing_of_a_link(seconds: float, tokens: int) -> None:
    fleet, links = Fleet(), Links()
    fleet.add(replica())
    before = fleet.table.copy()
    links.measured(fleet.table, 0, float(tokens), seconds)
    assert (fleet.table == before).all()


steps = st.lists(
    st.tuples(st.sampled_from(("send", "start", "over", "end", "leave", "join")), st.integers(0, 99)), max_size=60
)


@given(steps)
def test_whatever_is_handed_over_nothing_is_left_when_all_has_ended(steps: list[tuple[str, int]]) -> None:
    view, loads, names = View(Fleet(capacity=1)), list[Load](), ["a", "b", "c"]
    for name in names:
        view.join(replica(name))
    for what, n in steps:
        here, load = list(view.fleet.rows.values()), loads[n % len(loads)] if loads else None
        if what == "send" and here:
            loads.append(Load(here[n % len(here)], 1.0 + n, 2.0 + n, 3.0 + n))
            view.send(loads[-1])
        elif what == "leave" and names[n % 3] in view.fleet.rows:
            view.leave(names[n % 3])
        elif what == "join":
            view.join(replica(names[n % 3]))
        elif load is not None:
            _advance(view, load, what, here, n)
        assert (view.fleet.table[:, RUNNING : KV_USED + 1] > -1e-6).all()
    for load in loads:
        if not load.over:
            view.end(load)
    assert (abs(view.fleet.table[:, RUNNING : KV_USED + 1]) < 1e-6).all()


def _advance(view: View, load: Load, what: str, here: list[int], n: int) -> None:
    if what == "over" and here:
        view.hand_over(load, here[n % len(here)])
    elif what == "start" and not load.started:
        view.start(load)
    elif what == "end" and not load.over:
        view.end(load)
