"""Step coefficients from datasheets, beside the measured ones they stand in for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from statistics import mean, median
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.perf.gpu import GpuProfile
from policies.perf.model import ModelProfile, StepTimes
from policies.perf.profiles import gpu, gpu_names, latency_model, model, model_names
from policies.perf.roofline import LAYER_S, REDUCE_LAYER_S, coefficients
from policies.perf.step import model_seconds

LOADS = ((1, 1024), (32, 32 * 1024), (128, 128 * 2048))
PROMPTS = (1024, 4096, 8192)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One measured combination beside the roofline's answer for it."""

    card: GpuProfile
    profile: ModelProfile
    times: StepTimes

    @property
    def measured(self) -> dict[str, float]:
        return dict(self.times.coefficients)

    def predicted(self, card: GpuProfile | None = None) -> dict[str, float]:
        return coefficients(card or self.card, self.profile, self.times.gpus)

    def seconds(self, given: dict[str, float], *load: float) -> float:
        c = self.predicted() | given
        return model_seconds(
            c["base_s"], c["sequence_s"], c["context_s"], c["expert_s"], self.profile.experts, self.profile.top_k,
            c["prefill_base_s"], c["token_s"], c["attention_s"], *load,
        )  # fmt: skip


def entries(mixture: bool) -> Iterator[Entry]:
    """AIConfigurator's combinations but 70B on eight PCIe cards, which nobody should run and whose fit is broken."""
    for name in model_names():
        profile = model(name)
        for times in profile.measured:
            usable = "AIConfigurator" in times.source and (times.gpu, times.gpus) != ("l40s", 8)
            if bool(profile.experts) == mixture and usable:
                yield Entry(card=gpu(times.gpu), profile=profile, times=times)


DENSE, MIXTURES = list(entries(mixture=False)), list(entries(mixture=True))


def errors(chosen: list[Entry], term: str) -> list[float]:
    """Relative errors of one coefficient where it was measured."""
    return [abs(e.predicted()[term] / e.measured[term] - 1) for e in chosen if e.measured.get(term)]


def step_errors(chosen: list[Entry], loads: list[tuple[float, ...]]) -> list[float]:
    """Relative errors of whole steps."""
    return [abs(e.seconds(e.predicted(), *load) / e.seconds(e.measured, *load) - 1) for e in chosen for load in loads]


DECODES: list[tuple[float, ...]] = [(batch, context, 0, 0) for batch, context in LOADS]
PREFILLS: list[tuple[float, ...]] = [(0, 0, n, n * n / 2) for n in PROMPTS]


def test_a_dense_decode_step_is_within_three_percent_on_average_and_eleven_at_worst() -> None:
    assert mean(step_errors(DENSE, DECODES)) <= 0.03
    assert max(step_errors(DENSE, DECODES)) <= 0.11


def test_a_dense_prompt_is_within_three_percent_on_average_and_twelve_at_worst() -> None:
    assert mean(step_errors(DENSE, PREFILLS)) <= 0.03
    assert max(step_errors(DENSE, PREFILLS)) <= 0.12


def test_a_mixtures_decode_step_is_within_nine_percent_on_average_and_seventy_at_worst() -> None:
    """The worst is a lone sequence on L40S, whose fitted base is less than reading its own weights takes."""
    assert mean(step_errors(MIXTURES, DECODES)) <= 0.09
    assert max(step_errors(MIXTURES, DECODES)) <= 0.70
    others = [e for e in MIXTURES if e.card.name != "l40s"]
    assert max(step_errors(others, DECODES)) <= 0.27


def test_a_mixtures_prompt_is_within_half() -> None:
    prefilled = [e for e in MIXTURES if "token_s" in e.measured]
    assert mean(step_errors(prefilled, PREFILLS)) <= 0.15
    assert max(step_errors(prefilled, PREFILLS)) <= 0.46


@pytest.mark.parametrize(
    ("term", "average", "worst"),
    [("base_s", 0.03, 0.11), ("context_s", 0.05, 0.25), ("token_s", 0.03, 0.14), ("sequence_s", 0.12, 0.36),
     ("prefill_base_s", 0.11, 0.36), ("attention_s", 0.09, 0.62)],
)  # fmt: skip
def test_each_dense_coefficient_is_as_near_as_stated(term: str, average: float, worst: float) -> None:
    assert mean(errors(DENSE, term)) <= average
    assert max(errors(DENSE, term)) <= worst


def implied_weights(e: Entry) -> float:
    """The weight efficiency that would make this entry's base exact."""
    fixed = e.profile.layers * (LAYER_S + (REDUCE_LAYER_S if e.times.gpus > 1 else 0.0))
    read = e.profile.shared_params * e.profile.bytes_per_param / (e.card.memory_bytes_per_s * e.times.gpus)
    return read / (e.measured["base_s"] - fixed)


def implied_context(e: Entry) -> float:
    """The KV efficiency that would make this entry's context term exact."""
    return e.predicted()["context_s"] * e.card.context_efficiency / e.measured["context_s"]


