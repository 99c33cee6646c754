"""A fleet file and resources say the same."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from policies.registry import UnknownName
from weir.fleetfile import FleetFile, read_fleet
from weir.resources import exported, imported, pool_of, routing

ROOT = Path(__file__).parents[2]
SPEC = {"gpu": "h100-sxm", "model": "llama-3.1-8b", "discover": {"pods": "app=vllm"}}

pools = st.fixed_dictionaries(
    {"gpu": st.just("h100-sxm"), "model": st.just("llama-3.1-8b")},
    optional={
        "role": st.sampled_from(["mixed", "prefill", "decode"]),
        "price_per_gpu_hour": st.floats(0.1, 9.0),
        "adapters": st.lists(st.text("abc", min_size=1), max_size=2),
        "engine": st.fixed_dictionaries({}, optional={"max_num_seqs": st.integers(1, 512), "host_s": st.floats(0, 1)}),
    },
)
found = st.one_of(
    st.fixed_dictionaries({"addresses": st.lists(st.sampled_from(["a:1", "b:2", "c:3"]), min_size=1, unique=True)}),
    st.fixed_dictionaries(
        {"discover": st.fixed_dictionaries({"pods": st.just("app=x"), "port": st.integers(1, 65535)})}
    ),
    st.fixed_dictionaries({"replicas": st.integers(1, 9)}),
)


@given(st.lists(st.tuples(pools, found), min_size=1, max_size=4), st.floats(0.1, 9.0))
def test_a_fleet_that_is_exported_and_read_back_is_the_same(
    made: list[tuple[dict[str, object], dict[str, object]]], ttft: float
) -> None:
    given_pools = [{**one, **where, "name": f"p{n}"} for n, (one, where) in enumerate(made)]
    fleet = FleetFile.model_validate({"pools": given_pools, "slo": {"ttft_s": ttft}})
    again = imported(list(yaml.safe_load_all(yaml.safe_dump_all(exported(fleet, "f", "ns")))))
    assert again.model_dump() == fleet.model_dump()


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*fleet.yaml")), ids=lambda path: path.stem)
def test_the_examples_survive_the_way_there_and_back(path: Path) -> None:
    fleet = read_fleet(path).model_copy(update={"select": None})  # no resource says how models are chosen
    assert imported([{"kind": "List", "items": exported(fleet, "f")}]).model_dump() == fleet.model_dump()


def test_a_pool_scaled_to_zero_is_a_pool_that_finds_nobody() -> None:
    assert pool_of("p", SPEC | {"replicas": 0}).replicas is None


@pytest.mark.parametrize(
    "spec",
    [{}, {"gpu": "h100-sxm"}, SPEC | {"bounds": {"min": 3, "max": 2}}, SPEC | {"unknown": 1}, SPEC | {"discover": {}}],
)
def test_a_half_written_pool_is_refused(spec: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        pool_of("p", spec)


def test_a_pool_whose_adapter_is_named_as_its_model_is_refused() -> None:
    spec = {"gpu": "l4", "model": "qwen3-8b", "adapters": ["qwen3-8b"], "discover": {"pods": "app=vllm"}}
    with pytest.raises(ValidationError, match="is named as its model"):
        pool_of("p", spec)


def test_a_routing_policy_has_to_be_one() -> None:
    assert routing({"policy": "two_choices"}).policy == "two_choices"
    with pytest.raises(UnknownName, match="shortest_ttft"):
        routing({"policy": "shortest_tft"})


def test_another_kind_is_named() -> None:
    with pytest.raises(ValueError, match="Deployment is none of Weir's"):
        imported([{"kind": "Deployment", "metadata": {"name": "x"}, "spec": {}}])
