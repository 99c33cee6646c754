"""What the Kubernetes claims measure with: commands as printed, containers as processes, verdicts."""

from pathlib import Path
from typing import Any

from bench.cluster.herd import _keep
from bench.cluster.routed import Routed
from bench.envoy.contestants import PROGRAM
from bench.k8s.__main__ import SENT, commands, named
from bench.k8s.containers import Place, command, environment, needs, resolved
from bench.k8s.machine import _port
from bench.k8s_scale.__main__ import ip, within
from weir.v1 import fleet_pb2


def pod(**container: Any) -> dict[str, Any]:
    volumes = [{"name": "fleet", "configMap": {"name": "weir-fleet"}}]
    meta = {"name": "weir-pool-1", "namespace": "inference"}
    return {"metadata": meta, "spec": {"containers": [container], "volumes": volumes}}


def read(plural: str, name: str) -> dict[str, Any]:
    return {"data": {"fleet.yaml": "pools: []", "password": "c2VjcmV0"}}


def place(tmp_path: Path, found: dict[str, Any], **services: str) -> Place:
    known = {name.replace("__", ":").replace("_", "-"): where for name, where in services.items()}
    return Place(pod=found, ip="127.3.0.9", folder=tmp_path, read=read, services=known)


def test_a_container_listens_at_its_pods_address_and_finds_its_files(tmp_path: Path) -> None:
    mounts = [{"name": "fleet", "mountPath": "/etc/weir/fleet"}]
    found = pod(
        image="weir:1",
        args=["pool", "--listen=0.0.0.0:9100", "--fleet=/etc/weir/fleet/fleet.yaml"],
        volumeMounts=mounts,
    )
    words, _ = command(place(tmp_path, found))
    assert words[1:4] == ["-m", "cli.main", "pool"]
    assert words[4] == "--listen=127.3.0.9:9100"
    path = Path(words[5].partition("=")[2])
    assert path.read_text() == "pools: []"


def test_services_are_where_a_ready_pod_is_and_nothing_else_is_touched(tmp_path: Path) -> None:
    found = pod(
        image="curl",
        command=["curl", "http://weir-router/v1", "http://weir-router:80/x", "other-weir-pool:9100", "weir-pool:91001"],
    )
    words, _ = command(place(tmp_path, found, weir_router__80="127.3.0.1:8080", weir_pool__9100="127.3.0.2:9100"))
    assert words[1:] == [
        "http://127.3.0.1:8080/v1",
        "http://127.3.0.1:8080/x",
        "other-weir-pool:9100",
        "weir-pool:91001",
    ]


def test_variables_are_resolved_as_kubernetes_does(tmp_path: Path) -> None:
    variables = [
        {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "r", "key": "password"}}},
        {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "URL", "value": "redis://:$(PASSWORD)@weir-redis:6379/0"},
    ]
    found = pod(image="weir", env=variables, args=["router", "--name=$(NAME)"])
    at = place(tmp_path, found, weir_redis__6379="127.3.0.3:6379")
    assert environment(found["spec"]["containers"][0], at)["URL"] == "redis://:secret@weir-redis:6379/0"
    words, given = command(at)
    assert words[-1] == "--name=weir-pool-1"
    assert given["URL"] == "redis://:secret@127.3.0.3:6379/0"


def test_a_pod_waits_for_the_services_that_it_names() -> None:
    assert needs(pod(args=["--pool=weir-pool:9100"]), read) == {"weir-pool:9100"}
    assert needs(pod(args=["pool", "--lease=weir-pool"]), read) == set()
    assert needs(pod(command=["curl", "http://weir-envoy/v1/models"]), read) == {"weir-envoy:80"}


SOCKETS = """admin: {address: {socket_address: {address: 127.0.0.1, port_value: 9901}}}
listener: {socket_address: {address: 0.0.0.0, port_value: 8080}}
cluster: {socket_address: {address: weir-router, port_value: 9002}}
"""


def configured(plural: str, name: str) -> dict[str, Any]:
    return {"data": {"envoy.yaml": SOCKETS}}


def test_an_envoys_configuration_is_as_rendered_but_for_where_its_sockets_are(tmp_path: Path) -> None:
    mounts = [{"name": "fleet", "mountPath": "/etc/envoy"}]
    words = ["-c", "/etc/envoy/envoy.yaml"]
    found = pod(image="envoyproxy/envoy:v1", command=["envoy"], args=words, volumeMounts=mounts)
    assert needs(found, configured) == {"weir-router:9002"}
    at = Place(
        pod=found, ip="127.3.0.9", folder=tmp_path, read=configured, services={"weir-router:9002": "127.3.0.1:9"}
    )
    words, _ = command(at)
    assert words[:2] == [PROGRAM, "-c"]
    own = SOCKETS.replace("127.0.0.1", "127.3.0.9").replace("0.0.0.0", "127.3.0.9")
    assert Path(words[2]).read_text() == own.replace("weir-router, port_value: 9002", "127.3.0.1, port_value: 9")
    assert resolved("address: elsewhere, port_value: 5", at) == "address: elsewhere, port_value: 5"


def test_a_pod_without_the_port_of_that_name_has_none() -> None:
    found = pod(ports=[{"name": "http", "containerPort": 8080}])
    assert (_port(found, "http"), _port(found, "ext-proc"), _port(found, 9100)) == (8080, 0, 9100)


def test_a_request_that_was_sent_shows_in_what_a_router_tells() -> None:
    assert SENT.search('x 1\nweir_requests_total{code="0",model="m"} 1.0\n')
    assert not SENT.search('weir_requests_total{code="0",model="m"} 0.0\n# weir_requests_total 7\n')


def test_the_pages_commands_are_found_and_named() -> None:
    found = commands()
    assert found[0] == "kubectl create namespace inference"
    assert any(line.startswith("helm install weir helm") for line in found)
    assert len({named(line) for line in found}) > 8


def test_a_pod_that_was_drained_is_let_go_first() -> None:
    drained: dict[str, Any] = {
        "metadata": {"name": "b", "annotations": {"controller.kubernetes.io/pod-deletion-cost": "-1000"}}
    }
    other: dict[str, Any] = {"metadata": {"name": "a"}}
    assert min([other, drained], key=_keep) is drained


def test_addresses_of_a_thousand_pods_are_a_thousand() -> None:
    assert len({ip(n) for n in range(1000)}) == 1000
    assert within(5.0, {"most": 5.0})
    assert not within(999, {"least": 1000})


class Heard(Routed):
    """One that is told by the test."""

    def _run(self) -> None:
        """Nobody is asked."""


def update(snapshot: bool = False, removed: tuple[str, ...] = (), **ready: bool) -> fleet_pb2.FleetUpdate:
    return fleet_pb2.FleetUpdate(
        snapshot=snapshot,
        removed=removed,
        replicas=[fleet_pb2.Replica(name=name) for name in ready],
        reports=[fleet_pb2.ReplicaReport(name=name, ready=value) for name, value in ready.items()],
    )


def test_a_router_counts_who_was_lost_and_not_who_came() -> None:
    routed = Heard("nowhere:1")
    routed._take(update(a=True, b=True, c=False))
    assert (routed.count(), sum(routed.lost.values())) == (2, 0)
    routed._take(update(a=False))
    routed._take(update(snapshot=True, a=True))
    assert (routed.lost["a"], routed.lost["b"]) == (1, 1)
    routed._take(update(removed=("a",)))
    assert routed.lost["a"] == 2
