"""The same scenarios by Weir's latency models: what they cost, and that the reasons given are theirs."""

import pytest

from bench.fleet_sim.physical import KINDS, SCENES, Compared, Scene, causes, compare, compared, model
from sims.analytic.paper.cards import card
from sims.analytic.size import DECODE, PREFILL


@pytest.fixture(scope="module")
def all_compared() -> dict[str, Compared]:
    return {one.scene.name: one for one in compared()}


def test_scenes_have_names_of_their_own() -> None:
    assert len({scene.name for scene in SCENES}) == len(SCENES)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_kind_is_priced_as_its_card_for_every_gpu(kind: str) -> None:
    assert model(kind).price_per_hour == pytest.approx(KINDS[kind][2] * card(kind).price_per_hour)
    assert model(kind).gpus == KINDS[kind][2]


def test_every_scene_has_a_fleet_that_its_memory_and_load_allow(all_compared: dict[str, Compared]) -> None:
    for one in all_compared.values():
        assert one.physical is not None
        assert all(pool.load.utilisation <= 0.85 + 1e-9 for pool in one.physical.pools)
        assert len(one.physical.pools) == len(one.paper)


def test_every_scene_says_why(all_compared: dict[str, Compared]) -> None:
    for one in all_compared.values():
        assert "requests/s a replica" in one.why
        assert one.told.startswith("paper ")
        assert ("kept" in one.told) != ("missed" in one.told)


def test_dollars_differ_by_the_gpus_of_a_replica_and_by_how_many_it_takes(all_compared: dict[str, Compared]) -> None:
    one = all_compared["lmsys 100/s a100 one pool"]
    assert one.physical is not None
    ratio = one.physical.dollars_per_year / 1e3 / one.paper_kusd
    assert ratio == pytest.approx(8 * one.physical.replicas / one.paper[0], rel=1e-3)


def test_pools_by_length_save_little_where_memory_is_paged(all_compared: dict[str, Compared]) -> None:
    for name, split in (("lmsys 100/s a100 one pool", "lmsys 100/s a100 a100 at 4096"),):
        whole, parted = all_compared[name], all_compared[split]
        assert whole.physical is not None
        assert parted.physical is not None
        assert sum(parted.paper) < 0.7 * sum(whole.paper)
        assert parted.physical.gpus > 0.85 * whole.physical.gpus


def test_apart_pools_have_their_roles(all_compared: dict[str, Compared]) -> None:
    one = all_compared["azure 100/s a100 h100 apart"]
    assert one.physical is not None
    assert [pool.role for pool in one.physical.pools] == [PREFILL, DECODE]
    assert "a100 finishes" in one.why
    assert "h100 finishes" in one.why


def test_a_deadline_of_ones_own_is_held_against_the_first_token() -> None:
    loose = Scene(lengths="azure", rate=50.0, kinds=("h100", "h100"), context=8192, deadline_s=60.0)
    assert "60 s kept" in compare(loose).told
    assert (
        "0.001 s missed"
        in compare(Scene(lengths="azure", rate=50.0, kinds=("h100", "h100"), context=8192, deadline_s=1e-3)).told
    )


def test_causes_are_told_in_figures() -> None:
    told = causes()
    assert set(told) == {"why dollars", "why prompts", "why splitting", "why first tokens", "why small cards"}
    assert "8 GPUs" in told["why dollars"]
    assert "512 prompt tokens" in told["why prompts"]
