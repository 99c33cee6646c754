"""Closed-form runs of steps."""

from hypothesis import given
from hypothesis import strategies as st

from sims.replica.phase import Phase

phases = st.builds(
    Phase, st.floats(0, 1e6), st.integers(1, 100_000), st.floats(1e-4, 1.0), st.floats(0, 1e-3) | st.just(0.0)
)


@given(phases, st.integers(0, 100_000))
def test_at_its_own_boundary_a_step_is_done_and_just_before_it_is_not(phase: Phase, step: int) -> None:
    step = min(step, phase.steps)
    assert phase.done(phase.at(step)) == step
    assert step == 0 or phase.done(phase.at(step) - phase.first_s / 2) == step - 1


@given(phases, st.floats(0, 1.0))
def test_the_rest_of_a_phase_ends_when_the_phase_does(phase: Phase, share: float) -> None:
    rest = phase.after(int(phase.steps * share))
    assert abs(rest.end - phase.end) <= 1e-9 * phase.end
