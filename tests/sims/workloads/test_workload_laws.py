"""What holds of every workload generator."""

import subprocess
import sys
from itertools import islice, pairwise
from pathlib import Path

import pytest

from policies.registry import BadSetting, UnknownName
from sims.arrival import Arrival
from sims.traces.reading.summary import Lengths, describe
from sims.workloads.drawing.parameters import parameters
from sims.workloads.drawing.workload import WORKLOADS, chosen

ROOT = Path(__file__).parents[3]
NAMES = WORKLOADS.names()
every = pytest.mark.parametrize("name", NAMES)


def some(name: str, count: int = 3000, seed: int = 1) -> list[Arrival]:
    return list(islice(chosen(name).arrivals(seed), count))


@every
def test_times_never_fall(name: str) -> None:
    assert all(before.at <= after.at for before, after in pairwise(some(name)))


@every
def test_every_request_has_tokens(name: str) -> None:
    assert all(a.prompt_tokens >= 1 and a.output_tokens >= 1 for a in some(name))


@every
def test_the_same_seed_draws_the_same(name: str) -> None:
    assert some(name) == some(name)


@every
def test_another_seed_draws_others(name: str) -> None:
    assert some(name, 20) != some(name, 20, seed=2)


@every
def test_another_process_draws_the_same(name: str) -> None:
    code = f"from tests.sims.workloads.test_workload_laws import some; print(hash(tuple(some({name!r}, 50))[-1].at))"
    environment = {"PYTHONPATH": f"{ROOT}:{ROOT / 'proto'}", "PYTHONHASHSEED": "7"}
    told = subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True)
    assert told.stdout.strip() == str(hash(some(name, 50)[-1].at)), told.stderr


@every
def test_turns_of_a_session_come_in_order_and_once(name: str) -> None:
    turns: dict[str, int] = {}
    for a in some(name):
        if a.session:
            assert a.turn == turns.get(a.session, -1) + 1
            turns[a.session] = a.turn


@every
def test_blocks_cover_the_prompt_and_no_more(name: str) -> None:
    for a in some(name):
        assert not a.blocks or (len(a.blocks) - 1) * a.block_tokens < a.prompt_tokens <= len(a.blocks) * a.block_tokens


@every
def test_a_block_always_follows_the_same_prefix(name: str) -> None:
    parents: dict[int, int] = {}
    for a in some(name):
        for parent, block in pairwise((-1, *a.blocks)):
            assert parents.setdefault(block, parent) == parent


def near(found: Lengths, published: dict[str, float]) -> None:
    for key, value in published.items():
        assert getattr(found, key) == pytest.approx(value, rel=0.05), key


@every
def test_its_published_lengths_are_met(name: str) -> None:
    figures, summary = parameters(name).published, describe(some(name, 20_000, seed=3))
    near(summary.prompt, figures["prompt"])
    near(summary.output, figures["output"])


@every
def test_its_published_rate_is_met(name: str) -> None:
    figures, summary = parameters(name).published, describe(some(name, 20_000, seed=3))
    assert summary.rate_rps == pytest.approx(figures["rate_rps"], rel=0.03)
    assert summary.cv == pytest.approx(figures.get("cv", 1.0), rel=0.03)


@every
def test_its_published_reuse_is_met(name: str) -> None:
    figures = parameters(name).published
    if "reuse_share" in figures:
        summary = describe(some(name, figures["requests"], seed=3))
        assert summary.reuse_share == pytest.approx(figures["reuse_share"], rel=0.04)
        assert summary.reusing_share == pytest.approx(figures["reusing_share"], rel=0.04)


@every
def test_its_distributions_have_the_published_means(name: str) -> None:
    figures = parameters(name)
    assert figures.prompt.mean == pytest.approx(figures.published["prompt"]["mean"], rel=0.01)
    assert figures.output.mean == pytest.approx(figures.published["output"]["mean"], rel=0.01)


def test_an_unknown_workload_gets_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'azure_conversation'"):
        chosen("azure_conversatoin")


def test_an_unknown_setting_lists_the_known() -> None:
    with pytest.raises(BadSetting, match="did you mean 'rate_rps'"):
        chosen("azure_conversation", {"rate_rsp": 3.0})
