import subprocess
import sys
from dataclasses import dataclass
from inspect import getdoc, getmodule
from pathlib import Path

import pytest

from policies.policy import ROUTES, routing, routing_names
from policies.registry import BadSetting, Registry, UnknownName, known, strict

OURS = ["least_loaded", "prefix_affinity", "random", "session_affinity", "shortest_ttft", "two_choices"]
PEERS = [
    "aibrix_prefix_cache", "compress_and_route", "dynamo_cost", "length_split", "llm_d_approximate", "llm_d_load",
    "llm_d_precise", "mooncake_conductor", "production_stack_kvaware", "sglang_cache_aware", "spillover", "xllm_car",
    "xllm_slo_aware",
]  # fmt: skip


ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    ratio: float = 1.0
    times: int = 2
    label: str = ""
    on: bool = False


def test_every_routing_policy_is_named_for_its_file() -> None:
    assert ROUTES.names() == sorted(OURS + PEERS)
    assert [policy.name() for policy in ROUTES] == ROUTES.names()


def test_peers_and_ours_are_told_apart() -> None:
    assert routing_names() == ROUTES.names()
    assert routing_names(peers=True) == PEERS
    assert routing_names(peers=False) == OURS
    assert {ROUTES[name].origin for name in OURS} == {"weir"}
    assert {ROUTES[name].origin for name in PEERS} == {
        "llm-d", "Dynamo", "SGLang", "production-stack", "AIBrix", "Mooncake", "xLLM", "fleet-sim"
    }  # fmt: skip


def test_what_a_policy_reads_is_told_in_known_words() -> None:
    for policy in ROUTES:
        assert policy.reads_load in {"own", "scraped"}
        assert policy.reads_cache in {"events", "history"}
        assert min(policy.history_tokens, policy.history_match_tokens) >= 0
        assert not policy.history_tokens or (policy.uses_cached and policy.reads_cache == "history")
    assert {(policy.reads_load, policy.reads_cache) for policy in ROUTES if policy.origin == "weir"} == {
        ("own", "events")
    }


def test_a_peer_says_where_it_is_from_and_at_what_version() -> None:
    for name in PEERS:
        told = getdoc(getmodule(ROUTES[name])) or ""
        assert "Source: " in told
        assert "20" in told


def test_one_thing_asked_for_by_name_is_all_that_is_imported() -> None:
    command = "import sys; from policies.policy import routing; routing(sys.argv[1]); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", command, "random"], cwd=ROOT, capture_output=True, check=True)
    imported = {name for name in done.stdout.decode().split() if name.startswith("policies.route.")}
    assert imported == {"policies.route.random", "policies.route.peers"}


def test_a_package_that_holds_no_thing_of_that_name_is_not_taken_for_one() -> None:
    registry: Registry[object] = Registry("thing", "policies.route", "policies.route.peers")
    for name in ("peers", "no.such", "", "__init__"):
        with pytest.raises(UnknownName, match="no thing"):
            registry[name]


def test_an_unknown_name_is_an_error_that_lists_the_known_and_the_nearest() -> None:
    with pytest.raises(
        UnknownName, match=r"no routing policy 'least_load'.*did you mean 'least_loaded'\?.*two_choices"
    ):
        routing("least_load")


def test_an_unknown_name_near_nothing_is_answered_by_the_list_alone() -> None:
    assert known("zzz", ["beta", "alpha"]) == "known: alpha, beta"


def test_whoever_wrote_a_beginning_is_told_what_begins_so() -> None:
    gpus = ["h100-pcie", "h100-sxm", "h200"]
    assert known("h100", gpus).startswith("did you mean 'h100-pcie' or 'h100-sxm'? known:")
    assert known("", gpus).startswith("known:")


def test_an_unknown_setting_is_an_error_that_lists_the_known() -> None:
    with pytest.raises(
        BadSetting, match=r"policy prefix_affinity has no setting 'mach'.*'match'\? known: absolute, match"
    ):
        routing("prefix_affinity", {"mach": 0.1})


def test_a_policy_without_settings_says_that_it_has_none() -> None:
    with pytest.raises(BadSetting, match="policy random has no setting 'seed': it has none"):
        routing("random", {"seed": 1})


@pytest.mark.parametrize("value", ["0.1", True, None, [0.1]])
def test_a_setting_of_the_wrong_type_is_refused(value: object) -> None:
    with pytest.raises(BadSetting, match="match must be float, not"):
        routing("prefix_affinity", {"match": value})


def test_a_whole_number_will_do_for_a_float() -> None:
    assert routing("prefix_affinity", {"match": 1}).settings().tolist() == [1.0, 1.5, 8.0]


@pytest.mark.parametrize("settings", [{"times": 1.5}, {"times": True}, {"label": 3}, {"on": 1}])
def test_no_other_type_stands_in_for_another(settings: dict[str, object]) -> None:
    with pytest.raises(BadSetting):
        strict(Typed, "typed", settings)


def test_settings_reach_the_kernel_in_the_order_of_the_fields() -> None:
    policy = routing("prefix_affinity", {"absolute": 0.5, "match": 0.1})
    assert type(policy).setting_names() == ["match", "relative", "absolute"]
    assert policy.settings().tolist() == [0.1, 1.5, 0.5]


def test_a_policy_without_settings_still_has_an_array_for_its_kernel() -> None:
    assert len(routing("random").settings()) == 1


def test_settings_cannot_be_changed_afterwards() -> None:
    with pytest.raises((AttributeError, TypeError)):
        routing("shortest_ttft").near = 1.0  # type: ignore[attr-defined]


def test_two_things_in_one_file_are_an_error() -> None:
    registry: Registry[object] = Registry("thing", "policies.route")
    registry.register(Typed)
    with pytest.raises(ValueError, match="two things"):
        registry.register(Typed)
