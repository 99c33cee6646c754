"""What the other commands print, and how everything fails in one sentence."""

import json
import resource
import socket
from pathlib import Path

import pytest

from tests.cli.weir_command import TINY, Weir, start

TRACE = "TIMESTAMP,ContextTokens,GeneratedTokens\n" + "".join(
    f"2023-11-16 18:15:{second:02}.0,{100 + second},{10 + second}\n" for second in range(20)
)


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "trace.csv"
    path.write_text(TRACE)
    return path


def test_a_trace_is_described(weir: Weir, trace: Path) -> None:
    said = weir("trace", "describe", trace).stdout
    assert "trace.csv (azure)" in said
    assert "20 in 19 s: 1.05 a second" in said


def test_a_trace_is_described_as_json(weir: Weir, trace: Path) -> None:
    found = json.loads(weir("trace", "describe", trace, "--json", "-").stdout)
    assert (found["count"], found["format"], found["prompt"]["largest"]) == (20, "azure", 119)


def test_policies_are_listed_with_their_settings(weir: Weir) -> None:
    found = {each["name"]: each for each in json.loads(weir("policies", "--json", "-").stdout)}
    assert {"random", "least_loaded", "prefix_affinity", "shortest_ttft"} <= set(found)
    assert found["prefix_affinity"]["settings"]["match"] == 0.3
    assert all(each["doc"] for each in found.values())


SENTENCES = {
    ("trace", "describe", "nowhere.csv"): "no such file",
    ("router",): "give either --fleet FILE or --pool HOST:PORT",
    ("router", "--pool", "nowhere"): "write host:port",
    ("router", "--fleet", TINY): "gives no addresses of live engines",
    ("pool", "--fleet", TINY, "--listen", "127.0.0.1:0"): "gives no addresses of live engines",
    ("pool", "--fleet", "nowhere.yaml"): "no such file",
    ("pool", "--fleet", TINY, "--scaling-policy", "slo_modl"): "did you mean 'slo_model'?",
    ("pool", "--fleet", TINY, "--scaling-policy", "slo_model", "--scaling-set", "leest=0"): "did you mean 'least'?",
    ("pool", "--fleet", TINY, "--scaling-policy", "slo_model", "--scaling-set", "least"): "write --scaling-set key=",
    ("pool", "--fleet", TINY, "--scaling-set", "least=0"): "say which --scaling-policy it is of",
    ("router", "--pool", "here:9100", "--tell", "here:9100,nowhere"): "write host:port",
    ("up", TINY, "--policy", "shortest"): "did you mean 'shortest_ttft'?",
    ("up", TINY, "--set", "neer=1"): "did you mean 'near'?",
    ("up", TINY, "--set", "near"): "write --set key=number",
    ("demo", "--policies", "rndom"): "did you mean 'random'?",
    ("demo", "--policies", "random,random"): "name each policy once",
    ("demo", "--rate", "-1"): "give requests a second, above 0",
    ("demo", "--trace", "nowhere.csv"): "no such file",
    ("demo", "--fleet", "nowhere.yaml"): "no such file",
    ("load", "nowhere.csv", "--url", "http://localhost"): "no such file",
    ("emulate", "nowhere.yaml"): "no such file",
}


@pytest.mark.parametrize("arguments", SENTENCES, ids=lambda arguments: " ".join(map(str, arguments[:3])))
def test_what_is_wrong_is_one_sentence_and_exit_code_2(weir: Weir, arguments: tuple[str, ...]) -> None:
    result = weir(*arguments)
    assert result.exit_code == 2
    assert SENTENCES[arguments] in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_taken_port_is_one_sentence(weir: Weir) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = weir("up", TINY, "--port", taken.getsockname()[1])
    assert result.exit_code == 2
    assert "address already in use; choose another port" in result.stderr


@pytest.mark.parametrize(("more", "said"), [
    (("--host", "300.1.1.1"), "give an address of this machine"), (("--host", "192.0.2.1"), "of this machine"),
    (("--port", "99999"), "port must be 0-65535; choose another port"),
])  # fmt: skip
def test_a_place_that_is_none_is_one_sentence_with_what_to_change(weir: Weir, more: tuple[str, ...], said: str) -> None:
    result = weir("up", TINY, *more)
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_silent_api_is_one_sentence(weir: Weir, trace: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        result = weir("load", trace, "--url", f"http://127.0.0.1:{nobody.getsockname()[1]}")
    assert result.exit_code == 2
    assert "does not answer" in result.stderr


def test_an_address_that_is_none_is_one_sentence(weir: Weir, trace: Path) -> None:
    result = weir("load", trace, "--url", "ftp://x")
    assert (result.exit_code, "write http://host:port" in result.stderr) == (2, True)


def test_an_unknown_flag_is_refused(weir: Weir) -> None:
    assert weir("check", TINY, "--nope").exit_code == 2


def test_help_comes_at_once() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with start("--help") as process:
        said, _ = process.communicate(timeout=60)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert "demo" in said
    assert after.ru_utime - before.ru_utime < 1.0  # CPU seconds: 0.2; with the simulator imported it would be several


NUMBERS = [
    ("router", "--pool", "here:1", "--ttft-slo", "nan"), ("router", "--pool", "here:1", "--tpot-slo", "inf"),
    ("router", "--pool", "here:1", "--ttft-slo", "-1"), ("router", "--pool", "here:1", "--stall", "nan"),
    ("router", "--pool", "here:1", "--classifier-deadline", "0"), ("pool", "--fleet", TINY, "--scrape-interval", "nan"),
    ("up", TINY, "--time-scale", "inf"), ("demo", "--seconds", "nan"), ("trace", "describe", "x.csv", "--to", "nan"),
    ("replay", "x.csv", "--fleet", TINY, "--warmup", "nan"), ("load", "x.csv", "--url", "http://x", "--ttft-slo", "-1"),
]  # fmt: skip


@pytest.mark.parametrize("arguments", NUMBERS, ids=lambda arguments: " ".join(map(str, arguments[-2:])))
def test_a_number_that_is_none_or_out_of_bounds_is_refused_with_its_option(
    weir: Weir, arguments: tuple[str, ...]
) -> None:
    result = weir(*arguments)
    assert result.exit_code == 2
    assert f"'{arguments[-2]}'" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_load_reads_columns_of_any_name(weir: Weir, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("when,asked,answered\n0,5,5\n")
    asked = ("load", path, "--url", "http://127.0.0.1:1", "--format", "generic")
    named = ("--field", "at=when", "--field", "prompt_tokens=asked", "--field", "output_tokens=answered")
    assert "does not answer" in weir(*asked, *named).stderr
    assert "has no setting 'att': did you mean 'at'?" in weir(*asked, "--field", "att=when").stderr


def test_a_default_that_is_endless_may_be_said_outright(weir: Weir, trace: Path) -> None:
    assert weir("trace", "describe", trace, "--to", "inf").exit_code == 0
