"""`weir check RULES.yaml`: 0 where everything is proved, 1 with a counter-example, 2 for a file that is wrong."""

import json
from pathlib import Path

import pytest

from tests.cli.weir_command import TINY, Weir

PROVED = """\
fallback: {models: [llama-3.1-8b]}
rules:
  - name: long
    priority: 1
    when: {signal: context_tokens, at_least: 8000}
    then: {models: [llama-3.1-8b], pools: [fast]}
  - name: pictures
    when: {signal: images, at_least: 1}
    then: {models: [llama-3.1-8b], pools: [slow]}
"""


def test_the_examples_are_proved_for_the_fleet_beside_them(weir: Weir) -> None:
    rules, fleet = (TINY.parent / name for name in ("rules.yaml", "rules-fleet.yaml"))
    said = weir("check", rules, "--fleet", fleet)
    assert said.exit_code == 0, said.output
    assert "serves all they name" in said.stdout
    assert weir("check", fleet).exit_code == 0


def selecting(tmp_path: Path, rules: str) -> Path:
    """A fleet file that names rules beside it."""
    path = tmp_path / "fleet.yaml"
    path.write_text(f"select: {{rules: {rules}}}\n" + TINY.read_text())
    return path


def test_the_rules_that_a_fleet_file_names_are_proved_with_it(weir: Weir, tmp_path: Path) -> None:
    written(tmp_path, PROVED)
    fleet = selecting(tmp_path, "rules.yaml")
    said = weir("check", fleet)
    assert said.exit_code == 0, said.output
    assert "is good: 2 replicas" in said.stdout
    assert "rules.yaml is proved: 2 rules can each fire" in said.stdout
    assert json.loads(weir("check", fleet, "--json", "-").stdout)["rules"]["proved"] is True


def test_a_fleet_file_that_names_rules_which_are_not_there_is_wrong(weir: Weir, tmp_path: Path) -> None:
    said = weir("check", selecting(tmp_path, "nowhere.yaml"))
    assert said.exit_code == 2
    assert "nowhere.yaml: no such file" in said.stderr


def test_a_fleet_file_whose_rules_are_not_proved_ends_with_one(weir: Weir, tmp_path: Path) -> None:
    written(tmp_path, PROVED.replace("pools: [slow]", "pools: [nobody]"))
    fleet = selecting(tmp_path, "rules.yaml")
    assert weir("check", fleet).exit_code == 1
    assert weir("check", fleet, "--json", "-").exit_code == 1


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(text)
    return path


def test_rules_that_are_proved_end_with_nought(weir: Weir, tmp_path: Path) -> None:
    result = weir("check", written(tmp_path, PROVED), "--fleet", TINY)
    assert result.exit_code == 0
    assert "2 rules can each fire, and no two disagree" in result.stdout


def test_a_conflict_ends_with_one_and_shows_a_request(weir: Weir, tmp_path: Path) -> None:
    path = written(tmp_path, PROVED.replace("    priority: 1\n", ""))
    result = weir("check", path)
    assert result.exit_code == 1
    assert f"{path}:6: conflict: 'long' and 'pictures' can fire together" in result.stdout
    line = next(line for line in result.stdout.splitlines() if line.startswith("  request: "))
    shown = json.loads(line.removeprefix("  request: "))
    assert shown["counted"] == {"prompt_tokens": 8000}
    assert shown["body"]["messages"][0]["content"][1]["type"] == "image_url"


def test_findings_go_to_scripts_as_json(weir: Weir, tmp_path: Path) -> None:
    path = written(tmp_path, PROVED.replace("    priority: 1\n", ""))
    told = json.loads(weir("check", path, "--json", "-").stdout)
    assert told["proved"] is False
    assert [each["kind"] for each in told["findings"]] == ["conflict"]
    assert told["findings"][0]["rules"] == ["long", "pictures"]


def test_a_model_that_the_fleet_lacks_ends_with_one(weir: Weir, tmp_path: Path) -> None:
    result = weir("check", written(tmp_path, PROVED.replace("[fast]", "[quick]")), "--fleet", TINY)
    assert result.exit_code == 1
    assert "no pool of quick serves llama-3.1-8b" in result.stdout


def test_a_price_limit_is_held_against_the_fleets_prices(weir: Weir, tmp_path: Path) -> None:
    text = PROVED.replace("pools: [fast]", "at_most_usd: 0.0000001")
    result = weir("check", written(tmp_path, text), "--fleet", TINY)
    assert result.exit_code == 1
    assert "ceiling: 'long' allows $1e-07 a request" in result.stdout


def test_a_file_that_is_wrong_ends_with_two(weir: Weir, tmp_path: Path) -> None:
    path = written(tmp_path, PROVED.replace("images", "image"))
    result = weir("check", path)
    assert result.exit_code == 2
    assert f"{path}:8: there is no signal 'image': did you mean 'images'?" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_fleet_is_checked_as_before_and_takes_no_other(weir: Weir) -> None:
    assert weir("check", TINY).exit_code == 0
    assert weir("check", TINY, "--fleet", TINY).exit_code == 2


GUARDED = """\
fallback: {models: [small]}
rules:
  - name: guarded
    when: {signal: jailbreak, at_least: 0.5}
    then: {models: [large]}
"""


def test_rules_that_read_what_nobody_trained_are_proved_and_the_command_is_said(
    weir: Weir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIR_CACHE", str(tmp_path))
    path = written(tmp_path, GUARDED)
    done = weir("check", path)
    assert done.exit_code == 0
    assert "`weir train jailbreak --data DATA`" in done.output
    assert json.loads(weir("check", path, "--json", "-").stdout)["untrained"] == ["jailbreak"]
