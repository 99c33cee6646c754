"""`weir compare` as its users see it."""

import json
from pathlib import Path

import pytest

from cli.compare import named
from policies.policy import routing_names
from policies.registry import UnknownName
from sims.measure.schema import schema
from sims.sweep.trial import compiled
from tests.cli.simulated_files import FLEET, trace_file
from tests.cli.weir_command import Weir
from tests.sims.measure.schemas import faults


@pytest.fixture(scope="module", autouse=True)
def _built() -> None:
    """The simulator compiled once, not in every process."""
    compiled()


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return trace_file(tmp_path)


def test_policies_stand_side_by_side_and_the_table_is_put_in_words(weir: Weir, trace: Path) -> None:
    result = weir(
        "compare", trace, "--fleet", FLEET, "--policies", "least_loaded,random", "--seeds", "2", "--cores", "1"
    )
    assert result.exit_code == 0
    assert "least_loaded" in result.stdout
    assert "serves the most requests within their deadlines" in result.stdout
    assert "seed by seed" in result.stdout


def test_json_pairs_each_with_the_first_and_fits_the_schema(weir: Weir, trace: Path, tmp_path: Path) -> None:
    page = tmp_path / "r.html"
    result = weir(
        "compare", trace, "--fleet", FLEET, "--policies", "least_loaded,random", "--json", "-", "--html", page
    )
    found = json.loads(result.stdout)
    assert faults(found, schema(), schema()) == []
    assert (found["kind"], found["against"], list(found["paired"])) == ("compare", "least_loaded", ["random"])
    assert found["policies"]["random"]["requests"] == found["policies"]["least_loaded"]["requests"] == 40
    assert page.read_text().startswith("<!doctype html>")


def test_all_is_every_policy_ours_first() -> None:
    assert named("all")[0] == "shortest_ttft"
    assert sorted(named("all")) == routing_names()


def test_peers_are_other_projects_policies_with_ours_to_hold_them_against() -> None:
    peers = routing_names(peers=True)
    assert named("peers") == ["shortest_ttft", *peers]
    assert named("random,peers") == ["random", *peers]


def test_named_policies_keep_their_order() -> None:
    assert named("random, least_loaded") == ["random", "least_loaded"]


@pytest.mark.parametrize("given", ["", ",", "random,random", "all,random"])
def test_a_policy_is_named_once(given: str) -> None:
    with pytest.raises(ValueError, match="name each policy once"):
        named(given)


def test_an_unknown_policy_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'random'"):
        named("rndom")


def test_what_is_wrong_is_one_sentence_and_exit_code_2(weir: Weir, trace: Path) -> None:
    result = weir("compare", trace, "--fleet", FLEET, "--policies", "rndom")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "did you mean 'random'?" in result.stderr
