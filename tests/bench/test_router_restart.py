"""The router-restart measurement: its scene is what it says, and its verdict reads records rightly."""

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bench.router_restart.engines import event, hashes
from bench.router_restart.scene import BLOCK_TOKENS, Scene, name, write_fleet
from bench.router_restart.trial import figures, load_figures
from bench.router_restart.verdict import Decided, exact_from, hit_rate, read
from policies.kv.blocks import hash_tokens
from pool.hashing import plain_chain
from pool.holdings import Holdings
from pool.kv_sources.vllm import decode
from tests.pool.fakes import payload
from weir.fleetfile import messages, read_fleet

SMALL = Scene(replicas=3, chains=12, chain_blocks=2, prompts=6)


def test_the_default_scene_is_a_million_blocks() -> None:
    assert Scene().blocks == 1_000_000
    assert {Scene().holder(chain) for chain in range(100)} == set(range(16))


def test_what_engines_publish_is_what_prompts_begin_with() -> None:
    holdings = Holdings(plain_chain)
    chain = SMALL.asked()[0]
    (stored,) = decode(payload(event(SMALL, chain, SMALL.tokens(chain)))).events
    holdings.apply(stored)
    assert holdings.own("hbm") == hash_tokens(SMALL.tokens(chain), BLOCK_TOKENS).tolist()
    assert SMALL.holders()[holdings.own("hbm")[0]] == name(SMALL.holder(chain))


def test_no_two_chains_share_a_hash() -> None:
    every = [each for chain in range(SMALL.chains) for each in hashes(SMALL, chain)]
    assert len({*every}) == len(every) == SMALL.blocks


def test_a_request_is_whole_http() -> None:
    for request in SMALL.requests():
        head, _, body = request.partition(b"\r\n\r\n")
        assert f"Content-Length: {len(body)}".encode() in head
        assert len(json.loads(body)["prompt"]) == SMALL.chain_tokens + 8


def test_the_fleet_file_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "fleet.yaml"
    write_fleet(path, [1, 2], ["tcp://h:1", "tcp://h:2"], ["tcp://h:3", "tcp://h:4"])
    assert [each.name for each in messages(read_fleet(path))] == [name(0), name(1)]


def record(at: float, chosen: str, believed: dict[str, float]) -> dict[str, Any]:
    candidates = [{"replica": each, "cached_tokens": tokens} for each, tokens in believed.items()]
    return {"at": at, "chosen": chosen, "candidates": candidates, "request": {"blocks": [7, 8], "prompt_tokens": 40.0}}


def test_a_decision_is_exact_when_what_it_believed_of_everybody_is_true(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    records = [
        record(3.0, "a", {"a": 32.0, "b": 0.0}),
        record(1.0, "b", {"a": 0.0, "b": 0.0}),
        record(2.0, "a", {"a": 32.0, "b": 16.0}),
    ]
    path.write_text("\n".join(map(json.dumps, records)) + '\n{"cut of')
    found = read(path, {7: "a"}, 32)
    assert [(one.at, one.exact, one.hit) for one in found] == [(1.0, False, 0.0), (2.0, False, 0.8), (3.0, True, 0.8)]


def decided(*exact: bool, every_s: float = 0.001) -> list[Decided]:
    return [Decided(at=i * every_s, exact=one, hit=float(one)) for i, one in enumerate(exact)]


def test_it_is_exact_from_the_first_decision_after_which_nearly_all_are() -> None:
    assert exact_from(decided(*[False] * 500, *[True] * 2000), 0.0) == 0.5
    assert exact_from(decided(*[True] * 500, False, *[True] * 2000), 0.0) == 0.0
    assert exact_from(decided(*[False, True] * 2000), 0.0) is None
    assert exact_from(decided(*[True] * 100), 0.0) is None  # not seen for a whole window
    assert exact_from([], 0.0) is None


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_the_moment_is_a_true_decision_with_a_true_window_behind_it(exact: list[bool]) -> None:
    found = exact_from(decided(*exact, *[True] * 40, every_s=0.1), 0.0)
    assert found is not None
    place = round(found / 0.1)
    assert [*exact, *[True] * 40][place : place + 10] == [True] * 10


def test_hit_rates_are_told_before_during_and_after() -> None:
    after = decided(*[False] * 500, *[True] * 2000)
    found = figures(decided(True, False), after, 0.0)
    assert (found["exact_s"], found["serving_s"]) == (0.5, 0.0)
    assert (found["hit_before"], found["hit_during"], found["hit_after"]) == (0.5, 0.0, 1.0)
    assert (found["decisions_during"], found["decisions_after"]) == (500, 2000)
    assert hit_rate([]) is None


def test_what_clients_saw_is_how_long_nobody_was_answered() -> None:
    answers = {f"{10 + i / 10:.1f}": {"answered": 200} for i in range(20)}
    answers |= {"12.0": {"failed": 5, "unsent": 90}, "13.4": {"answered": 3, "refused": 2}}
    found = load_figures(answers, killed=12.0)
    assert (found["answered_per_s_before"], found["outage_s"], found["requests_broken"]) == (2000, 1.4, 7)
