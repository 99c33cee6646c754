"""The chart: seven golden renderings, what it passes on, what it allows, and what it refuses."""

import json
import os
import subprocess
from typing import Any

import pytest
import yaml
from pydantic import ValidationError
from typer.main import get_command

from cli.chosen import pairs
from cli.main import app
from cli.options import optioned
from cli.options import pairs as option_pairs
from policies.perf.profiles import model_names
from policies.scale.slo_model import SloModel
from pool.control.wishes import promised
from pool.settings import FREE
from pool.settings import Settings as PoolSettings
from router.settings import Settings
from tests.helm.rendering import CHART, HERE, SETS, binary, helm, objects, one, rendered
from weir.chart import Values
from weir.fleetfile import FleetFile
from weir.rulesfile import rules_of

WRITE = os.environ.get("WEIR_GOLDEN") == "write"
ROOT = CHART.parent


def container(found: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = found["spec"]["template"]["spec"]["containers"][0]
    return made


@pytest.mark.parametrize("name", SETS)
def test_each_set_of_values_renders_as_it_did(name: str) -> None:
    golden = HERE / "golden" / f"{name}.yaml"
    if WRITE:
        golden.write_text(rendered(name))
    assert rendered(name) == golden.read_text(), "if that is meant: WEIR_GOLDEN=write pytest tests/helm"


def test_there_are_seven_sets() -> None:
    assert len(SETS) == 7


def test_the_chart_has_nothing_that_helm_complains_of() -> None:
    assert "0 chart(s) failed" in helm("lint", str(CHART), "--strict")


def test_what_is_generated_is_what_its_sources_generate() -> None:
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'proto'}"}
    import sys

    command = [sys.executable, str(CHART / "generate.py"), "--check"]
    assert subprocess.run(command, capture_output=True, text=True, env=environment, check=False).stderr == ""


def test_the_default_values_are_the_models_defaults() -> None:
    given = yaml.safe_load((CHART / "values.yaml").read_text())
    Values.model_validate(given)
    assert set(given) == set(Values.model_fields)


@pytest.mark.parametrize("name", SETS)
def test_every_option_that_is_passed_is_one_that_the_command_takes(name: str) -> None:
    commands: Any = get_command(app)
    for part in ("pool", "router"):
        args = container(one(name, "Deployment", f"weir-{part}"))["args"]
        known = {option for param in commands.commands[args[0]].params for option in param.opts}
        asked = {arg.partition("=")[0] for arg in args[1:]}
        assert asked - known <= {"--ext-proc"}, "an option of the chart's that the command does not know"


def test_a_routers_other_settings_are_passed_as_the_router_takes_them() -> None:
    given = {"hand_over": "mooncake", "max_body_bytes": 64 << 20, "retry_share": 0.5, "continuation": False}
    text = helm("template", "weir", str(CHART), "--set-json", f"router.options={json.dumps(given)}")
    (router,) = [
        each for each in yaml.safe_load_all(text)
        if each and each["kind"] == "Deployment" and each["metadata"]["name"] == "weir-router"
    ]  # fmt: skip
    options = [arg.partition("=")[2] for arg in container(router)["args"] if arg.startswith("--option=")]
    wanted = Settings(hand_over="mooncake", max_body_bytes=64 << 20, retry_share=0.5, continuation=False)
    assert optioned(Settings(), options) == wanted


def test_a_scaling_policys_settings_are_passed_as_the_pool_service_takes_them() -> None:
    scaling = {"mode": "act", "policy": "slo_model", "settings": {"gpus": 16, "idle_s": 600.5}}
    text = helm("template", "weir", str(CHART), "--set-json", f"pool.scaling={json.dumps(scaling)}")
    (pool,) = [
        each for each in yaml.safe_load_all(text)
        if each and each["kind"] == "Deployment" and each["metadata"]["name"] == "weir-pool"
    ]  # fmt: skip
    given = [arg.partition("=")[2] for arg in container(pool)["args"] if arg.startswith("--scaling-set=")]
    found = promised("slo_model", (0.0, 0.0), settings=dict(pairs("--scaling-set", given)))
    assert found == SloModel(gpus=16, idle_s=600.5)


def test_a_pool_services_other_settings_are_passed_as_it_takes_them() -> None:
    given = {"failures": 5, "scrape_timeout_s": 1.5}
    text = helm(
        "template", "weir", str(CHART), "--set", "pool.roles=told", "--set-json", f"pool.options={json.dumps(given)}"
    )
    (pool,) = [
        each for each in yaml.safe_load_all(text)
        if each and each["kind"] == "Deployment" and each["metadata"]["name"] == "weir-pool"
    ]  # fmt: skip
    args = container(pool)["args"]
    options = [arg.partition("=")[2] for arg in args if arg.startswith("--option=")]
    found = PoolSettings.model_validate(option_pairs(options, FREE))
    assert (found.failures, found.scrape_timeout_s) == (5, 1.5)
    assert "--roles=told" in args


