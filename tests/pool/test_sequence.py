"""What a frame's number means."""

from hypothesis import given
from hypothesis import strategies as st

from pool.sequence import Cursor, Verdict


def test_the_first_frame_of_all_comes_next() -> None:
    assert Cursor().judge(0, 1.0) is Verdict.NEXT


def test_to_join_in_the_middle_is_a_gap_from_the_beginning() -> None:
    cursor = Cursor()
    assert (cursor.judge(7, 1.0), cursor.wanted) == (Verdict.GAP, 0)


def test_what_a_replay_has_brought_is_seen() -> None:
    assert Cursor(last=9, at=10.0).judge(5, 6.0) is Verdict.SEEN


def test_a_number_that_the_live_stream_has_passed_is_a_reset() -> None:
    assert Cursor(last=9, at=10.0, live=9).judge(0, 6.0) is Verdict.RESET


def test_a_low_number_with_a_late_clock_is_a_reset() -> None:
    assert Cursor(last=9, at=10.0).judge(0, 11.0) is Verdict.RESET


@given(st.integers(1, 60), st.sets(st.integers(0, 59)), st.integers(0, 60))
def test_no_loss_goes_unnoticed_and_none_is_imagined(sent: int, lost: set[int], replayed: int) -> None:
    cursor, applied = Cursor(last=replayed - 1, at=float(replayed)), list(range(replayed))
    for sequence in (s for s in range(sent) if s not in lost):
        verdict = cursor.judge(sequence, float(sequence + 1))
        cursor.heard(sequence)
        assert verdict is not Verdict.RESET
        if verdict is Verdict.GAP:
            applied += range(cursor.wanted, sequence)
        if verdict is not Verdict.SEEN:
            applied.append(sequence)
            cursor.advance(sequence, float(sequence + 1))
    assert applied == list(range(len(applied)))
