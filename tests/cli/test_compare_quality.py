"""`weir compare --quality` and `weir replay --quality` as their users see them."""

import json
from pathlib import Path

import numpy as np
import pytest

from sims.measure.schema import schema
from sims.sweep.trial import compiled
from tests.cli.simulated_files import trace_file
from tests.cli.weir_command import Weir
from tests.sims.measure.schemas import faults

FLEET = """pools:
  - {name: small, gpu: l40s, model: llama-3.1-8b, replicas: 1}
  - {name: large, gpu: h100-sxm, gpus_per_replica: 2, model: qwen3-32b, replicas: 1}
"""
CHOOSERS = "only:llama-3.1-8b,blind,aware"


@pytest.fixture(scope="module", autouse=True)
def _built() -> None:
    """The simulator compiled once, not in every process."""
    compiled()


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    path = tmp_path / "fleet.yaml"
    path.write_text(FLEET)
    return path


@pytest.fixture
def judged(tmp_path: Path) -> Path:
    """The small model knows law alone, the large one everything."""
    chance = np.random.default_rng(2)
    rows = [
        {
            "topic": topic,
            "quality": {"Llama-3.1-8B-Instruct": int((topic == "law") ^ (chance.random() < 0.1)), "Qwen3-32B": 1},
            "out_tokens": {"Llama-3.1-8B-Instruct": 30, "Qwen3-32B": 20},
        }
        for topic in ["law", "physics"] * 60
    ]
    path = tmp_path / "judged.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_choosers_stand_side_by_side_with_quality_and_dollars(
    weir: Weir, tmp_path: Path, fleet: Path, judged: Path
) -> None:
    result = weir("compare", trace_file(tmp_path, 80), "--fleet", fleet, "--quality", judged, "--seeds", "2",
                  "--cores", "1", "--json", "-")  # fmt: skip
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert faults(found, schema(), schema()) == []
    assert list(found["policies"]) == ["only:llama-3.1-8b", "only:qwen3-32b", "blind", "aware"]
    quality = {name: figures["quality"] for name, figures in found["policies"].items()}
    assert quality["only:llama-3.1-8b"] < quality["aware"] <= quality["only:qwen3-32b"] == 1.0
    assert len(found["policies"]["aware"]["ci95"]["quality"]) == 2
    assert found["policies"]["aware"]["usd_per_thousand_right"] > 0.0
    assert "quality" in found["paired"]["aware"]
    assert any("most right answers in time" in each for each in found["sentences"])
    assert any("questions of judged.jsonl" in each for each in found["notes"])


def test_the_table_has_a_row_of_quality_only_where_answers_are_judged(
    weir: Weir, tmp_path: Path, fleet: Path, judged: Path
) -> None:
    trace = trace_file(tmp_path)
    told = weir("compare", trace, "--fleet", fleet, "--quality", judged, "--choosers", "blind,aware", "--cores", "1")
    assert "quality of answers, %" in told.stdout
    bare = weir("compare", trace, "--fleet", fleet, "--policies", "least_loaded,random", "--cores", "1")
    assert bare.exit_code == 0
    assert "quality" not in bare.stdout


def test_choosers_and_policies_are_crossed_where_several_policies_are_named(
    weir: Weir, tmp_path: Path, fleet: Path, judged: Path
) -> None:
    result = weir("compare", trace_file(tmp_path), "--fleet", fleet, "--quality", judged, "--choosers", CHOOSERS,
                  "--policies", "shortest_ttft,random", "--cores", "1", "--json", "-")  # fmt: skip
    names = list(json.loads(result.stdout)["policies"])
    assert len(names) == 6
    assert names[-1] == "aware, random"


def test_a_replay_has_one_chooser(weir: Weir, tmp_path: Path, fleet: Path, judged: Path) -> None:
    trace = trace_file(tmp_path)
    given = ("--fleet", fleet, "--quality", judged, "--cores", "1", "--json", "-")
    found = json.loads(weir("replay", trace, *given, "--choosers", "only:qwen3-32b").stdout)
    assert found["quality"] == found["quality_in_time"] == 1.0
    assert faults(found, schema(), schema()) == []
    several = weir("replay", trace, *given, "--choosers", CHOOSERS)
    assert several.exit_code == 2
    assert "a replay has one" in several.stderr


def test_rules_choose_by_topic(weir: Weir, tmp_path: Path, fleet: Path, judged: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        "rules:\n  - name: law\n    when: {signal: domain, is: [law]}\n    then: {models: [llama-3.1-8b]}\n"
        "fallback: {models: [qwen3-32b]}\n"
    )
    given = ("--fleet", fleet, "--quality", judged, "--rules", rules, "--choosers", "rules", "--cores", "1")
    found = json.loads(weir("replay", trace_file(tmp_path), *given, "--json", "-").stdout)
    assert found["quality"] > 0.85  # law, where the small model is right nine times in ten, and all of physics


def test_a_fleet_model_that_nobody_judged_is_told_with_the_remedy(
    weir: Weir, tmp_path: Path, fleet: Path, judged: Path
) -> None:
    fleet.write_text(FLEET.replace("qwen3-32b", "mixtral-8x7b"))
    result = weir("compare", trace_file(tmp_path), "--fleet", fleet, "--quality", judged)
    assert result.exit_code == 2
    assert "--judged-as mixtral-8x7b=NAME" in result.stderr
    mapped = weir("compare", trace_file(tmp_path), "--fleet", fleet, "--quality", judged, "--cores", "1",
                  "--judged-as", "mixtral-8x7b=Qwen3-32B", "--choosers", "blind,aware")  # fmt: skip
    assert mapped.exit_code == 0, mapped.stderr


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--quality", "JUDGED", "--choosers", "awake"), "no chooser 'awake': did you mean 'aware'"),
        (("--quality", "JUDGED", "--choosers", "blind,blind"), "name each chooser once"),
        (("--quality", "JUDGED", "--judged-as", "llama"), "write --judged-as MODEL=NAME"),
        (("--quality", "nowhere"), "no judged answers at nowhere"),
        (("--quality", "JUDGED", "--heads", "nowhere"), "holds no head that chooses models"),
        (("--choosers", "aware"), "--choosers is about choosing models: add --quality"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_sentence(
    weir: Weir, tmp_path: Path, fleet: Path, judged: Path, more: tuple[str, ...], says: str
) -> None:
    given = [str(judged) if each == "JUDGED" else each for each in more]
    result = weir("compare", trace_file(tmp_path), "--fleet", fleet, *given)
    assert result.exit_code == 2
    assert says in result.stderr
