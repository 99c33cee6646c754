"""Pods, slices and names as places: who is a replica, who may be sent work, and what is wrong with the rest."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.cluster.objects import (
    Container,
    Endpoint,
    EndpointConditions,
    EndpointSlice,
    InferencePool,
    InferencePoolSpec,
    Labels,
    Meta,
    Pod,
    PodCondition,
    PodSpec,
    PodStatus,
    Port,
    Target,
)
from pool.discovery import pods, slices
from pool.discovery.dns import Names
from pool.discovery.members import Members
from pool.discovery.places import Place, told_apart
from weir.selectors import BadSelector, equals, selector


def pod(
    name: str = "a",
    ip: str = "10.0.0.1",
    *,
    ready: bool = True,
    phase: str = "Running",
    ports: list[int] | None = None,
    notes: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    **meta: Any,
) -> Pod:
    declared = [Port(container_port=each) for each in ports or ()]
    return Pod(
        metadata=Meta(name=name, uid=f"uid-{name}", labels=dict(labels or {}), annotations=dict(notes or {}), **meta),
        spec=PodSpec(containers=[Container(name="vllm", ports=declared)]),
        status=PodStatus(phase=phase, ip=ip, conditions=[PodCondition(type="Ready", status=str(ready))]),
    )


def reasons(found: Any) -> list[str]:
    return [each.reason for each in found.problems]


class TestPods:
    def test_a_ready_pod_is_a_place_that_may_be_sent_work(self) -> None:
        found = pods.places([pod()], [8000])
        assert [(each.name, each.address, each.barred) for each in found.places] == [("a", "10.0.0.1:8000", "")]
        assert not found.problems

    @pytest.mark.parametrize(
        ("given", "why"),
        [
            (pod(ready=False), "its pod is not ready"),
            (pod(deletion_timestamp="2026-01-01T00:00:00Z"), "its pod is terminating"),
            (pod(notes={"weir.dev/drain": "scale-down"}), "it is drained: scale-down"),
            (pod(notes={"weir.dev/drain": ""}), "it is drained"),
        ],
    )
    def test_a_pod_that_may_not_be_sent_work_says_why_and_stays_a_place(self, given: Pod, why: str) -> None:
        assert [each.barred for each in pods.places([given], [8000]).places] == [why]

    @pytest.mark.parametrize("given", [pod(ip=""), pod(phase="Succeeded"), pod(phase="Failed")])
    def test_a_pod_without_an_address_or_that_has_ended_is_none(self, given: Pod) -> None:
        assert not pods.places([given], [8000]).places

    def test_labels_that_fit_no_pod_have_a_name(self) -> None:
        assert reasons(pods.places([], [8000])) == ["NoPods"]

    def test_a_port_that_the_pod_does_not_declare_among_others_is_asked_about(self) -> None:
        assert reasons(pods.places([pod(ports=[9000])], [8000])) == ["PortNotDeclared"]
        assert reasons(pods.places([pod(ports=[])], [8000])) == []

    def test_a_role_label_goes_before_the_pools_and_nonsense_is_named(self) -> None:
        found = pods.places([pod(labels={"weir.dev/role": "decode"}), pod("b", labels={"weir.dev/role": "cook"})], [1])
        assert [each.role for each in found.places] == ["decode", ""]
        assert reasons(found) == ["BadRole"]

    def test_each_of_several_target_ports_is_a_replica(self) -> None:
        found = pods.places([pod()], [8000, 8001])
        assert [(each.name, each.port) for each in found.places] == [("a-8000", 8000), ("a-8001", 8001)]

    def test_an_inference_pool_says_whom_it_selects_and_where_they_listen(self) -> None:
        spec = InferencePoolSpec(selector=Labels(match_labels={"app": "vllm"}), target_ports=[Port(number=8000)])
        pool = InferencePool(metadata=Meta(name="p"), spec=spec)
        assert pods.inference_selector(pool).matches({"app": "vllm", "x": "y"})
        assert pods.inference_ports(pool) == [8000]

    def test_a_selector_that_matches_the_world_is_refused(self) -> None:
        mine = pod(labels={"app.kubernetes.io/name": "weir"})
        assert pods.too_wide(equals({}), None) is not None
        assert pods.too_wide(selector("!nothing"), mine) is not None
        assert pods.too_wide(selector("app=vllm"), mine) is None


def piece(*endpoints: Endpoint, ports: tuple[int, ...] = (8000,), name: str = "s") -> EndpointSlice:
    meta = Meta(name=name, labels={slices.SERVICE: "svc"})
    return EndpointSlice(metadata=meta, endpoints=list(endpoints), ports=[Port(port=each) for each in ports])


def endpoint(ip: str, name: str = "", **conditions: bool) -> Endpoint:
    target = Target(kind="Pod", name=name, uid=f"uid-{name}") if name else None
    return Endpoint(addresses=[ip], conditions=EndpointConditions(**conditions), target_ref=target)


class TestSlices:
    def test_an_endpoint_is_its_pod_or_its_address(self) -> None:
        found = slices.places([piece(endpoint("10.0.0.1", "a"), endpoint("fd00::1"))], None)
        assert [(each.name, each.address) for each in found.places] == [
            ("a", "10.0.0.1:8000"), ("svc-fd00::1", "[fd00::1]:8000"),
        ]  # fmt: skip

    def test_readiness_that_nobody_knows_counts_as_ready(self) -> None:
        found = slices.places([piece(endpoint("1.1.1.1", "a"), endpoint("1.1.1.2", "b", ready=False),
                                     endpoint("1.1.1.3", "c", ready=True, terminating=True))], None)  # fmt: skip
        assert [each.barred for each in found.places] == [
            "",
            "its endpoint is not ready",
            "its endpoint is terminating",
        ]

    def test_an_endpoint_that_moves_between_slices_is_one_and_ready_where_either_says_so(self) -> None:
        found = slices.places(
            [piece(endpoint("1.1.1.1", "a", ready=False)), piece(endpoint("1.1.1.1", "a"), name="t")], None
        )
        assert [(each.name, each.barred) for each in found.places] == [("a", "")]

    @pytest.mark.parametrize("ports", [(), (8000, 9000)])
    def test_a_slice_that_does_not_say_one_port_is_named_unless_one_is_given(self, ports: tuple[int, ...]) -> None:
        given = piece(endpoint("1.1.1.1", "a"), ports=ports)
        assert reasons(slices.places([given], None)) == ["NoPort"]
        assert [each.port for each in slices.places([given], 8000).places] == [8000]

    def test_a_service_without_slices_has_a_name(self) -> None:
        assert reasons(slices.places([], None)) == ["NoEndpoints"]


class TestToldApart:
    def test_an_address_belongs_to_the_pod_that_was_born_last(self) -> None:
        old = Place(name="old", host="10.0.0.1", port=1, born="2026-01-01T00:00:00Z")
        new = Place(name="new", host="10.0.0.1", port=1, born="2026-01-02T00:00:00Z")
        for order in ([("p", old), ("p", new)], [("p", new), ("p", old)]):
            kept, problems = told_apart(order)
            assert [place.name for _, place in kept] == ["new"]
            assert [each.reason for each in problems] == ["AddressReused"]

    def test_a_pod_that_fits_two_pools_is_the_firsts(self) -> None:
        place = Place(name="a", host="10.0.0.1", port=1)
        kept, problems = told_apart([("p", place), ("q", place)])
        assert kept == [("p", place)]
        assert [(each.reason, each.about) for each in problems] == [("SharedPod", "q")]

    @given(
        st.lists(
            st.tuples(st.sampled_from("pq"), st.sampled_from("abcd"), st.sampled_from("123"), st.sampled_from("xy"))
        )
    )
    def test_no_name_and_no_address_is_there_twice_and_no_address_is_lost(
        self, said: list[tuple[str, str, str, str]]
    ) -> None:
        kept, _ = told_apart([(pool, Place(name=name, host=ip, port=1, born=born)) for pool, name, ip, born in said])
        names, addresses = [place.name for _, place in kept], [place.address for _, place in kept]
        assert len(set(names)) == len(names)
        assert len(set(addresses)) == len(addresses)
        assert bool(kept) == bool(said)


class TestSelectors:
    @pytest.mark.parametrize(
        ("text", "fits", "not_"),
        [
            ("app=vllm", {"app": "vllm"}, {"app": "x"}),
            ("app==vllm,tier", {"app": "vllm", "tier": ""}, {"app": "vllm"}),
            ("app!=vllm", {}, {"app": "vllm"}),
            ("app in (a, b)", {"app": "b"}, {"app": "c"}),
            ("app notin (a,b),!old", {"app": "c"}, {"app": "c", "old": ""}),
            ("weir.dev/pool=llama-3.1", {"weir.dev/pool": "llama-3.1"}, {}),
        ],
    )
    def test_a_selector_is_read_as_kubectl_reads_it(
        self, text: str, fits: dict[str, str], not_: dict[str, str]
    ) -> None:
        assert selector(text).matches(fits)
        assert not selector(text).matches(not_)

    @pytest.mark.parametrize("text", ["=", "app=a b", "app in a", "a,,b", "a,"])
    def test_nonsense_is_refused_with_the_place_where_it_begins(self, text: str) -> None:
        with pytest.raises(BadSelector, match="no label selector"):
            selector(text)

    @given(
        st.dictionaries(st.sampled_from("abc"), st.sampled_from("123")),
        st.dictionaries(st.sampled_from("abc"), st.sampled_from("123")),
    )
    def test_written_and_built_selectors_agree(self, wanted: dict[str, str], labels: dict[str, str]) -> None:
        written = ",".join(f"{key}={value}" for key, value in wanted.items())
        assert selector(written).matches(labels) == equals(wanted).matches(labels) == (wanted.items() <= labels.items())

    def test_members_follow_their_labels_one_object_at_a_time(self) -> None:
        members = Members()
        chosen = members.select("p", selector("app=vllm"), [])
        members.told("ns/a", pod(labels={"app": "vllm"}))
        members.told("ns/b", pod("b"))
        assert list(chosen.members) == ["ns/a"]
        chosen.changed = False
        members.told("ns/b", pod("b", ip="10.0.0.9"))
        assert not chosen.changed
        members.told("ns/a", pod(labels={"app": "other"}))
        assert (list(chosen.members), chosen.changed) == ([], True)


class TestNames:
    async def test_every_address_of_a_name_is_a_replica(self) -> None:
        heard: list[int] = []

        async def resolve(host: str) -> list[str]:
            return ["10.0.0.1", "fd00::2"]

        names = Names(pool="p", host="vllm", port=8000, heard=lambda: heard.append(1), resolve=resolve)
        await names.look()
        await names.look()
        assert [place.address for place in names.found.places] == ["10.0.0.1:8000", "[fd00::2]:8000"]
        assert (names.known, len(heard)) == (True, 1)

    async def test_a_resolver_that_fails_or_forgets_once_takes_nobody_away(self) -> None:
        answers: list[Any] = [["1", "2"], OSError("no"), ["1"], ["1"], ["1"]]

        async def resolve(host: str) -> list[str]:
            answer = answers.pop(0)
            if isinstance(answer, OSError):
                raise answer
            assert isinstance(answer, list)
            return answer

        names = Names(pool="p", host="vllm", port=1, heard=lambda: None, resolve=resolve)
        seen = []
        for _ in range(5):
            await names.look()
            seen.append([place.host for place in names.found.places])
        assert seen == [["1", "2"], ["1", "2"], ["1", "2"], ["1", "2"], ["1"]]
