import numpy as np
import pytest

from policies.fleet import Columns, Fleet
from sims.replay.ledger import Ledger, Load, Prior
from sims.replay.prompts import scrambled
from tests.sims.replay.fleets import replica


def state(fleet: Fleet) -> list[float]:
    columns: Columns = fleet.columns
    return [
        float(column[0])
        for column in (
            columns.running, columns.waiting, columns.queued_tokens, columns.queued_attended, columns.context_tokens,
            columns.kv_used,
        )
    ]  # fmt: skip


def test_a_request_is_counted_as_waiting_then_running_then_not_at_all() -> None:
    fleet = Fleet()
    ledger, load = Ledger(fleet), Load(fleet.add(replica("a")), 100.0, 40.0, 200.0)
    ledger.send(load)
    assert state(fleet) == [0.0, 1.0, 60.0, 60.0 * 70.0, 0.0, 200.0]
    ledger.start(load)
    assert state(fleet) == [1.0, 0.0, 0.0, 0.0, 200.0, 200.0]
    ledger.end(load)
    assert state(fleet) == [0.0] * 6


def test_the_expected_output_moves_towards_what_is_seen_for_each_model_alone() -> None:
    prior = Prior()
    prior.learn("a", 300)
    assert prior.expected("a") == pytest.approx(201.0)
    assert prior.expected("b") == 200.0


def test_block_ids_become_different_hashes_that_the_index_takes() -> None:
    hashes = scrambled(np.arange(10_000, dtype=np.uint64))
    assert len(set(hashes.tolist())) == 10_000
    assert int(hashes.min()) >= 2
