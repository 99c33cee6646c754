"""Workloads of sessions: rounds of questions, and agents."""

from collections.abc import Iterable
from itertools import islice, pairwise

import numpy as np
import pytest

from policies.registry import BadSetting
from sims.arrival import Arrival
from sims.workloads.agent_sessions import AgentSessions
from sims.workloads.drawing.growing import Growing, Shared
from sims.workloads.multi_round import MultiRound

SMALL = MultiRound(users=4, rounds=3, rate_rps=2.0, system_tokens=32, history_tokens=64, ramp=False, even=True)


def by_session(arrivals: Iterable[Arrival]) -> dict[str, list[Arrival]]:
    found: dict[str, list[Arrival]] = {}
    for a in arrivals:
        found.setdefault(a.session, []).append(a)
    return found


def test_users_take_turns_a_gap_apart() -> None:
    stream = list(islice(SMALL.arrivals(1), 12))
    assert [a.at for a in stream] == pytest.approx([0.5 * i for i in range(12)])
    assert [a.session for a in stream[:4]] == [a.session for a in stream[4:8]] == [a.session for a in stream[8:]]


def test_who_asked_every_round_makes_room_for_the_next() -> None:
    sessions = by_session(islice(SMALL.arrivals(1), 24))
    assert len(sessions) == 8
    assert all([a.turn for a in turns] == [0, 1, 2] for turns in sessions.values())


def test_a_question_is_not_asked_before_the_last_answer() -> None:
    pauses = [a.after_s for a in islice(SMALL.arrivals(1), 12)]
    assert pauses == [None] * 4 + [0.0] * 8


def test_a_prompt_is_everything_said_so_far() -> None:
    for turns in by_session(islice(SMALL.arrivals(1), 12)).values():
        assert [a.prompt_tokens for a in turns] == [32 + 64 + 20 + t * 120 for t in range(3)]
        for before, after in pairwise(turns):
            whole = before.prompt_tokens // 16
            assert after.blocks[:whole] == before.blocks[:whole]
            assert after.blocks[whole] not in before.blocks


def test_everybody_shares_the_system_prompt_and_nothing_else() -> None:
    prompts = [set(turns[-1].blocks) for turns in by_session(islice(SMALL.arrivals(1), 12)).values()]
    assert set.intersection(*prompts) == {0, 1}
    assert all(a & b == {0, 1} for i, a in enumerate(prompts) for b in prompts[:i])


def test_the_first_users_are_met_in_the_middle_of_their_sessions() -> None:
    met = list(islice(MultiRound(users=50, rounds=10).arrivals(1), 50))
    asked = sorted((a.prompt_tokens - 21_020) // 120 for a in met)
    assert np.bincount(asked).tolist() == [5] * 10
    assert {a.turn for a in met} == {0}


def test_the_rate_is_the_asked_one_from_the_start() -> None:
    at = MultiRound(rate_rps=4.0, users=100, history_tokens=0).columns(1, count=2000).at
    assert len(at[at < 100.0]) == pytest.approx(400, abs=5)
    assert 2000 / at[-1] == pytest.approx(4.0, rel=0.02)


@pytest.mark.parametrize("settings", [{"users": 0}, {"rounds": 0}, {"rate_rps": 0.0}, {"history_tokens": -1}])
def test_rounds_that_make_no_sense_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(BadSetting):
        MultiRound(**settings)  # type: ignore[arg-type]


def agents(count: int = 3000, **settings: float) -> dict[str, list[Arrival]]:
    """Whole sessions of agents."""
    found = by_session(islice(AgentSessions(**settings).arrivals(1), count))  # type: ignore[arg-type]
    found.popitem()
    return found


def test_an_agents_turn_adds_the_answer_and_new_tokens() -> None:
    for turns in agents(1000).values():
        for before, after in pairwise(turns):
            assert after.prompt_tokens >= before.prompt_tokens + before.output_tokens + 1
            assert after.after_s is not None
            assert after.at == before.at


def test_agents_share_a_system_prompt_and_groups_their_own_part() -> None:
    sessions = agents(2000, groups=4)
    system, group = 32_000 // 64, 42_000 // 64
    assert len({turns[0].blocks[:system] for turns in sessions.values()}) == 1
    assert len({turns[0].blocks[:group] for turns in sessions.values()}) == 4


def test_the_first_groups_are_used_most() -> None:
    group = 42_000 // 64
    heads = [turns[0].blocks[group - 1] for turns in agents(6000, groups=3, zipf=2.0).values()]
    used = np.sort(np.unique(heads, return_counts=True)[1])[::-1] / len(heads)
    assert used == pytest.approx([36 / 49, 9 / 49, 4 / 49], abs=0.07)


def test_a_context_is_never_over_its_limit() -> None:
    longest = max(a.prompt_tokens for turns in agents(3000, most_tokens=60_000).values() for a in turns)
    assert 55_000 < longest <= 60_000


def test_answers_and_pauses_have_the_published_medians() -> None:
    turns = [a for session in agents(8000).values() for a in session]
    pauses = [a.after_s for a in turns if a.after_s is not None]
    assert np.median([a.output_tokens for a in turns]) == pytest.approx(800, rel=0.05)
    assert np.mean(np.array(pauses) < 2.0) == pytest.approx(0.7 * 0.5 + 0.3 * 0.0435, abs=0.02)


def test_sessions_can_have_a_number_of_turns() -> None:
    counts = [len(turns) for turns in agents(4000, turns_median=6.0, turns_sigma=0.0).values()]
    assert np.mean(np.array(counts) == 6) > 0.9
    assert max(counts) == 6


def test_the_chance_of_an_end_grows_with_the_context() -> None:
    never = agents(2000, reset=0.0)
    assert all(turns[-1].prompt_tokens > 100_000 for turns in never.values())
    assert all(len(turns) == 1 for turns in agents(200, reset=1.0).values())


@pytest.mark.parametrize(
    "settings", [{"rate_rps": 0.0}, {"agentic": 2.0}, {"new_median": 0.0}, {"most_tokens": 100}, {"block_tokens": 0}]
)
def test_agents_that_make_no_sense_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(BadSetting):
        AgentSessions(**settings)  # type: ignore[arg-type]


def test_a_partial_block_is_never_found_again() -> None:
    prompt = Growing(Shared(16, 0), (), 20)
    first = prompt.blocks()
    prompt.grow(12)
    second = prompt.blocks()
    assert (len(first), len(second)) == (2, 2)
    assert (first[0], first[1]) == (second[0], first[1])
    assert first[1] != second[1]