def test_routers_tell_every_pool_service_by_its_own_address() -> None:
    headless, router = one("defaults", "Service", "weir-pools"), one("defaults", "Deployment", "weir-router")
    assert headless["spec"]["clusterIP"] == "None"
    assert headless["spec"]["selector"] == one("defaults", "Service", "weir-pool")["spec"]["selector"]
    assert "--tell=weir-pools:9100" in container(router)["args"]


@pytest.mark.parametrize("name", SETS)
def test_the_fleet_it_writes_is_one_that_the_pool_service_reads(name: str) -> None:
    given = yaml.safe_load((HERE / "values" / f"{name}.yaml").read_text())
    if not given.get("pools"):
        assert "--watch-resources" in container(one(name, "Deployment", "weir-pool"))["args"]
        return
    fleet = FleetFile.model_validate(yaml.safe_load(one(name, "ConfigMap", "weir-fleet")["data"]["fleet.yaml"]))
    assert [pool.name for pool in fleet.pools] == [pool["name"] for pool in given["pools"]]
    assert all(pool.addresses or pool.discover for pool in fleet.pools)


def test_the_rules_it_writes_are_rules_and_lie_where_the_router_reads_them() -> None:
    rules, _ = rules_of(one("selecting", "ConfigMap", "weir-rules")["data"]["rules.yaml"], "rules.yaml")
    assert [rule.name for rule in rules.rules] == ["long"]
    router = one("selecting", "Deployment", "weir-router")
    args, mounts = container(router)["args"], {each["name"]: each for each in container(router)["volumeMounts"]}
    assert f"--rules={mounts['rules']['mountPath']}/rules.yaml" in args
    assert f"--heads={mounts['heads']['mountPath']}" in args
    assert "--classifier-deadline=0.03" in args
    volumes = {each["name"]: each for each in router["spec"]["template"]["spec"]["volumes"]}
    assert volumes["rules"]["configMap"]["name"] == "weir-rules"
    assert volumes["heads"]["persistentVolumeClaim"]["claimName"] == "weir-heads"


def test_rules_that_make_no_sense_are_refused_before_anything_is_installed() -> None:
    with pytest.raises(ValidationError, match="fallback"):
        Values.model_validate({"select": {"rules": {"rules": []}}})
    with pytest.raises(ValidationError, match="not both"):
        Values.model_validate({"select": {"rules": {"fallback": {"models": ["a"]}}, "configMap": "mine"}})


