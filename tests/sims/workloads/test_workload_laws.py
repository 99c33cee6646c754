"""What holds of every workload generator."""

import subprocess
import sys
from itertools import islice, pairwise
from pathlib import Path

import pytest

from policies.registry import BadSetting, UnknownName
from sims.arrival import Arrival
from sims.traces.reading.columns import full
from sims.traces.reading.summary import Lengths, describe
from sims.workloads.drawing.parameters import parameters
from sims.workloads.drawing.saved import load, name_of, save, text
from sims.workloads.drawing.workload import WORKLOADS, Drawn, chosen

ROOT = Path(__file__).parents[3]
NAMES = WORKLOADS.names()
every = pytest.mark.parametrize("name", NAMES)
published = pytest.mark.parametrize("name", ["azure_conversation", "mooncake_conversation"])


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


@every
def test_only_a_later_turn_waits_for_the_one_before(name: str) -> None:
    assert all(a.after_s is None or (a.turn > 0 and a.after_s >= 0.0) for a in some(name))


def told(a: Arrival) -> tuple[object, ...]:
    """What columns keep of a row, but for the numbers of blocks and sessions."""
    whole = a.prompt_tokens // a.block_tokens if a.block_tokens else 0
    return a.at, a.prompt_tokens, a.output_tokens, a.after_s, a.model, min(len(a.blocks), whole), bool(a.session)


@every
def test_rows_and_columns_are_one_stream(name: str) -> None:
    columns = chosen(name).columns(3, count=1500)
    assert [told(a) for a in columns] == [told(a) for a in some(name, 1500, seed=3)]


@every
def test_columns_end_where_they_are_told_to(name: str) -> None:
    whole = chosen(name).columns(3, count=800)
    until = float(whole.at[500])
    part = chosen(name).columns(3, until_s=until)
    assert len(part) == int((whole.at < until).sum())
    assert len(chosen(name).columns(3, count=0)) == 0


@every
def test_a_stream_without_end_is_not_drawn_whole(name: str) -> None:
    with pytest.raises(ValueError, match="say how much to draw"):
        chosen(name).columns(3)
    with pytest.raises(ValueError, match="0 or more"):
        chosen(name).columns(3, count=-1)


@every
def test_columns_number_their_blocks_without_gaps(name: str) -> None:
    columns = chosen(name).columns(3, count=500)
    assert set(columns.blocks.tolist()) == set(range(columns.distinct_blocks))
    assert len(full(columns).blocks) == len(columns.blocks)


@every
def test_settings_written_and_read_are_the_same(name: str, tmp_path: Path) -> None:
    path = tmp_path / "workload.toml"
    save(chosen(name), path)
    assert load(path) == chosen(name)
    assert (name_of(load(path)), path.read_text()) == (name, text(chosen(name)))


@every
def test_batches_are_of_one_stream_in_the_order_of_time(name: str) -> None:
    kind = chosen(name)
    if isinstance(kind, Drawn):
        first, second = islice(kind.batches(5), 2)
        assert first.at[-1] <= second.at[0]


def near(found: Lengths, published: dict[str, float]) -> None:
    for key, value in published.items():
        assert getattr(found, key) == pytest.approx(value, rel=0.05), key


@published
def test_its_published_lengths_are_met(name: str) -> None:
    figures, summary = parameters(name).published, describe(some(name, 20_000, seed=3))
    near(summary.prompt, figures["prompt"])
    near(summary.output, figures["output"])


@published
def test_its_published_rate_is_met(name: str) -> None:
    figures, summary = parameters(name).published, describe(some(name, 20_000, seed=3))
    assert summary.rate_rps == pytest.approx(figures["rate_rps"], rel=0.03)
    assert summary.cv == pytest.approx(figures.get("cv", 1.0), rel=0.03)


@published
def test_its_published_reuse_is_met(name: str) -> None:
    figures = parameters(name).published
    if "reuse_share" in figures:
        summary = describe(some(name, figures["requests"], seed=3))
        assert summary.reuse_share == pytest.approx(figures["reuse_share"], rel=0.04)
        assert summary.reusing_share == pytest.approx(figures["reusing_share"], rel=0.04)


@published
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
