"""Why requests of a load failed, in a line each."""

from cli.load import REASONS, failures
from sims.load.record import Record


def record(status: int = 200, error: str = "") -> Record:
    return Record(
        request_id="r", session="", model="m", scheduled_s=0.0, sent_s=0.0, last_token_s=1.0, status=status, error=error
    )


def test_a_load_in_which_all_went_well_has_nothing_to_say() -> None:
    assert failures([record(), record()]) == []


def test_the_commonest_reason_comes_first_with_its_count_and_status() -> None:
    records = [record(503, "busy"), record(404, "no model 'x'"), record(404, "no model 'x'"), record(0, "reset")]
    assert failures(records) == ["2 × HTTP 404: no model 'x'", "1 × HTTP 503: busy", "1 × reset"]


def test_only_so_many_reasons_are_told_apart() -> None:
    told = failures([record(500, str(i)) for i in range(REASONS + 3)])
    assert len(told) == REASONS + 1
    assert told[-1] == "... and 3 other reasons"
