"""Resources as configuration: what is good of them, what each is told, and how often one may change."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.cluster.objects import Custom, Meta
from pool.cluster.pauses import Pauses
from pool.discovery.damper import AT_ONCE, EVERY_S, Damper
from pool.discovery.declared import Declared

POOL = {"gpu": "h100-sxm", "model": "llama-3.1-8b", "discover": {"pods": "app=vllm"}}


def resource(spec: Any, generation: int = 1, name: str = "p") -> Custom:
    return Custom(metadata=Meta(name=name, generation=generation), spec=spec)


def told(spec: Any, kind: str = "Pool") -> tuple[bool, str, str]:
    declared = Declared()
    declared.take(kind, "p", resource(spec), 0.0)
    verdict = declared.verdicts[kind, "p"]
    return verdict.valid, verdict.reason, verdict.words


class TestVerdicts:
    def test_what_makes_sense_is_a_pool(self) -> None:
        declared = Declared()
        declared.take("Pool", "p", resource(POOL | {"replicas": 0}), 0.0)
        assert declared.good.pools["p"].name == "p"
        assert declared.good.wanted["p"].replicas == 0

    @pytest.mark.parametrize(
        ("spec", "reason", "words"),
        [
            (None, "Invalid", "gpu: Field required"),
            ("text", "Invalid", "gpu: Field required"),
            (POOL | {"gpuu": "x"}, "Invalid", "gpuu"),
            (POOL | {"gpu": "h100"}, "UnknownProfile", "h100"),
            (POOL | {"discover": {"pods": "=="}}, "Invalid", "no label selector"),
            (POOL | {"discover": {"pods": ""}}, "Invalid", "exactly one"),
            ({**POOL, "model": "llama-3.1-70b", "gpu": "l4"}, "DoesNotFit", ""),
            (POOL | {"target": {"kind": "ReplicaSet", "name": "a"}}, "Invalid", "target.kind"),
            (POOL | {"target": {"kind": "Deployment"}}, "Invalid", "target.name"),
            (
                POOL | {"target": {"kind": "LeaderWorkerSet", "apiVersion": "apps/v1", "name": "a"}},
                "Invalid",
                "is scaled as leaderworkerset.x-k8s.io/v1",
            ),
        ],
    )
    def test_what_does_not_is_told_what_is_wrong_with_it(self, spec: Any, reason: str, words: str) -> None:
        valid, said, why = told(spec)
        assert (valid, said) == (False, reason)
        assert words in why

    def test_a_routing_policy_is_checked_too(self) -> None:
        assert told({"policy": "two_choices"}, "RoutePolicy")[0]
        assert told({"policy": "two_choice"}, "RoutePolicy")[1] == "UnknownName"
        assert told({"slo": {"ttft_s": -1}}, "Fleet")[1] == "Invalid"

    def test_the_last_good_spec_goes_on_serving(self) -> None:
        declared = Declared()
        declared.take("Pool", "p", resource(POOL), 0.0)
        declared.take("Pool", "p", resource({}), 1.0)
        assert not declared.verdicts["Pool", "p"].valid
        assert declared.good.pools["p"].gpu == "h100-sxm"

    def test_whoever_is_deleted_is_forgotten(self) -> None:
        declared = Declared()
        for kind, spec in (("Pool", POOL), ("Fleet", {}), ("RoutePolicy", {})):
            declared.take(kind, "p", resource(spec), 0.0)
            declared.take(kind, "p", None, 0.0)
        assert not declared.good.pools
        assert not declared.good.fleets
        assert not declared.good.policies
        assert not declared.verdicts

    def test_what_served_before_this_process_began_serves_on(self) -> None:
        declared = Declared()
        found = Custom(
            metadata=Meta(name="r"), spec={"policy": "two_choice"}, status={"serving": {"policy": "two_choices"}}
        )
        declared.take("RoutePolicy", "r", found, 0.0)
        verdict = declared.verdicts["RoutePolicy", "r"]
        assert (verdict.valid, verdict.serving) == (False, {"policy": "two_choices"})
        assert declared.good.policies["r"].policy == "two_choices"

    def test_a_status_that_makes_no_sense_serves_nobody(self) -> None:
        declared = Declared()
        found = Custom(metadata=Meta(name="r"), spec={"policy": "two_choice"}, status={"serving": {"policy": 3}})
        declared.take("RoutePolicy", "r", found, 0.0)
        assert not declared.good.policies
        assert declared.verdicts["RoutePolicy", "r"].serving is None

    def test_the_extensions_kinds_are_judged_alike(self) -> None:
        declared, rules = Declared(), {"rules": [{"targets": [{"modelRewrite": "m"}]}]}
        declared.take("InferenceModelRewrite", "w", resource(rules, name="w"), 0.0)
        declared.take("InferenceModelRewrite", "w", resource({"rules": []}, 2, name="w"), 1.0)
        declared.take("InferenceObjective", "o", resource({"priority": 3}, name="o"), 0.0)
        assert not declared.verdicts["InferenceModelRewrite", "w"].valid
        assert declared.good.rewrites["w"].rules[0].targets[0].modelRewrite == "m"
        assert declared.good.objectives["o"].priority == 3
        declared.take("InferenceModelRewrite", "w", None, 2.0)
        assert not declared.good.rewrites


class TestFlapping:
    def test_one_that_flips_every_second_is_taken_in_now_and_then_and_at_last(self) -> None:
        declared, taken = Declared(), 0
        for second in range(120):
            declared.take("Pool", "p", resource(POOL | {"price_per_gpu_hour": 1.0 + second % 2}, second), float(second))
            taken += declared.verdicts["Pool", "p"].reason == "Valid"
        assert taken <= AT_ONCE + 120 / EVERY_S + 1
        assert declared.verdicts["Pool", "p"].reason == "Flapping"
        assert declared.retry(120.0 + EVERY_S)
        assert not declared.waiting
        assert declared.good.pools["p"].price_per_gpu_hour == 2.0
        assert declared.verdicts["Pool", "p"].reason == "Valid"

    def test_a_status_that_is_written_is_no_change(self) -> None:
        declared = Declared()
        for second in range(50):
            declared.take("Pool", "p", resource(POOL, second), float(second))
        assert declared.verdicts["Pool", "p"].reason == "Valid"
        assert declared.verdicts["Pool", "p"].meta.generation == 49

    @given(st.lists(st.floats(0.0, 5.0), max_size=100))
    def test_a_damper_never_lets_more_through_than_its_rate(self, pauses: list[float]) -> None:
        damper, now, let = Damper(), 0.0, 0
        for pause in pauses:
            now += pause
            let += damper.allows("x", now)
        assert let <= AT_ONCE + now / EVERY_S


class TestPauses:
    def test_they_double_up_to_a_bound_and_begin_anew_after_a_success(self) -> None:
        pauses = Pauses(first_s=1.0, longest_s=8.0, draw=lambda: 1.0)
        assert [pauses.failed() for _ in range(5)] == [1.0, 2.0, 4.0, 8.0, 8.0]
        pauses.succeeded()
        assert pauses.failed() == 1.0

    @given(st.floats(0.0, 1.0), st.integers(1, 40))
    def test_jitter_keeps_between_half_and_all_of_it(self, draw: float, times: int) -> None:
        pauses = Pauses(first_s=1.0, longest_s=8.0, draw=lambda: draw)
        waits = [pauses.failed() for _ in range(times)]
        assert 0.5 <= waits[0] <= 1.0
        assert all(wait <= 8.0 for wait in waits)
