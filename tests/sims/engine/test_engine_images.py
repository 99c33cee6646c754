"""Images in the simulator: encoded with the prompt, beside decoding, or apart."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.fleet import Replica
from policies.policy import routing
from sims.arrivals import Arrivals
from sims.engine import simulate as simulate_module
from sims.engine.conditions import Conditions, Outage
from sims.engine.run import SERVED
from sims.engine.simulate import simulate
from sims.replay import replay
from tests.sims.engine.plain import plainly
from tests.sims.engine.test_engine_laws import check
from tests.sims.engine.worlds import BLOCK, H100, drawn, lived, replayed, replica, traces

LEAST = routing("least_loaded")
SEES: dict[str, Any] = {
    "encode_token_s": 1e-4, "embedding_bytes": 1e6, "transfer_bytes_per_s": 1e9, "transfer_base_s": 0.25,
}  # fmt: skip
"""An encoder of 10,000 visual tokens a second, whose embeddings take a millisecond each to send."""


def sighted(count: int, visual: int, *, gap_s: float = 10.0, prompt: int = 1000, output: int = 3) -> Arrivals:
    """Requests alike, each with so many visual tokens."""
    sizes = np.full(count, prompt), np.full(count, output)
    return Arrivals.drawn(
        gap_s * np.arange(count, dtype=np.float64), *sizes, visual_tokens=np.full(count, visual, np.int32)
    )


def encoding_s(tokens: int) -> float:
    return replace(H100, **SEES).encode_seconds(tokens)


@pytest.mark.parametrize("role", ["mixed", "prefill"])
def test_who_computes_the_prompt_encodes_its_images_in_the_same_step_where_nobody_else_does(role: str) -> None:
    fleet = [replica("a", role=role, **SEES), *([replica("d", role="decode", **SEES)] if role == "prefill" else [])]
    blind, seeing = (simulate(sighted(1, visual), fleet, LEAST) for visual in (0, 600))
    assert seeing.first[0] - blind.first[0] == pytest.approx(encoding_s(600))
    assert seeing.busy_s[0] - blind.busy_s[0] == pytest.approx(encoding_s(600))


def test_an_encode_replica_encodes_and_sends_its_embeddings_before_the_prompt_is_computed() -> None:
    fleet = [replica("m", **SEES), replica("e", role="encode", **SEES)]
    run = simulate(sighted(1, 600), fleet, LEAST)
    apart = encoding_s(600) + 0.25 + 600 * 1e6 / 1e9
    assert run.replica[0] == 0
    assert run.admitted[0] == pytest.approx(2 * H100.frontend_s + apart)
    assert run.first[0] - run.admitted[0] == pytest.approx(H100.step(0, 0, 1000, 500_000.0))
    assert run.busy_s[1] == pytest.approx(encoding_s(600))


def test_a_request_without_images_passes_those_that_are_being_encoded() -> None:
    fleet = [replica("m", **SEES), replica("e", role="encode", **SEES)]
    mixed = replace(sighted(2, 0, gap_s=0.001), visual_tokens=np.array([800, 0], np.int32))
    run = simulate(mixed, fleet, LEAST)
    assert run.first[1] < run.first[0]
    alone = simulate(mixed, fleet[:1], LEAST)
    assert run.ttft_s[1] < alone.ttft_s[1]


def test_images_of_several_requests_are_shared_out_among_the_encoders() -> None:
    fleet = [replica("m", **SEES), replica("e0", role="encode", **SEES), replica("e1", role="encode", **SEES)]
    run = simulate(sighted(8, 900, gap_s=0.0), fleet, LEAST)
    assert run.busy_s[1:].tolist() == pytest.approx([encoding_s(4 * 900)] * 2)


def test_an_encoder_that_is_slower_gets_fewer_of_them() -> None:
    slow = SEES | {"encode_token_s": 3e-4}
    fleet = [replica("m", **SEES), replica("e0", role="encode", **SEES), replica("e1", role="encode", **slow)]
    run = simulate(sighted(8, 900, gap_s=0.0), fleet, LEAST)
    assert run.busy_s[1] == pytest.approx(encoding_s(6 * 900))
    assert run.busy_s[2] == pytest.approx(3.0 * encoding_s(2 * 900))


def test_encoding_beside_decoding_lengthens_steps_by_no_more_than_they_may_take() -> None:
    roles = ("prefill", "encode+decode")
    quick = SEES | {"transfer_base_s": 0.0, "transfer_bytes_per_s": 1e12}
    fleet = [replica(role, role=role, **quick) for role in roles]
    decoding = replace(sighted(2, 0, gap_s=0.2, output=100), visual_tokens=np.array([0, 1000], np.int32))
    whole, bounded = (simulate(decoding, fleet, LEAST, Conditions(encode_tokens=n)) for n in (1000, 50))
    alone = simulate(sighted(1, 0, output=100), fleet, LEAST)
    for run in (whole, bounded):
        assert run.end[0] - alone.end[0] == pytest.approx(encoding_s(1000), rel=0.2)
        assert (run.replica == 1).all()
    assert bounded.first[1] > whole.first[1]


def test_images_that_are_cached_are_not_encoded_again() -> None:
    arrivals = Arrivals.drawn(
        np.array([0.0, 10.0]), np.full(2, 64), np.full(2, 3), visual_tokens=np.full(2, 32, np.int32),
        blocks=np.array([0, 1, 2, 3, 0, 1, 2, 3], np.int32), ends=np.array([0, 4, 8]), block_tokens=16,
    )  # fmt: skip
    run = simulate(arrivals, [replica("m", **SEES)], LEAST)
    assert run.cached.tolist() == [0, 48]
    assert run.busy_s[0] < 1.5 * encoding_s(32) + 4 * H100.step(1, 70) + 2 * H100.step(0, 0, 64, 2048.0)


def test_encoding_draws_the_power_of_computing() -> None:
    fleet = [replica("m", **SEES), replica("e", role="encode", **SEES)]
    blind, seeing = (simulate(sighted(1, visual), fleet, LEAST) for visual in (0, 1000))
    more = seeing.joules[1] - blind.joules[1] - H100.idle_w * (seeing.end_s - blind.end_s)
    assert more == pytest.approx(encoding_s(1000) * (H100.watts(0.0, 0.0, 1000.0) - H100.idle_w))


@given(traces(), st.sampled_from(["least_loaded", "shortest_ttft", "prefix_affinity"]), st.integers(20, 60))
@settings(max_examples=60, deadline=None)
def test_images_are_encoded_as_the_replay_encodes_them(arrivals: Arrivals, policy: str, blocks: int) -> None:
    fleet = [replica("a", kv_tokens=blocks * BLOCK, chunk_tokens=64, max_seqs=8), replica("b", fast=False)]
    run = simulate(arrivals, fleet, routing(policy), Conditions(expects=False))
    result = replay(list(arrivals), fleet, routing(policy))
    cached = routing(policy).uses_cached
    assert lived(run, cached) == replayed(result, cached)
    assert run.joules.tolist() == pytest.approx([use.energy_joules for use in result.replicas], rel=1e-12)


ROLES = ("encode", "encode+decode", "prefill", "mixed", "decode")


def fleet_in(roles: list[str]) -> list[Replica]:
    small: dict[str, Any] = {"kv_tokens": 40 * BLOCK, "chunk_tokens": 64, "max_seqs": 4, "transfer_bytes_per_s": 2e8}
    return [replica(f"r{i}", role=role, **small) for i, role in enumerate(["mixed", *roles])]


@given(traces(), st.lists(st.sampled_from(ROLES), min_size=1, max_size=4), st.booleans(), st.integers(0, 9))
@settings(max_examples=100, deadline=None)
def test_every_arrival_ends_in_one_state_whoever_encodes_and_fails(
    arrivals: Arrivals, roles: list[str], fails: bool, seed: int
) -> None:
    fleet, draws = fleet_in(roles), np.random.default_rng(seed)
    at = draws.uniform(0.0, 3.0, len(fleet))
    down = tuple(Outage(replica=row, at=float(at[row]), until=float(at[row]) + 2.0) for row in range(len(fleet)))
    run = simulate(
        arrivals, fleet, routing("shortest_ttft"), Conditions(outages=down if fails else (), seed=seed, expects=False)
    )
    check(run)
    assert set(run.state.tolist()) <= {0, 1}


@given(traces(most=12), st.lists(st.sampled_from(ROLES), min_size=1, max_size=3))
@settings(max_examples=15, deadline=None)
def test_the_loop_as_plain_python_encodes_as_the_compiled_one(arrivals: Arrivals, roles: list[str]) -> None:
    down = Conditions(outages=(Outage(replica=0, at=0.05, until=0.2), Outage(replica=1, at=0.1, until=0.3)))
    compiled = simulate(arrivals, fleet_in(roles), LEAST, down)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulate_module, "asked", lambda: plainly)
        plain = simulate(arrivals, fleet_in(roles), LEAST, down)
    assert lived(plain) == lived(compiled)
    assert plain.busy_s.tolist() == compiled.busy_s.tolist()


def test_a_crowd_with_images_is_served_to_the_last_whoever_encodes() -> None:
    crowd = drawn(300, 20.0)
    seeing = replace(crowd, visual_tokens=(crowd.prompt_tokens // 2).astype(np.int32))
    for roles in (["encode"], ["encode+decode", "prefill"], ["encode", "prefill", "decode"]):
        run = simulate(seeing, [replica(f"r{i}", role=role) for i, role in enumerate(["mixed", *roles])], LEAST)
        assert (run.state == SERVED).all()


def test_more_visual_tokens_than_the_prompt_has_are_refused_with_the_row() -> None:
    bad = replace(sighted(2, 0), visual_tokens=np.array([0, 1001], np.int32))
    with pytest.raises(ValueError, match="arrival 1 has 1001 visual tokens among 1000"):
        simulate(bad, [replica("m", **SEES)], LEAST)


def test_images_for_a_model_that_sees_none_are_refused_with_its_name() -> None:
    with pytest.raises(ValueError, match="'chat', which sees none"):
        simulate(sighted(1, 10), [replica("m", encode_token_s=0.0)], LEAST)


def test_a_fleet_that_only_encodes_and_computes_is_refused() -> None:
    with pytest.raises(ValueError, match="no replica decodes"):
        simulate(sighted(1, 0), [replica("p", role="prefill"), replica("e", role="encode")], LEAST)
