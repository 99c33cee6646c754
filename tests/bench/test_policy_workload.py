from dataclasses import replace
from pathlib import Path

import pytest

from bench.policies.workload import AGENTS, CHAT, KEPT, SEEDS, WINDOW, drawn_again, named, paced, seeded, together
from sims.arrival import Arrival

RATES = {"big": 1.0, "small": 3.0}
TRACE = [Arrival(at=float(i), prompt_tokens=10 + i % 7, output_tokens=5, session=f"s{i // 3}") for i in range(1200)]


def test_a_seed_has_the_rate_that_was_asked_for() -> None:
    arrivals = seeded(CHAT, TRACE, 0, RATES)
    assert len(arrivals) / arrivals[-1].at == pytest.approx(4.0)


def test_a_session_stays_on_one_model_and_models_get_their_shares() -> None:
    arrivals = seeded(CHAT, TRACE, 1, RATES)
    models = {arrival.session: arrival.model for arrival in arrivals}
    assert all(models[arrival.session] == arrival.model for arrival in arrivals)
    share = sum(arrival.model == "small" for arrival in arrivals) / len(arrivals)
    assert share == pytest.approx(0.75, abs=0.08)


def test_every_seed_is_another_part_of_the_trace_and_always_the_same() -> None:
    drawn = [tuple(a.session for a in seeded(CHAT, TRACE, seed, RATES)) for seed in range(SEEDS)]
    assert len(set(drawn)) == SEEDS
    assert drawn[3] == tuple(a.session for a in seeded(CHAT, TRACE, 3, RATES))
    assert len(drawn[0]) == pytest.approx(len(TRACE) * WINDOW * KEPT, rel=0.1)


def test_times_keep_their_order_and_start_at_nought() -> None:
    times = [arrival.at for arrival in paced(TRACE, 10.0)]
    assert times == sorted(times)
    assert times[0] == 0.0


def test_a_session_is_the_first_block_that_is_not_everybodys() -> None:
    blocks = [(0, 100 + i // 2, 500 + i) for i in range(100)]
    found = named([Arrival(at=0.0, prompt_tokens=9, output_tokens=1, blocks=each, block_tokens=3) for each in blocks])
    assert [a.session for a in found[:4]] == ["block 100", "block 100", "block 101", "block 101"]


def test_a_request_of_common_blocks_alone_has_no_session() -> None:
    common = Arrival(at=0.0, prompt_tokens=3, output_tokens=1, blocks=(0,), block_tokens=3)
    assert {a.session for a in named([common] * 40)} == {""}
    assert named([replace(common, session="own")] * 40)[0].session == "own"


def test_a_missing_trace_is_one_sentence_that_names_the_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"azure_llm_2023 has no conv\*\.csv\*: name a folder"):
        CHAT.paths(tmp_path)


SESSION = [
    Arrival(
        at=0.0, prompt_tokens=8, output_tokens=1, session=f"s{s}", turn=turn, blocks=(0, 1 + 2 * s + turn),
        block_tokens=4, after_s=1.0 if turn else None,
    )
    for s in range(3)
    for turn in range(2)
]  # fmt: skip


def test_sessions_drawn_again_are_new_conversations_that_share_the_system_prompt() -> None:
    drawn = [arrival for _, arrival in drawn_again(SESSION, 0, 50)]
    assert len(drawn) == 100
    assert {arrival.blocks[0] for arrival in drawn} == {0}
    assert len({arrival.blocks[1] for arrival in drawn}) == 100


def test_sessions_drawn_again_begin_in_the_order_of_time_and_their_turns_wait() -> None:
    drawn = [arrival for _, arrival in drawn_again(SESSION, 1, 50)]
    assert [a.at for a in drawn] == sorted(a.at for a in drawn)
    assert [a.after_s for a in drawn[:4]] == [None, 1.0, None, 1.0]


def test_another_seed_draws_other_sessions() -> None:
    assert drawn_again(SESSION, 0, 20) != drawn_again(SESSION, 1, 20)
    assert drawn_again(SESSION, 1, 20) == drawn_again(SESSION, 1, 20)


def test_traces_put_together_share_no_block() -> None:
    both = together([SESSION, SESSION])
    assert not {b for a in both[:6] for b in a.blocks} & {b for a in both[6:] for b in a.blocks}


def test_a_seed_of_a_trace_of_sessions_is_drawn_from_them() -> None:
    arrivals = seeded(AGENTS, SESSION, 2, RATES)
    assert len(arrivals) / arrivals[-1].at == pytest.approx(4.0, rel=0.02)
    assert {a.model for a in arrivals} == {"big", "small"}
