"""GPU and model sheets: every one loads, every number has a source, and names are looked up kindly."""

import re
from dataclasses import fields
from importlib.resources import files
from math import isclose
from typing import Any

import pytest

from policies.perf import gpu as gpu_sheets
from policies.perf import model as model_sheets
from policies.perf import sheets
from policies.perf.profiles import UnknownProfile, gpu, gpu_names, latency_model, model, model_names

SHEETS = [(folder, name) for folder in ("gpus", "models") for name in sheets.names(folder)]


def stems(folder: str) -> set[str]:
    return {f.name.removesuffix(".toml") for f in files("policies").joinpath(folder).iterdir() if "toml" in f.name}


def test_the_folders_are_the_tables_of_contents() -> None:
    assert set(gpu_names()) == stems("gpus")
    assert set(model_names()) == stems("models")


def test_the_promised_profiles_are_there() -> None:
    assert {"a10g", "l4", "l40s", "a100-40", "a100-80", "h100-sxm", "h100-pcie", "h200", "b200", "mi300x"} <= set(
        gpu_names()
    )
    assert {"llama-3.1-8b", "llama-3.1-70b", "qwen3-8b", "qwen3-32b", "qwen3-30b-a3b", "qwen3-235b-a22b"} <= set(
        model_names()
    )
    assert {"mixtral-8x7b", "deepseek-v3"} <= set(model_names())


@pytest.mark.parametrize("name", gpu_names())
def test_every_gpu_loads_and_every_number_of_it_has_a_source(name: str) -> None:
    card = gpu(name)
    sourced = {key for key, source in card.sources if source.strip()}
    absent = {"power_points"} if not card.power_points else set()
    assert sourced == {f.name for f in fields(card)} - {"name", "title", "sources"} - absent


@pytest.mark.parametrize("name", model_names())
def test_every_model_loads_and_every_number_of_it_has_a_source(name: str) -> None:
    profile = model(name)
    assert "config.json of " in profile.source
    known = ("AIConfigurator 0.12", "LLMServingSim profile tables")
    assert all(any(name in times.source for name in known) for times in profile.measured)


@pytest.mark.parametrize(("folder", "name"), SHEETS)
def test_no_sheet_names_a_place_on_somebodys_machine(folder: str, name: str) -> None:
    text = files("policies").joinpath(folder, f"{name}.toml").read_text(encoding="utf-8")
    assert not re.search(r"(^|[\s\"(])/\w+|\.md\b|\\\\|section \d", text)


@pytest.mark.parametrize("name", gpu_names())
def test_prices_lie_within_their_range(name: str) -> None:
    card = gpu(name)
    assert card.price_low <= card.price_per_hour <= card.price_high


@pytest.mark.parametrize("name", gpu_names())
def test_efficiencies_are_fractions(name: str) -> None:
    card = gpu(name)
    for share in (card.weight_efficiency, card.context_efficiency, card.prefill_efficiency, card.attention_efficiency):
        assert 0.0 < share < 1.0


@pytest.mark.parametrize("name", gpu_names())
def test_all_reduce_is_slower_than_the_link_it_runs_over(name: str) -> None:
    assert max(gpu(name).reduce_bytes_per_s) < gpu(name).link_bytes_per_s


@pytest.mark.parametrize("name", gpu_names())
def test_all_reduce_rates_hold_for_the_next_group_size(name: str) -> None:
    card = gpu(name)
    assert [card.reduce_rate(n) for n in (2, 3, 4, 8, 16)] == [card.reduce_bytes_per_s[k] for k in (0, 1, 1, 2, 2)]


LATENT = ("deepseek-v3", "kimi-k2.5", "glm-5")
"""Models whose attention keeps a latent."""

HYBRID = ("gpt-oss-120b", "qwen3.5-397b-a17b")
"""Models some of whose layers keep a window or a state of fixed size in place of all tokens."""


def shape_params(name: str) -> float:
    """Parameters from a dense or mixture model's shape, norms and routers left out."""
    sizes = {
        "llama-3.1-8b": 14336, "llama-3.1-70b": 28672, "qwen3-8b": 12288, "qwen3-32b": 25600,
        "qwen3-30b-a3b": 768, "qwen3-235b-a22b": 1536, "mixtral-8x7b": 14336, "minimax-m2.5": 1536,
        "gpt-oss-120b": 2880, "qwen2.5-vl-7b": 18944, "qwen3-vl-8b": 12288,
    }  # fmt: skip
    m = model(name)
    attention = m.hidden * m.head_dim * 2 * (m.heads + m.kv_heads)
    feed_forward = 3 * m.hidden * sizes[name] * max(m.experts, 1)
    return m.layers * (attention + feed_forward) + m.embedding_params + m.head_params


@pytest.mark.parametrize("name", sorted({*model_names()} - {*LATENT, "qwen3.5-397b-a17b"}))
def test_parameter_counts_follow_from_the_shape(name: str) -> None:
    assert isclose(shape_params(name), model(name).total_params, rel_tol=1e-3)


