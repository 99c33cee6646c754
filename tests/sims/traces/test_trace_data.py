"""The real traces read to the figures that are published of them; skipped where the data is absent."""

import os
from itertools import pairwise
from pathlib import Path

import pytest

from sims.traces.reading.reader import detect, read
from sims.traces.reading.summary import describe

DATA = Path(os.environ.get("WEIR_DATA", Path(__file__).resolve().parents[3].parent / "shared" / "data"))
FILES = {
    "azure": "azure_llm_2023/*.csv.gz",
    "mooncake": "mooncake_conversation/*.jsonl.gz",
    "lmcache_agents": "lmcache_agents/*[a-z].jsonl.gz",
    "taubench_sessions": "taubench_sessions/*.jsonl.gz",
}


def found(pattern: str) -> Path:
    paths = sorted(path for path in DATA.glob(pattern) if "_text" not in path.name)
    if not paths:
        pytest.skip(f"no {pattern} under {DATA}: set WEIR_DATA to the folder of traces")
    return paths[-1]


@pytest.mark.parametrize("name", FILES)
def test_real_files_are_recognised_and_obey_the_laws(name: str) -> None:
    path = found(FILES[name])
    assert detect(path) == name
    arrivals = list(read(path))
    assert all(before.at <= after.at for before, after in pairwise(arrivals))
    assert min(min(a.prompt_tokens, a.output_tokens) for a in arrivals) >= 1


def test_azure_conversation_has_its_published_figures() -> None:
    summary = describe(read(found("azure_llm_2023/conv.csv.gz")))
    if summary.count != 19_366:
        pytest.skip("these are not the published rows")
    assert (summary.rate_rps, summary.cv) == pytest.approx((5.53, 1.09), abs=0.005)
    assert summary.prompt.mean == pytest.approx(1155, abs=1)
    assert (summary.output.p50, summary.output.p90, summary.output.p99) == (129, 424, 601)


def test_mooncake_reuses_about_a_third_of_its_blocks() -> None:
    summary = describe(read(found("mooncake_conversation/*.jsonl.gz")))
    assert summary.reuse_share == pytest.approx(0.35, abs=0.05)
    assert summary.reusing_share == pytest.approx(0.35, abs=0.02)
