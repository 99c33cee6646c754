"""Requests for LoRA adapters: served by those replicas of their base that have them."""

from hypothesis import given
from hypothesis import strategies as st

from policies.decision import Queue, Refusal, Shed
from policies.fleet import Fleet
from router.adapters import Adapters
from router.core import Core, Placement
from router.intake import apply
from router.order import Order
from router.settings import Settings
from tests.router.routers import core_of, described, load, update
from weir.v1 import fleet_pb2

SETTINGS = Settings(policy="least_loaded")


def three(**facts: object) -> Core:
    """Three replicas of m; the last two have the adapter."""
    told = [described(name, "h:1", adapters=["ad1"] if name != "a" else [], **facts) for name in ("a", "b", "c")]
    return core_of(SETTINGS, *told)


def goes(core: Core, model: str, request: str = "q", avoid: frozenset[int] = frozenset()) -> str:
    """Where a request goes, or why it goes nowhere."""
    placed = core.place(Order(request, model, b"{}"), 0.0, avoid)
    if isinstance(placed, Placement):
        return placed.replica.name
    return placed.reason.value if isinstance(placed, Shed) else placed.why


def test_an_adapters_requests_go_only_where_it_is_loaded() -> None:
    core = three()
    assert {goes(core, "ad1", f"q{i}") for i in range(12)} == {"b", "c"}
    assert {goes(core, "m", f"q{i}") for i in range(40)} == {"a", "b", "c"}


def test_a_retry_that_has_nowhere_else_to_go_still_stays_with_the_adapter() -> None:
    core = three()
    rows = core.fleet.rows
    assert goes(core, "ad1", avoid=frozenset([rows["b"]])) == "c"
    assert goes(core, "ad1", avoid=frozenset([rows["b"], rows["c"]])) in {"b", "c"}


def test_while_nobody_who_has_it_is_ready_it_waits_though_others_are() -> None:
    core = three()
    for name in ("b", "c"):
        core.view.set_ready(core.fleet.rows[name], False)
    assert isinstance(core.place(Order("q", "ad1", b"{}"), 0.0), Queue)
    assert goes(core, "m") == "a"


def test_hidden_replicas_are_seen_again_after_the_decision() -> None:
    core = three()
    ready = core.fleet.columns.ready.copy()
    goes(core, "ad1")
    assert (core.fleet.columns.ready == ready).all()


def test_an_adapter_that_is_loaded_later_is_served_from_then_on() -> None:
    core = three()
    assert goes(core, "ad2") == Refusal.UNKNOWN_MODEL.value
    apply(core, fleet_pb2.FleetUpdate(replicas=[described("a", "h:1", adapters=["ad2"])]))
    assert goes(core, "ad2") == "a"


def test_an_adapter_that_nobody_has_any_more_is_unknown() -> None:
    core = three()
    apply(core, fleet_pb2.FleetUpdate(replicas=[described("b", "h:1")], removed=["c"]))
    assert goes(core, "ad1") == Refusal.UNKNOWN_MODEL.value
    assert goes(core, "m", "q1") in {"a", "b"}


def test_a_new_replica_in_a_freed_row_does_not_inherit_adapters() -> None:
    core = three()
    apply(core, fleet_pb2.FleetUpdate(removed=["b", "c"]))
    apply(core, update(described("d", "h:4")))
    assert goes(core, "ad1") == Refusal.UNKNOWN_MODEL.value


def test_an_adapter_that_is_called_like_a_model_leaves_the_model_alone() -> None:
    core = core_of(SETTINGS, described("a", "h:1"), described("b", "h:2", model="n", adapters=["m", "n"]))
    assert goes(core, "m") == "a"
    apply(core, fleet_pb2.FleetUpdate(replicas=[described("b", "h:2", model="n")]))
    assert (goes(core, "m"), goes(core, "n")) == ("a", "b")


def test_load_is_counted_once_whatever_the_name() -> None:
    core = three()
    placed = core.place(Order("q", "ad1", b"{}"), 0.0)
    assert isinstance(placed, Placement)
    assert sum(load(core)) > 0.0
    core.view.end(placed.load)
    assert sum(load(core)) == 0.0


names = st.lists(st.sampled_from(["x", "y", "z"]), max_size=3, unique=True)


@given(st.lists(st.tuples(st.integers(0, 3), names), max_size=20))
def test_who_lacks_an_adapter_is_whoever_did_not_last_name_it(told: list[tuple[int, list[str]]]) -> None:
    fleet, last = Fleet(), dict[int, list[str]]()
    fleet.rows.update({str(row): row for row in range(4)})
    adapters = Adapters(fleet)
    for row, served in told:
        before = set().union(*last.values()) if last else set()
        gone = adapters.tell(row, served)
        last[row] = served
        now = set().union(*last.values())
        assert set(gone) == before - now
        for name in ("x", "y", "z"):
            assert (name in adapters) == (name in now)
            assert adapters.lacking(name) == {row for row in range(4) if name not in last.get(row, [])}