def implied_attention(e: Entry) -> float:
    """The attention efficiency that would make this entry's attention term exact."""
    return e.predicted()["attention_s"] * e.card.attention_efficiency / e.measured["attention_s"]


def left_out(term: str, efficiency: str, implied: Callable[[Entry], float]) -> list[float]:
    """Errors of one coefficient when its GPU's efficiency is the median over the GPU's other entries."""
    found = []
    for e in DENSE:
        others = [implied(o) for o in DENSE if o.card == e.card and o is not e]
        learnt: dict[str, Any] = {efficiency: median(others)}
        blind = replace(e.card, **learnt)
        found.append(abs(e.predicted(blind)[term] / e.measured[term] - 1))
    return found


@pytest.mark.parametrize(
    ("term", "efficiency", "implied", "average", "worst"),
    [
        ("base_s", "weight_efficiency", implied_weights, 0.055, 0.17),
        ("context_s", "context_efficiency", implied_context, 0.06, 0.40),
        ("attention_s", "attention_efficiency", implied_attention, 0.11, 0.66),
    ],
)
def test_an_entry_is_predicted_from_the_others_within_the_stated_error(
    term: str, efficiency: str, implied: Callable[[Entry], float], average: float, worst: float
) -> None:
    found = left_out(term, efficiency, implied)
    assert mean(found) <= average
    assert max(found) <= worst


def products_and_reductions(chosen: list[Entry]) -> tuple[float, float]:
    """Prefill efficiency and all-reduce rate that fit these entries' token terms best, by relative error."""
    rows = []
    for e in chosen:
        n, token_s = e.times.gpus, e.measured["token_s"]
        product = 2 * e.profile.active_params / (e.card.bf16_flops * n)
        moved = 8 * e.profile.layers * e.profile.hidden * (n - 1) / n
        rows.append((product / token_s, moved / token_s))
    x, *_ = np.linalg.lstsq(np.array(rows), np.ones(len(rows)), rcond=None)
    return 1 / x[0], 1 / x[1]


@pytest.mark.parametrize("name", ["a100-80", "h100-sxm", "h200", "b200"])
def test_a_token_term_is_predicted_from_the_others_within_a_quarter(name: str) -> None:
    """Worst when the left-out row is the only one on a single GPU or the only one on eight."""
    chosen = [e for e in DENSE if e.card.name == name]
    for e in chosen:
        efficiency, rate = products_and_reductions([o for o in chosen if o is not e])
        blind = replace(e.card, prefill_efficiency=efficiency, reduce_bytes_per_s=(rate, rate, rate))
        assert abs(e.predicted(blind)["token_s"] / e.measured["token_s"] - 1) <= 0.25


def test_more_than_two_pcie_cards_are_no_use_for_prefill() -> None:
    two, four = (coefficients(gpu("l40s"), model("qwen3-32b"), n)["token_s"] for n in (2, 4))
    assert four > 2 * two


def test_fp8_weights_use_fp8_arithmetic_where_the_card_has_it() -> None:
    assert gpu("h100-sxm").flops(1.0) == 2 * gpu("h100-sxm").flops(2.0)
    assert gpu("a100-80").flops(1.0) == gpu("a100-80").flops(2.0)


combinations = st.tuples(st.sampled_from(gpu_names()), st.sampled_from(model_names()))


@given(combinations, st.sampled_from([1, 2, 4, 8, 16]))
def test_every_coefficient_is_positive_but_experts_of_dense_models(pair: tuple[str, str], n: int) -> None:
    card, profile = gpu(pair[0]), model(pair[1])
    found = coefficients(card, profile, n)
    assert all(value > 0 for name, value in found.items() if name != "expert_s")
    assert (found["expert_s"] > 0) == bool(profile.experts)


@given(combinations, st.sampled_from([2, 4, 8]))
def test_more_gpus_never_read_weights_slower(pair: tuple[str, str], n: int) -> None:
    card, profile = gpu(pair[0]), model(pair[1])
    fewer, more = coefficients(card, profile, n), coefficients(card, profile, 2 * n)
    assert more["base_s"] < fewer["base_s"]
    assert more["context_s"] <= fewer["context_s"]


@given(combinations, st.floats(1.1, 4.0))
def test_a_card_with_more_bandwidth_is_never_slower(pair: tuple[str, str], factor: float) -> None:
    card, profile = gpu(pair[0]), model(pair[1])
    faster = replace(card, memory_bytes_per_s=card.memory_bytes_per_s * factor)
    slow, fast = coefficients(card, profile, 1), coefficients(faster, profile, 1)
    assert all(fast[name] <= slow[name] for name in slow)


def test_what_was_not_measured_says_so() -> None:
    replica = latency_model("h100-sxm", "qwen3-8b")
    assert not replica.measured
    assert {source for name, source in replica.sources if name == "token_s"} == {
        "roofline: datasheet figures times efficiencies fitted to the AIConfigurator 0.12 tables"
    }