@pytest.mark.parametrize(
    ("name", "total", "active"),
    [("qwen3-30b-a3b", 30.5e9, 3.3e9), ("qwen3-235b-a22b", 235e9, 22e9), ("mixtral-8x7b", 46.7e9, 12.9e9),
     ("deepseek-v3", 671e9, 37e9), ("kimi-k2.5", 1026e9, 32e9), ("glm-5", 744e9, 40e9), ("minimax-m2.5", 229e9, 10e9),
     ("gpt-oss-120b", 117e9, 5.1e9), ("qwen3.5-397b-a17b", 397e9, 17e9)],
)  # fmt: skip
def test_mixtures_have_the_total_and_active_counts_in_their_names(name: str, total: float, active: float) -> None:
    profile = model(name)
    without = profile.active_params
    everything_active = without + profile.embedding_params + profile.head_params
    assert isclose(profile.total_params, total, rel_tol=0.01)
    assert without * 0.95 <= active <= everything_active * 1.12


@pytest.mark.parametrize("name", sorted({*model_names()} - {*LATENT, *HYBRID}))
def test_kv_bytes_follow_from_the_shape(name: str) -> None:
    m = model(name)
    assert m.kv_bytes_per_token == 2 * m.layers * m.kv_heads * m.head_dim * 2


@pytest.mark.parametrize("name", LATENT)
def test_latent_attention_keeps_one_latent_a_layer(name: str) -> None:
    profile = model(name)
    assert profile.kv_bytes_per_token == profile.layers * profile.head_dim * 2


@pytest.mark.parametrize(("name", "share"), [(HYBRID[0], 2), (HYBRID[1], 4)])
def test_layers_that_forget_keep_no_kv(name: str, share: int) -> None:
    m = model(name)
    assert m.kv_bytes_per_token * share == 2 * m.layers * m.kv_heads * m.head_dim * 2
    assert m.query_dim * share == m.value_dim * share == m.head_dim


def test_a_row_may_have_a_source_of_its_own() -> None:
    sources = {(times.gpu, times.source.split()[0]) for times in model("llama-3.1-8b").measured}
    assert ("rtx-4090", "LLMServingSim") in sources
    assert ("h200", "AIConfigurator") in sources


def test_tokenizers_and_templates_are_of_known_families() -> None:
    assert {model(name).tokenizer for name in model_names()} == {"llama3", "qwen3", ""}
    assert {model(name).template for name in model_names()} == {"llama3", "chatml", "mistral", "deepseek"}


def test_profiles_are_read_once() -> None:
    assert gpu("h200") is gpu("h200")
    assert model("qwen3-8b") is model("qwen3-8b")


def test_an_unknown_gpu_is_an_error_with_the_nearest_name_and_all_names() -> None:
    with pytest.raises(UnknownProfile) as caught:
        gpu("h100-sxn")
    assert "no profile 'h100-sxn' in policies/gpus: did you mean 'h100-sxm'?" in str(caught.value)
    assert all(name in str(caught.value) for name in gpu_names())


def test_an_unknown_model_is_an_error_with_the_nearest_name_and_all_names() -> None:
    with pytest.raises(UnknownProfile) as caught:
        latency_model("h200", "qwen3-9b")
    assert "did you mean 'qwen3-8b'?" in str(caught.value)
    assert all(name in str(caught.value) for name in model_names())


def test_an_unknown_profile_is_a_lookup_error() -> None:
    assert issubclass(UnknownProfile, LookupError)


@pytest.mark.parametrize("name", ["../perf/step", "", "h200.toml"])
def test_a_name_is_never_a_path(name: str) -> None:
    with pytest.raises(UnknownProfile):
        gpu(name)


def h200() -> dict[str, Any]:
    return dict(sheets.read("gpus", "h200"))


def test_a_key_too_many_in_a_gpu_sheet_is_refused_by_name() -> None:
    with pytest.raises(sheets.BadSheet, match=r"unknown \['tdp'\]; known keys: .*limit_w"):
        gpu_sheets.from_sheet("h200", {**h200(), "tdp": {"value": 700, "source": "x"}})


def test_a_key_too_few_in_a_gpu_sheet_is_refused_by_name() -> None:
    sheet = h200()
    del sheet["limit_w"]
    with pytest.raises(sheets.BadSheet, match=r"gpus/h200: missing \['limit_w'\]"):
        gpu_sheets.from_sheet("h200", sheet)


def test_a_number_without_a_source_is_refused() -> None:
    with pytest.raises(sheets.BadSheet, match=r"gpus/h200: limit_w: missing \['source'\]"):
        gpu_sheets.from_sheet("h200", {**h200(), "limit_w": {"value": 700}})


def test_a_misspelt_architecture_key_is_refused() -> None:
    sheet = dict(sheets.read("models", "qwen3-8b"))
    sheet["architecture"] = {**sheet["architecture"], "layer": 36}
    with pytest.raises(sheets.BadSheet, match=r"unknown \['layer'\]"):
        model_sheets.from_sheet("qwen3-8b", sheet)


def test_a_misspelt_coefficient_is_refused() -> None:
    sheet = dict(sheets.read("models", "qwen3-32b"))
    row = {"gpu": "h200", "gpus": 1, "base_ms": 1.0, "decode_error": 0.1, "tokens_us": 3.0}
    with pytest.raises(sheets.BadSheet, match=r"unknown \['tokens_us'\]"):
        model_sheets.from_sheet("qwen3-32b", {**sheet, "measured": {"source": "x", "rows": [row]}})


@pytest.mark.parametrize("name", model_names())
def test_no_combination_is_measured_twice(name: str) -> None:
    places = [(times.gpu, times.gpus) for times in model(name).measured]
    assert len(places) == len(set(places))
