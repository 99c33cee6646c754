import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.fleet import BOUND_TOKENS, KEY, STATE, WIDTH, Columns, Fleet
from policies.request import hash31
from tests.policies.replicas import ROUND, fleet_of, replica


def test_a_replica_enters_idle_and_not_ready_with_its_coefficients() -> None:
    fleet = fleet_of(replica("a"), ready=False)
    columns = fleet.columns
    assert [float(getattr(columns, name)[0]) for name in STATE] == [0.0] * len(STATE)
    assert columns.token_s[0] == ROUND.token_s
    assert columns.kv_tokens[0] == 100_000
    assert columns.usd_per_s[0] == pytest.approx(1.0)
    assert columns.host_load_s[0] == pytest.approx(1e-6)
    assert columns.disk_load_s[0] == pytest.approx(1e-6 + 1000.0 / ROUND.disk_bytes_per_s)
    assert columns.remote_load_s[0] == pytest.approx(5e-6)
    assert columns.key[0] == hash31("a")


def test_columns_are_views_of_the_one_table() -> None:
    fleet = fleet_of(replica("a"), replica("b"))
    fleet.columns.running[1] = 7.0
    assert fleet.table[1, Columns._fields.index("running")] == 7.0
    assert fleet.table.shape == (2, WIDTH)
    assert len(Columns._fields) - 1 == BOUND_TOKENS < WIDTH


def test_the_scalars_are_the_tables_memory() -> None:
    fleet = fleet_of(replica("a"), replica("b"))
    width = WIDTH
    fleet.scalars()[width + KEY] = 5.0
    assert fleet.columns.key[1] == 5.0


def test_adding_a_replica_touches_its_row_alone() -> None:
    fleet = fleet_of(replica("a"), replica("b"))
    fleet.columns.running[:] = 3.0
    before = fleet.table.copy()
    fleet.add(replica("c"))
    assert np.array_equal(before, fleet.table[:2])


def test_removing_a_replica_clears_its_row_alone_and_leaves_the_others_in_place() -> None:
    fleet = fleet_of(replica("a"), replica("b"), replica("c"))
    before = fleet.table.copy()
    assert fleet.remove("b") == 1
    assert np.array_equal(fleet.table[[0, 2]], before[[0, 2]])
    assert not fleet.table[1].any()
    assert fleet.rows == {"a": 0, "c": 2}
    assert fleet.replicas[1] is None
    assert len(fleet) == 3


def test_a_freed_row_is_used_again() -> None:
    fleet = fleet_of(replica("a"), replica("b"))
    fleet.remove("a")
    assert fleet.add(replica("c")) == 0


def test_a_known_name_keeps_its_row_and_takes_the_new_facts() -> None:
    fleet = fleet_of(replica("a"), replica("b"))
    assert fleet.add(replica("a", address="h:2", role="prefill")) == 0
    known = fleet.replicas[0]
    assert known is not None
    assert known.address == "h:2"
    assert fleet.columns.role[0] == 1.0
    assert len(fleet) == 2


def test_removing_an_unknown_replica_is_an_error() -> None:
    with pytest.raises(KeyError):
        Fleet().remove("nobody")


def test_models_and_pools_are_numbered_as_they_come_and_keep_their_numbers() -> None:
    fleet = fleet_of(replica("a", model="m1", pool="p1"), replica("b", model="m2", pool="p1"))
    fleet.remove("a")
    fleet.add(replica("c", model="m1", pool="p2"))
    assert (fleet.model("m1"), fleet.model("m2"), fleet.model("m3")) == (0, 1, -1)
    assert fleet.columns.pool.tolist() == [1.0, 0.0]


def test_the_version_rises_when_somebody_joins_or_leaves() -> None:
    fleet, versions = Fleet(), [0]
    fleet.add(replica("a"))
    versions.append(fleet.version)
    fleet.remove("a")
    versions.append(fleet.version)
    assert versions == sorted(set(versions))


def test_a_fleet_grows_beyond_its_first_capacity_and_keeps_what_it_knows() -> None:
    fleet = Fleet(capacity=2)
    for i in range(9):
        row = fleet.add(replica(f"r{i}"))
        fleet.columns.running[row] = float(i)
    assert fleet.columns.running.tolist() == [float(i) for i in range(9)]
    assert [fleet.rows[f"r{i}"] for i in range(9)] == list(range(9))


def test_an_unknown_role_is_an_error() -> None:
    with pytest.raises(KeyError):
        fleet_of(replica("a", role="dancer"))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=60))
def test_a_row_belongs_to_one_replica_from_its_coming_to_its_going(steps: list[tuple[bool, int]]) -> None:
    fleet, rows = Fleet(capacity=1), dict[str, int]()
    for joins, number in steps:
        name = f"r{number}"
        if joins:
            row = fleet.add(replica(name))
            assert rows.setdefault(name, row) == row
        elif name in rows:
            assert fleet.remove(name) == rows.pop(name)
        assert fleet.rows == rows
        assert len(set(rows.values())) == len(rows)
        assert all(fleet.columns.key[row] == hash31(name) for name, row in rows.items())