@pytest.mark.parametrize("name", SETS)
def test_no_process_is_root_writes_its_image_or_may_gain_rights(name: str) -> None:
    for found in objects(name):
        component = found["metadata"].get("labels", {}).get("app.kubernetes.io/component")
        if found["kind"] != "Deployment" or component == "engine":
            continue
        pod = found["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        for each in pod["containers"]:
            assert each["securityContext"]["readOnlyRootFilesystem"] is True
            assert each["securityContext"]["allowPrivilegeEscalation"] is False
            assert each["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def verbs(name: str, resource: str) -> set[str]:
    role = one(name, "Role", "weir-pool")
    return {verb for rule in role["rules"] if resource in rule["resources"] for verb in rule["verbs"]}


def test_only_a_pool_service_that_acts_may_change_anything_of_somebody_elses() -> None:
    for resource in ("pods", "deployments", "deployments/scale", "pools"):
        assert not verbs("existing", resource) & {"patch", "update", "create", "delete"}
    assert verbs("engines", "deployments/scale") == {"patch"}
    assert verbs("engines", "deployments") == {"list", "watch"}
    assert "patch" in verbs("engines", "pods")
    assert not verbs("existing", "pools")
    assert not verbs("engines", "services")
    for name in SETS:
        for found in objects(name):
            if found["kind"] in ("Role", "ClusterRole"):
                assert "*" not in json.dumps(found["rules"])
                assert found["kind"] == "Role"


def policies(name: str) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each["spec"] for each in objects(name) if each["kind"] == "NetworkPolicy"}


def test_what_an_engines_cache_holds_is_told_to_the_pool_service_alone() -> None:
    rules = policies("engines")["weir-engines"]["ingress"]
    who = [rule["from"] for rule in rules if "kv-events" in [each["port"] for each in rule.get("ports", ())]]
    (peers,) = who
    (peer,) = peers
    assert peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "pool"
    assert "weir-engines" not in policies("existing")


def test_who_may_not_call_the_router_may_not_call_the_envoy_before_it_either() -> None:
    assert policies("envoy")["weir-envoy"]["ingress"] == [{"ports": [{"port": "http"}]}]
    allowed = ["--set", "networkPolicy.clientNamespaces={apps}"]
    given = ["--values", str(HERE / "values" / "envoy.yaml"), *allowed]
    found = [each for each in yaml.safe_load_all(helm("template", "weir", str(CHART), *given)) if each]
    (rule,) = next(
        each["spec"]["ingress"] for each in found
        if (each["kind"], each["metadata"]["name"]) == ("NetworkPolicy", "weir-envoy")
    )  # fmt: skip
    assert rule["from"][0]["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "apps"}


@pytest.mark.parametrize("part", ["router", "pool", "envoy"])
def test_whoever_has_two_replicas_is_spread_and_not_disrupted_all_at_once(part: str) -> None:
    found, budget = one("envoy", "Deployment", f"weir-{part}"), one("envoy", "PodDisruptionBudget", f"weir-{part}")
    labels = found["spec"]["template"]["metadata"]["labels"]
    assert found["spec"]["replicas"] == 2
    spread = found["spec"]["template"]["spec"]["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"]
    for selector in (spread, budget["spec"]["selector"]["matchLabels"], found["spec"]["selector"]["matchLabels"]):
        assert selector.items() <= labels.items()
        assert selector["app.kubernetes.io/component"] == part


def test_an_envoy_that_is_told_to_stop_drains_for_less_than_its_grace() -> None:
    pod = one("envoy", "Deployment", "weir-envoy")["spec"]["template"]["spec"]
    args, command = pod["containers"][0]["args"], pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][-1]
    drain = int(args[args.index("--drain-time-s") + 1])
    assert command.endswith(f"sleep {drain}")
    assert "/drain_listeners?graceful" in command
    assert pod["terminationGracePeriodSeconds"] > drain


def test_a_redis_over_tls_is_trusted_by_the_authority_that_is_given() -> None:
    for part in ("router", "pool"):
        found = container(one("external-redis", "Deployment", f"weir-{part}"))
        environment = {each["name"]: each.get("value") for each in found["env"]}
        (mount,) = [each["mountPath"] for each in found["volumeMounts"] if each["name"] == "redis-ca"]
        assert environment["SSL_CERT_FILE"] == f"{mount}/ca.crt"


def test_a_pool_found_in_another_namespace_may_be_read_there_and_no_more() -> None:
    elsewhere = [each for each in objects("existing") if each["metadata"].get("namespace") in ("batch", "gateway")]
    assert sorted(each["kind"] for each in elsewhere) == ["Role", "Role", "RoleBinding", "RoleBinding"]
    given = {verb for each in elsewhere for rule in each.get("rules", ()) for verb in rule["verbs"]}
    assert given == {"list", "watch"}


def test_of_leases_the_pool_service_may_read_and_renew_its_own_alone() -> None:
    rules = [rule for rule in one("defaults", "Role", "weir-pool")["rules"] if "leases" in rule["resources"]]
    named = {tuple(rule["verbs"]): rule.get("resourceNames") for rule in rules}
    assert named == {("create",): None, ("get", "update"): ["weir-pool"]}
    assert "--lease=weir-pool" in container(one("defaults", "Deployment", "weir-pool"))["args"]


def test_engines_that_the_chart_makes_end_only_after_they_have_drained() -> None:
    for found in objects("engines"):
        if found["metadata"].get("labels", {}).get(
            "app.kubernetes.io/component"
        ) == "engine" and "template" in found.get("spec", {}):
            pod = found["spec"]["template"]["spec"]
            drain = int(container(found)["lifecycle"]["preStop"]["exec"]["command"][-1])
            assert pod["terminationGracePeriodSeconds"] > drain


def test_an_engine_over_several_nodes_is_a_leader_worker_set_whose_leader_alone_is_found() -> None:
    found = one("engines", "LeaderWorkerSet", "weir-large")["spec"]["leaderWorkerTemplate"]
    assert found["leaderTemplate"]["metadata"]["labels"]["weir.dev/pool"] == "large"
    assert "weir.dev/pool" not in found["workerTemplate"]["metadata"]["labels"]
    assert (
        one("engines", "Deployment", "weir-pool")["spec"]["selector"]["matchLabels"]["app.kubernetes.io/component"]
        != "engine"
    )


def test_the_nodes_of_an_engine_find_each_other_share_its_gpus_and_only_the_leader_is_probed() -> None:
    found = one("engines", "LeaderWorkerSet", "weir-large")["spec"]["leaderWorkerTemplate"]
    leader, worker = (found[each]["spec"]["containers"][0] for each in ("leaderTemplate", "workerTemplate"))
    assert {"--tensor-parallel-size=8", "--pipeline-parallel-size=2"} <= set(leader["args"])
    assert "leader --ray_cluster_size=$LWS_GROUP_SIZE && exec vllm serve" in leader["command"][2]
    assert worker["command"][-2:] == ["worker", "--ray_address=$(LWS_LEADER_ADDRESS)"]
    assert "args" not in worker
    assert not {"startupProbe", "readinessProbe", "livenessProbe"} & worker.keys()
    for each in (leader, worker):
        assert each["resources"]["limits"]["nvidia.com/gpu"] == "8"


def engine_args(*given: str) -> list[str]:
    pool = "pools[0].name=a,pools[0].gpu=h100-sxm,pools[0].replicas=1"
    text = helm("template", "weir", str(CHART), "--set", pool, *(word for each in given for word in ("--set", each)))
    (found,) = [
        each for each in yaml.safe_load_all(text)
        if each and each["kind"] == "Deployment" and each["metadata"]["name"] == "weir-a"
    ]  # fmt: skip
    args: list[str] = container(found)["args"]
    return args


def test_an_engine_loads_what_is_said_or_a_repository_that_clients_name_or_where_the_profile_is_from() -> None:
    profile = "pools[0].model=llama-3.1-8b"
    assert engine_args(profile)[0] == "meta-llama/Llama-3.1-8B-Instruct"
    assert engine_args(profile, "pools[0].served_name=acme/tuned")[0] == "acme/tuned"
    assert engine_args(profile, "pools[0].served_name=tuned")[0] == "meta-llama/Llama-3.1-8B-Instruct"
    assert engine_args(profile, "pools[0].vllm.weights=/models/mine")[0] == "/models/mine"


def test_every_profile_has_weights() -> None:
    assert yaml.safe_load((CHART / "files" / "weights.yaml").read_text()).keys() == set(model_names())


def test_great_numbers_are_written_out() -> None:
    given = ("max_model_len", "max_num_batched_tokens", "max_num_seqs")
    args = engine_args("pools[0].model=llama-3.1-8b", *(f"pools[0].engine.{each}=1000000" for each in given))
    options = [f"--{each.replace('_', '-')}=1000000" for each in given]
    assert set(options) <= set(args)


def test_a_pool_of_a_plan_that_gives_only_replicas_is_made() -> None:
    assert one("engines", "Deployment", "weir-planned")["spec"]["replicas"] == 2


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ("crds.watch=false", "there is no fleet"),
        ("envoy.enabled=true", "router.extProc.enabled"),
        ("router.polcy=x", "polcy"),
        ("select.rules.fallback.models={a},select.configMap=x", "not both"),
        ("router.extProc.fallbacks=2", "fallbacks"),
        ("router.replicas=many", "replicas"),
        ("tests.image.tga=8", "tga"),
        ("router.autoscaling.enabled=true,router.autoscaling.minReplicas=20", "min is above max"),
        ("pools[0].name=a,pools[0].gpu=h100-sxm,pools[0].replicas=1,pools[0].model=mine", "vllm.weights"),
        (
            "pools[0].name=a,pools[0].gpu=h100-sxm,pools[0].model=qwen3-8b,pools[0].vllm.nodes=2,"
            "pools[0].gpus_per_replica=3",
            "3 GPUs a replica do not divide over 2 nodes",
        ),
    ],
)
def test_values_that_make_no_sense_are_refused_in_words(values: str, words: str) -> None:
    command = [binary("helm"), "template", "weir", str(CHART), "--set", values]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert words in done.stderr


def test_the_kinds_are_of_the_release_are_kept_when_it_goes_and_may_be_left_to_another() -> None:
    kinds = {
        each["metadata"]["name"]: each for each in objects("defaults") if each["kind"].startswith("CustomResource")
    }
    made = [yaml.safe_load(path.read_text()) for path in (CHART / "files" / "crds").glob("*.yaml")]
    assert len(made) == 3
    assert {name: each["spec"] for name, each in kinds.items()} == {
        each["metadata"]["name"]: each["spec"] for each in made
    }
    for each in kinds.values():
        assert each["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert not (CHART / "crds").exists()
    assert all(each["kind"] != "CustomResourceDefinition" for each in objects("envoy"))


def test_the_dashboards_are_in_the_chart_where_they_are_asked_for() -> None:
    data = one("monitored", "ConfigMap", "weir-dashboards")["data"]
    assert sorted(data) == ["pool.json", "router.json"]
    assert all(json.loads(text)["panels"] for text in data.values())


def test_the_chart_carries_no_program() -> None:
    assert {"*.py", "__pycache__/"} <= set((CHART / ".helmignore").read_text().split())
