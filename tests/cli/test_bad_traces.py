"""Bad input to every command that simulates: one sentence with file, row and remedy, exit code 2, nothing written."""

import gzip
from pathlib import Path

import pytest

from tests.cli.simulated_files import FLEET
from tests.cli.weir_command import Weir

HEAD = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
NOON = "2023-11-16 12:00:"
GOOD = f"{NOON}09.0,100,10\n"

SENTENCES = {
    "unsorted times": (f"{NOON}05.0,100,10\n{NOON}01.0,100,10\n", "row 3: its time lies 4 s before the row above"),
    "negative tokens": (f"{NOON}05.0,-100,10\n{GOOD}", "row 2: ContextTokens is -100, a request has at least 1"),
    "negative answer": (f"{NOON}05.0,100,-3\n{GOOD}", "row 2: GeneratedTokens is -3"),
    "missing tokens": (f"{NOON}05.0,,10\n{GOOD}", "row 2: ContextTokens is missing: fill it in or drop the row"),
    "missing answer": (f"{GOOD}{NOON}10.0,100,\n", "row 3: GeneratedTokens is missing"),
    "not a number": (f"{NOON}05.0,nan,10\n{GOOD}", "row 2: ContextTokens is 'nan', not a number"),
    "infinite": (f"{NOON}05.0,inf,10\n{GOOD}", "row 2: ContextTokens is 'inf'"),
    "half a token": (f"{NOON}05.0,10.5,10\n{GOOD}", "row 2: ContextTokens is"),
    "no time": (f"yesterday,100,10\n{GOOD}", "row 2: TIMESTAMP"),
    "a billion tokens": (f"{NOON}05.0,1000000000,10\n", "row 2: ContextTokens is 1000000000, over 16,777,216 tokens"),
    "a billion tokens out": (f"{GOOD}{NOON}10.0,100,1000000000\n", "row 3: GeneratedTokens is 1000000000, over"),
    "zero rows": ("", "holds no rows: give a file with at least one request"),
}
COMMANDS = {
    "replay": ("--fleet", FLEET, "--cores", "1"),
    "compare": ("--fleet", FLEET, "--policies", "random,least_loaded", "--cores", "1"),
    "sweep": ("--fleet", FLEET, "--over", "rate=x1,x2", "--cores", "1"),
    "plan": ("--model", "llama-3.1-8b", "--gpus", "h100-sxm", "--slo", "ttft_p90=1.0"),
}


def refused(weir: Weir, command: str, trace: Path, *more: object) -> str:
    """The one sentence; the folder has gained nothing."""
    folder = trace.parent
    before = sorted(folder.iterdir())
    places = ("--json", folder / "r.json", "--html", folder / "r.html")
    result = weir(command, trace, *COMMANDS[command], *places, *more)
    assert result.exit_code == 2, result.output
    assert result.stderr.count("\n") == 1, result.stderr
    assert result.stderr.startswith(f"weir {command}: ")
    assert sorted(folder.iterdir()) == before
    return result.stderr


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("what", SENTENCES)
def test_a_bad_row_is_one_sentence_with_file_row_and_remedy(
    weir: Weir, tmp_path: Path, command: str, what: str
) -> None:
    rows, told = SENTENCES[what]
    trace = tmp_path / "trace.csv"
    trace.write_text(HEAD + rows)
    said = refused(weir, command, trace)
    assert str(trace) in said
    assert told in said


@pytest.mark.parametrize("command", COMMANDS)
def test_a_truncated_gzip_says_how_far_it_was_readable(weir: Weir, tmp_path: Path, command: str) -> None:
    trace = tmp_path / "trace.csv.gz"
    whole = gzip.compress((HEAD + "".join(f"{NOON}{i:02}.0,{100 + i * i},10\n" for i in range(60))).encode())
    trace.write_bytes(whole[: len(whole) // 2])
    said = refused(weir, command, trace)
    assert "the gzip is cut short or damaged: fetch the file again" in said
    assert "after row" in said


@pytest.mark.parametrize("command", COMMANDS)
def test_a_wrong_format_name_is_told_the_nearest_known_one(weir: Weir, tmp_path: Path, command: str) -> None:
    trace = tmp_path / "trace.csv"
    trace.write_text(HEAD + GOOD)
    assert "did you mean 'azure'?" in refused(weir, command, trace, "--format", "azzure")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_format_that_does_not_fit_says_which_column_is_missing(weir: Weir, tmp_path: Path, command: str) -> None:
    trace = tmp_path / "trace.csv"
    trace.write_text(HEAD + GOOD)
    said = refused(weir, command, trace, "--format", "mooncake")
    assert "row 2: has no column 'timestamp'" in said


@pytest.mark.parametrize("command", COMMANDS)
def test_json_lines_with_nan_name_their_row(weir: Weir, tmp_path: Path, command: str) -> None:
    trace = tmp_path / "trace.jsonl"
    good = '{"timestamp": 0, "input_length": 20, "output_length": 10, "hash_ids": [1]}\n'
    trace.write_text(good + good.replace("20", "NaN"))
    assert "row 2: is not JSON" in refused(weir, command, trace)


@pytest.mark.parametrize("command", ["replay", "compare", "sweep"])
def test_a_fleet_whose_model_does_not_fit_its_gpu_names_both(weir: Weir, tmp_path: Path, command: str) -> None:
    trace, fleet = tmp_path / "trace.csv", tmp_path / "fleet.yaml"
    trace.write_text(HEAD + GOOD)
    fleet.write_text("pools:\n  - {name: p, gpu: l4, model: qwen3-32b, replicas: 1}\n")
    said = refused(weir, command, trace, "--fleet", fleet)
    assert "qwen3-32b" in said
    assert "l4" in said


def test_a_plan_with_no_feasible_gpu_says_why_of_the_largest(weir: Weir, tmp_path: Path) -> None:
    trace = tmp_path / "trace.csv"
    trace.write_text(HEAD + GOOD + GOOD.replace("09.0", "10.0"))
    said = refused(weir, "plan", trace, "--model", "llama-3.1-70b", "--gpus", "l4", "--sizes", "1")
    assert "no offered GPU can hold llama-3.1-70b" in said


def test_a_plan_for_requests_at_one_instant_has_no_rate(weir: Weir, tmp_path: Path) -> None:
    trace = tmp_path / "trace.csv"
    trace.write_text(HEAD + GOOD)
    assert "1 requests at one instant have no rate to plan for" in refused(weir, "plan", trace)


@pytest.mark.parametrize("command", ["replay", "sweep"])
def test_what_was_written_before_stays_when_a_later_run_fails(weir: Weir, tmp_path: Path, command: str) -> None:
    trace, report = tmp_path / "trace.csv", tmp_path / "r.json"
    trace.write_text(HEAD + SENTENCES["a billion tokens"][0])
    report.write_text("before")
    refused(weir, command, trace)
    assert report.read_text() == "before"


def test_the_remedies_that_sentences_name_exist(weir: Weir, tmp_path: Path) -> None:
    trace = tmp_path / "trace.csv"
    trace.write_text(HEAD + SENTENCES["unsorted times"][0])
    assert "--sort" in refused(weir, "replay", trace)
    assert weir("replay", trace, "--fleet", FLEET, "--cores", "1", "--sort").exit_code == 0
