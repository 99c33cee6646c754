"""What no step can be faster than."""

import pytest

from policies.perf.profiles import gpu, model, model_names
from sims.calibrate.floors import floors


def test_an_8b_model_needs_its_bytes_over_the_bandwidth_of_the_card() -> None:
    least = floors(gpu("h100-sxm"), model("llama-3.1-8b"), 1)
    assert least["base_s"] == pytest.approx((8_030_261_248 - 525_336_576) * 2 / 3.35e12)
    assert least["context_s"] == pytest.approx(131_072 / 3.35e12)


def test_a_prompt_token_needs_two_operations_a_parameter() -> None:
    least = floors(gpu("h100-sxm"), model("qwen3-32b"), 2)
    assert least["token_s"] == pytest.approx(2 * model("qwen3-32b").active_params / (2 * 989e12))


def test_more_gpus_lower_every_floor() -> None:
    one, two = (floors(gpu("h200"), model("llama-3.1-70b"), n) for n in (4, 8))
    assert all(two[name] == pytest.approx(one[name] / 2) for name in one)


@pytest.mark.parametrize("name", [name for name in model_names() if not model(name).experts])
def test_no_shipped_measurement_is_below_the_floors(name: str) -> None:
    """By no more than 15 %: a line through a step's times is off by as much at its end. Experts share what a mixture's
    steps read with its base in a way that a line cannot tell."""
    for times in model(name).measured:
        least = floors(gpu(times.gpu), model(name), times.gpus)
        found = dict(times.coefficients)
        assert found["base_s"] >= 0.85 * least["base_s"]
        assert found.get("token_s", 1.0) >= 0.85 * least["token_s"]
