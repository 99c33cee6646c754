"""Requests in words: options and YAML become values, and what is wrong becomes one sentence."""

from math import inf
from pathlib import Path

import pytest

from policies.perf.sheets import UnknownProfile
from sims.plan.asked import ENERGY, USD, NoPlan
from sims.plan.wording import from_file, numbers, objective, offers, slo_class
from weir.strictyaml import BadFile


def test_a_class_is_read_from_its_deadlines() -> None:
    found = slo_class("ttft_p90=1.0,tpot_p99.9=0.05")
    assert found.name == "all"
    assert found.most_prompt == inf
    assert found.ttft is not None
    assert (found.ttft.seconds, found.ttft.percentile) == (1.0, 90.0)
    assert found.tpot is not None
    assert (found.tpot.seconds, found.tpot.percentile) == (0.05, 99.9)


def test_a_class_may_have_a_name_and_a_length() -> None:
    found = slo_class("short<=2048:ttft_p99=0.5")
    assert (found.name, found.most_prompt, found.tpot) == ("short", 2048.0, None)
    assert slo_class("chat:tpot_p50=0.1").name == "chat"


@pytest.mark.parametrize(
    "text", ["", "ttft=1", "ttft_p90", "ttft_p90=-1", "ttft_p90=0", "ttft_p0=1", "ttft_p100=1", "x<=y:ttft_p90=1",
             "ttft_p90=1;tpot_p90=2", "short<=10:"]
)  # fmt: skip
def test_a_class_in_other_words_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(NoPlan, match="--slo"):
        slo_class(text)


def test_numbers_by_gpu_are_read() -> None:
    assert numbers("inventory", "h100-sxm=16, l40s=8") == {"h100-sxm": 16.0, "l40s": 8.0}
    assert numbers("price", "") == {}


@pytest.mark.parametrize("text", ["h100-sxm", "h100-sxm=", "h100-sxm=many", "h100-sxm=0", "h100-sxm=-2", "a=nan"])
def test_numbers_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(NoPlan, match="--inventory"):
        numbers("inventory", text)


def test_offers_have_counts_and_prices_where_given() -> None:
    h100, l40s = offers(["h100-sxm", "l40s"], {"h100-sxm": 16.0}, {"l40s": 1.5}, (1, 2))
    assert (h100.count, h100.price) == (16, None)
    assert (l40s.count, l40s.price, l40s.sizes) == (None, 1.5, (1, 2))


def test_a_gpu_named_twice_is_offered_once() -> None:
    assert len(offers(["l4", "l4"], {}, {})) == 1


def test_an_unknown_gpu_is_refused() -> None:
    with pytest.raises(UnknownProfile, match="h1000"):
        offers(["h1000"], {}, {})


def test_a_count_of_a_gpu_that_is_not_offered_is_refused() -> None:
    with pytest.raises(NoPlan, match="--inventory names l4, which --gpus does not offer"):
        offers(["h100-sxm"], {"l4": 3.0}, {})


def test_objectives_have_names() -> None:
    assert objective("usd") is USD
    assert objective("energy") is ENERGY
    assert objective("weighted", 0.3).usd_per_kwh == 0.3
    with pytest.raises(NoPlan, match="no objective 'cheap'"):
        objective("cheap")


FILE = """
model: llama-3.1-8b
gpus:
  - gpu: h100-sxm
    count: 16
    gpus_per_replica: [1, 2]
  - {gpu: l40s, region: north, price: 1.5, network_s: 0.02}
slo:
  - {name: short, most_prompt: 2048, ttft: {seconds: 0.5, percentile: 99}}
  - {ttft: {seconds: 2.0}, tpot: {seconds: 0.05}}
objective: weighted
availability: 0.999
most_watts: 20000
policy: least_loaded
confidence: 0.9
seeds: 4
engine: {max_num_seqs: 128}
"""


def written(folder: Path, text: str) -> Path:
    """A file with that text."""
    path = folder / "plan.yaml"
    path.write_text(text)
    return path


def test_a_whole_request_is_read_from_a_file(tmp_path: Path) -> None:
    found = from_file(written(tmp_path, FILE))
    assert [one.name for one in found.offers] == ["h100-sxm", "l40s@north"]
    assert found.offers[0].sizes == (1, 2)
    assert found.offers[1].network_s == 0.02
    assert [one.name for one in found.classes] == ["short", "all"]
    assert found.limits.most_watts == 20_000.0
    assert found.limits.most_usd_per_hour == inf
    assert (found.policy, found.confidence, found.seeds) == ("least_loaded", 0.9, 4)
    assert found.engine.max_num_seqs == 128


def test_an_unknown_key_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"plan\.yaml:2.*modle"):
        from_file(written(tmp_path, FILE.replace("model:", "modle:")))


def test_a_class_without_a_deadline_is_refused(tmp_path: Path) -> None:
    text = FILE.replace("- {ttft: {seconds: 2.0}, tpot: {seconds: 0.05}}", "- {name: none}")
    with pytest.raises(NoPlan, match="SLO class none has no deadline"):
        from_file(written(tmp_path, text))


def test_a_file_without_gpus_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="gpus"):
        from_file(written(tmp_path, "model: m\ngpus: []\nslo: [{ttft: {seconds: 1.0}}]\n"))


def test_the_example_request_is_one() -> None:
    found = from_file(Path(__file__).parents[3] / "examples" / "plan-request.yaml")
    assert [one.name for one in found.classes] == ["short", "long"]
    assert found.offers[0].name == "h100-sxm@north"
