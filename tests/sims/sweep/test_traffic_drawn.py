"""What is sent: windows, rates, models, generators."""

import numpy as np
import pytest

from policies.registry import UnknownName
from sims.arrivals import NONE
from sims.sweep.traffic import Generated, Recorded, any_model, paced, served_by, window
from tests.sims.sweep.studies import nameless, trace


def test_a_trace_of_one_seed_is_as_it_was_recorded() -> None:
    rows = trace()
    assert Recorded(name="t", arrivals=rows, again=False).drawn(7) is rows
    assert "as it was recorded" in Recorded(name="t", arrivals=rows, again=False).varies


def test_a_trace_of_several_seeds_is_drawn_again_and_says_so() -> None:
    recorded = Recorded(name="t", arrivals=trace(), again=True)
    assert recorded.drawn(1).at.tolist() != recorded.drawn(2).at.tolist()
    assert "sessions drawn anew" in recorded.varies


def test_a_generator_draws_another_stream_for_each_seed() -> None:
    drawn = Generated(workload="azure_conversation", requests=50)
    assert drawn.name == "workload:azure_conversation"
    assert len(drawn.drawn(0)) == 50
    assert drawn.drawn(0).at.tolist() == drawn.drawn(0).at.tolist() != drawn.drawn(1).at.tolist()


def test_a_generator_ends_where_it_is_told() -> None:
    assert Generated(workload="azure_conversation", requests=10_000, span_s=10.0).drawn(0).at[-1] < 10.0


def test_an_unknown_workload_lists_the_known() -> None:
    with pytest.raises(UnknownName, match="azure_conversation"):
        Generated(workload="azure_conversatin", requests=1).drawn(0)


def test_a_window_counts_from_its_start() -> None:
    rows = nameless()
    part = window(rows, 2.0, 4.0)
    assert part.at.tolist() == pytest.approx([at - 2.0 for at in rows.at if 2.0 <= at < 4.0])


def test_a_window_of_nothing_says_where_the_last_one_is() -> None:
    with pytest.raises(ValueError, match="the last one comes at"):
        window(nameless(), 1e6, 2e6)


def test_pacing_sets_the_rate_and_starts_at_nought() -> None:
    quick = paced(trace(), 100.0)
    assert quick.rate_rps == pytest.approx(100.0)
    assert quick.at[0] == 0.0


@pytest.mark.parametrize("rate", [0.0, -1.0, float("inf"), float("nan")])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="give one above 0"):
        paced(trace(), rate)


def test_requests_all_at_once_have_no_rate() -> None:
    rows = nameless()
    with pytest.raises(ValueError, match="all requests come at once"):
        paced(window(rows, rows.at[0], np.nextafter(rows.at[0], np.inf)), 1.0)


def test_sessions_are_spread_over_models_by_share_and_stay_whole() -> None:
    spread = served_by(trace(count=3000), {"a": 3.0, "b": 1.0}, seed=0)
    assert spread.models == ("a", "b")
    assert np.mean(spread.model == 0) == pytest.approx(0.75, abs=0.06)
    for session in range(20):
        assert len(set(spread.model[spread.session == session].tolist())) == 1


def test_one_model_needs_no_names() -> None:
    assert any_model(served_by(trace(), {"a": 1.0}, 0)).models == ()
    assert (any_model(trace()).model == NONE).all()
