"""What `weir router`, `weir pool` and `weir up` refuse before they start anything."""

import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from cli.door import WrongUse, sentence
from cli.options import optioned
from cli.selection import selecting
from pool import settings as pool_settings
from router.front import FrontSettings
from router.settings import FREE, Settings
from tests.cli.weir_command import TINY, Weir
from weir.redis_url import BadRedisUrl

LIVE = "pools:\n  - {name: a, gpu: l4, model: qwen3-8b, addresses: ['127.0.0.1:1']}\n"


def refused(weir: Weir, *arguments: object) -> str:
    """The one sentence of a command that must not start."""
    result = weir(*arguments)
    assert result.exit_code == 2, result.output
    assert result.stderr.count("\n") == 1
    return result.stderr


@pytest.mark.parametrize("option", ["--ext-proc", "--grpc", "--metrics-port"])
def test_a_router_does_not_start_beside_a_port_that_is_taken(
    weir: Weir, fleet_file: Callable[[str], Path], option: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        where = port if option == "--metrics-port" else f"127.0.0.1:{port}"
        said = refused(weir, "router", "--fleet", fleet_file(LIVE), "--port", 0, option, where)
    assert f"cannot listen on 127.0.0.1:{port}" in said


def test_a_pool_does_not_start_beside_a_port_that_is_taken(weir: Weir, fleet_file: Callable[[str], Path]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        common = ("pool", "--fleet", fleet_file(LIVE), "--listen", "127.0.0.1:0")
        said = refused(weir, *common, "--metrics-port", port)
    assert f"cannot listen on 127.0.0.1:{port}" in said


@pytest.fixture
def fronts(monkeypatch: pytest.MonkeyPatch) -> list[FrontSettings]:
    """The routers that would have run, each of which is ready at once."""
    found = list[FrontSettings]()

    def run(settings: FrontSettings, on_ready: Callable[[], None]) -> None:
        found.append(settings)
        on_ready()

    monkeypatch.setattr("router.front.run", run)
    return found


def test_a_metrics_port_of_zero_is_a_free_one_and_is_told(
    weir: Weir, fleet_file: Callable[[str], Path], fronts: list[FrontSettings]
) -> None:
    result = weir("router", "--fleet", fleet_file(LIVE), "--port", 0, "--metrics-port", 0)
    (front,) = fronts
    assert front.metrics_port
    told, ready = result.stdout.splitlines()
    assert told == f"weir router metrics on http://127.0.0.1:{front.metrics_port}/metrics"
    assert ready == f"weir router ready on http://127.0.0.1:{front.router.port}", "it is told last: `weir up` reads it"


def test_metrics_are_not_served_where_no_port_is_given(
    weir: Weir, fleet_file: Callable[[str], Path], fronts: list[FrontSettings]
) -> None:
    result = weir("router", "--fleet", fleet_file(LIVE), "--port", 0)
    assert fronts[0].metrics_port is None
    assert result.stdout.count("\n") == 1


def test_a_pool_takes_a_metrics_port_as_a_router_does(
    weir: Weir, fleet_file: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = list[pool_settings.Settings]()

    async def run(settings: pool_settings.Settings, fleet: Path) -> None:
        found.append(settings)

    monkeypatch.setattr("pool.app.run", run)
    common = ("pool", "--fleet", fleet_file(LIVE), "--listen", "127.0.0.1:0")
    for given in ((), ("--metrics-port", 0)):
        assert weir(*common, *given).exit_code == 0
    assert [one.metrics_port for one in found] == [None, 0]


def test_records_that_cannot_be_written_are_refused(
    weir: Weir, fleet_file: Callable[[str], Path], tmp_path: Path
) -> None:
    nowhere = tmp_path / "none" / "decisions.jsonl"
    fleet = fleet_file(LIVE)
    assert f"{nowhere}: no such file" in refused(weir, "router", "--fleet", fleet, "--port", 0, "--decisions", nowhere)
    assert f"{tmp_path}: is a directory" in refused(weir, "up", TINY, "--port", 0, "--decisions", tmp_path)


def test_heads_without_rules_are_refused(weir: Weir, fleet_file: Callable[[str], Path], tmp_path: Path) -> None:
    said = refused(weir, "router", "--fleet", fleet_file(LIVE), "--port", 0, "--heads", tmp_path)
    assert "go with rules" in said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("hold=3", "did you mean 'hold_s'?"),
        ("hold_s", "write --option key=value"),
        ("hold_s=soon", "--option hold_s=soon: expected float"),
        ("retries=1.5", "expected int"),
        ("retries=-1", "give a number 0 or more"),
        ("deadline_s=0", "give a number above 0"),
        ("deadline_s=nan", "give a number above 0"),
        ("continuation=perhaps", "expected bool"),
        ("hand_over=pigeon", "the known ones are mooncake, nixl, sglang"),
        ("policy=random", "there is no setting 'policy'"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(
    weir: Weir, fleet_file: Callable[[str], Path], given: str, said: str
) -> None:
    assert said in refused(weir, "router", "--fleet", fleet_file(LIVE), "--port", 0, "--option", given)


def test_any_other_setting_can_be_given() -> None:
    given = ["hand_over=mooncake", "max_body_bytes=1000", "continuation=false", "retry_share=0", "kv_hosts=a,b"]
    wanted = replace(
        Settings(), hand_over="mooncake", max_body_bytes=1000, continuation=False, retry_share=0.0, kv_hosts="a,b"
    )
    assert optioned(Settings(), given) == wanted


@pytest.mark.parametrize("key", FREE)
def test_every_free_setting_takes_its_own_default(key: str) -> None:
    default = getattr(Settings(), key)
    assert optioned(Settings(), [f"{key}={str(default).lower()}"]) == Settings()


def test_the_last_of_two_values_counts() -> None:
    assert optioned(Settings(), ["retries=1", "retries=2"]).retries == 2
    with pytest.raises(WrongUse):
        optioned(Settings(), ["retries=1", "retries=x"])


def test_a_pool_takes_its_other_settings_too(weir: Weir, fleet_file: Callable[[str], Path]) -> None:
    common = ("pool", "--fleet", fleet_file(LIVE), "--listen", "127.0.0.1:0", "--option")
    assert "did you mean 'blocks_per_replica'?" in refused(weir, *common, "blocks_per_repica=3")
    assert "blocks_per_replica" in refused(weir, *common, "blocks_per_replica=0")


def test_the_fleet_files_wait_for_the_classifier_holds_under_weir_up(tmp_path: Path) -> None:
    path = tmp_path / "fleet.yaml"
    text = yaml.safe_load(LIVE) | {"select": {"rules": "rules.yaml", "heads": "mine", "deadline_s": 0.2}}
    path.write_text(yaml.safe_dump(text))
    assert selecting(path) == [
        "--rules", str(tmp_path / "rules.yaml"), "--heads", str(tmp_path / "mine"), "--classifier-deadline", "0.2",
    ]  # fmt: skip


def test_an_error_that_somebody_named_is_a_sentence_and_any_other_is_not() -> None:
    assert sentence(BadRedisUrl("x://… is no Redis URL")) == "x://… is no Redis URL"
    assert sentence(ExceptionGroup("many", [BadRedisUrl("no URL")])) == "no URL"
    assert sentence(ValueError("a bug")) is None
    assert sentence(KeyError("a bug")) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"gpu": "l44"}, ":2: pools[0]: pool a: no profile 'l44' in policies/gpus: did you mean 'l4'?"),
        ({"model": "qwen3-9b"}, "did you mean 'qwen3-8b'?"),
        ({"addresses": ["10.0.0.1"]}, "'10.0.0.1' is no address: write host:port"),
        ({"addresses": ["10.0.0.1:0"]}, "is no address"),
        ({"addresses": ["10.0.0.1:70000"]}, "is no address"),
        ({"addresses": [":8000"]}, "is no address"),
        ({"addresses": ["a:1", "b:1", "a:1"]}, "'a:1' stands twice"),
    ],
)
def test_a_fleet_file_that_cannot_be_right_names_file_and_line(
    weir: Weir, fleet_file: Callable[[str], Path], change: dict[str, object], said: str
) -> None:
    pool = {"name": "a", "gpu": "l4", "model": "qwen3-8b", "addresses": ["127.0.0.1:1"], **change}
    path = fleet_file(yaml.safe_dump({"pools": [pool]}))
    found = refused(weir, "check", path)
    assert str(path) in found
    assert said in found


def test_an_ipv6_address_is_one(weir: Weir, fleet_file: Callable[[str], Path]) -> None:
    assert weir("check", fleet_file(LIVE.replace("127.0.0.1:1", "[fd00::1]:8000"))).exit_code == 0
