"""Length distributions as fleet simulators publish them."""

import json
from pathlib import Path

import numpy as np
import pytest

from policies.registry import BadSetting
from sims.traces.reading.row import BadTrace
from sims.workloads.cdf import Cdf, built_in, distribution
from sims.workloads.drawing.cumulative import Cumulative
from sims.workloads.drawing.times import weibull_cv, weibull_shape

SHAPE = [[10, 0.5], [20, 0.5], [100, 1.0]]


@pytest.mark.parametrize("name", ["azure", "lmsys", "agent_heavy"])
def test_a_published_distribution_is_drawn_as_published(name: str) -> None:
    stream = Cdf(lengths=name).columns(1, count=200_000)
    total = stream.prompt_tokens + stream.output_tokens
    for tokens, share in zip(built_in()[name].tokens, built_in()[name].shares, strict=True):
        assert (total <= tokens).mean() == pytest.approx(share, abs=0.01)
    assert total.mean() == pytest.approx(built_in()[name].mean, rel=0.02)


def test_prompts_are_four_fifths_rounded_down_and_nothing_is_lost() -> None:
    stream = Cdf().columns(1, count=50_000)
    total = stream.prompt_tokens + stream.output_tokens
    assert (stream.prompt_tokens[total >= 2] == np.maximum(total[total >= 2] * 4 // 5, 1)).all()
    assert stream.output_tokens.min() >= 1


def test_where_a_distribution_is_flat_there_are_no_lengths() -> None:
    drawn = Cumulative.of(SHAPE, "x").at(np.random.default_rng(1).random(10_000))
    assert not ((drawn > 10) & (drawn < 20)).any()
    assert (drawn <= 10).mean() == pytest.approx(0.5, abs=0.02)
    assert (drawn.min(), drawn.max()) == (1, 100)


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_file_of_another_folder_is_read(tmp_path: Path, wrapped: bool) -> None:
    path = tmp_path / "mine_cdf.json"
    path.write_text(json.dumps({"cdf": SHAPE, "source": "made up"} if wrapped else SHAPE))
    assert distribution(str(path)) == Cumulative.of(SHAPE, "x")
    assert Cdf(lengths=str(path)).columns(1, count=100).prompt_tokens.max() <= 80


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[", "is not JSON"),
        ("{}", "holds no list"),
        ("[[1, 0.5], [2]]", "point 2: .* is not"),
        ("[[1, 0.5], [2, NaN]]", "point 2: .* needs 1 to 16,777,216 tokens and a share of 0 to 1"),
        ("[[1, 0.5], [1000000000, 1]]", "point 2: .* needs 1 to 16,777,216"),
        ("[[5, 0.5], [2, 1]]", "point 2: .* does not rise from"),
        ("[[5, 0.5], [20, 0.9]]", "does not reach share 1"),
        ("[]", "does not reach share 1"),
    ],
)
def test_a_bad_file_is_refused_with_its_point(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "bad_cdf.json"
    path.write_text(content)
    with pytest.raises(BadTrace, match=f"bad_cdf.json.*{said}"):
        distribution(str(path))


def test_a_name_nobody_published_lists_the_known() -> None:
    with pytest.raises(BadSetting, match="did you mean 'azure'"):
        Cdf(lengths="azur").columns(1, count=1)
    with pytest.raises(BadTrace, match="no such file"):
        Cdf(lengths="nowhere.json").columns(1, count=1)


@pytest.mark.parametrize(
    "settings",
    [
        {"rate_rps": 0.0},
        {"cv": -1.0},
        {"family": "pareto"},
        {"prompt_share": 1.0},
        {"correlation": 2.0},
        {"prompt": ((0.0, 1.0), (1.0, 9.0))},
        {"prompt": ((0.0, 1.0), (0.9, 9.0)), "output": ((0.0, 1.0), (1.0, 9.0))},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(BadSetting):
        Cdf(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("cv", [0.3, 1.0, 2.0, 8.0])
def test_a_weibull_shape_has_its_variation(cv: float) -> None:
    assert weibull_cv(weibull_shape(cv)) == pytest.approx(cv, rel=1e-6)


@pytest.mark.parametrize("family", ["gamma", "weibull", "poisson"])
def test_arrivals_have_the_asked_rate_and_variation(family: str) -> None:
    gaps = np.diff(Cdf(rate_rps=7.0, cv=2.0, family=family).columns(1, count=100_000).at)
    assert gaps.mean() == pytest.approx(1 / 7, rel=0.03)
    assert gaps.std() / gaps.mean() == pytest.approx(1.0 if family == "poisson" else 2.0, rel=0.05)
