"""The model sheets' rows of LLMServingSim's cards are what the fit gives on its profile tables."""

from pathlib import Path

import pytest

from policies.perf.profiles import gpu, model
from sims.calibrate.floors import floors
from sims.calibrate.step_fit import fit
from sims.calibrate.tables import Link, read

TABLES = Path(__file__).parents[4] / "shared" / "data" / "perf_llmservingsim"
pytestmark = pytest.mark.skipif(not TABLES.is_dir(), reason="needs ../shared/data/perf_llmservingsim")

FOLDERS = [
    ("rtx-4090", "llama-3.1-8b", 1, "RTX4090/meta-llama/Llama-3.1-8B"),
    ("rtx-pro-6000", "llama-3.1-8b", 1, "RTXPRO6000/meta-llama/Llama-3.1-8B"),
    ("rtx-pro-6000", "llama-3.1-8b", 2, "RTXPRO6000/meta-llama/Llama-3.1-8B"),
    ("rtx-pro-6000", "qwen3-32b", 1, "RTXPRO6000/Qwen/Qwen3-32B"),
    ("rtx-pro-6000", "qwen3-32b", 2, "RTXPRO6000/Qwen/Qwen3-32B"),
    ("rtx-pro-6000", "qwen3-30b-a3b", 1, "RTXPRO6000/Qwen/Qwen3-30B-A3B-Instruct-2507"),
]


@pytest.mark.parametrize(("card", "name", "gpus", "folder"), FOLDERS)
def test_a_shipped_row_is_the_fit_of_its_tables(card: str, name: str, gpus: int, folder: str) -> None:
    link = Link(gpus=gpus, bytes_per_s=16e9, latency_s=20e-6)
    tables = read(TABLES / folder / "bf16" / f"tp{gpus}", model(name), link)
    found = fit(tables, floors(gpu(card), model(name), gpus))
    shipped = model(name).times(card, gpus)
    assert shipped is not None
    assert dict(shipped.coefficients) == pytest.approx(found.coefficients, rel=1e-3)
    assert shipped.decode_error == pytest.approx(found.decode_error, rel=0.05)


@pytest.mark.parametrize(("card", "name", "gpus", "folder"), FOLDERS)
def test_decode_steps_are_a_straight_line_to_a_few_percent(card: str, name: str, gpus: int, folder: str) -> None:
    shipped = model(name).times(card, gpus)
    assert shipped is not None
    assert shipped.decode_error < (0.06 if model(name).experts else 0.012), folder
