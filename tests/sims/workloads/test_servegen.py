"""Traffic composed of clients: counts, families and lengths as told, window by window."""

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest

from policies.registry import BadSetting
from sims.traces.reading.row import BadTrace
from sims.workloads.drawing.clients import Lengths, Windows, categories, inline
from sims.workloads.drawing.parameters import parameters
from sims.workloads.servegen import Servegen

DATA = Path(os.environ.get("WEIR_DATA", Path(__file__).resolve().parents[3].parent / "shared" / "data")) / "servegen"
FLAT = ((0, 0.0, (10.0, 20.0, 30.0), (1.0, 2.0, 3.0)),)


def of(*windows: tuple[int, float, float, str, float], **settings: float) -> Servegen:
    return Servegen(windows=windows, quantiles=FLAT, window_s=600.0, **settings)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two categories in ServeGen's layout."""
    for category, rate in (("one", 0.5), ("two", 2.0)):
        rates = f"client,t_s,rate_rps,cv,dist,p1,p2\n0,0,{rate},1,Gamma,1,1\n1,600,{rate},1,Weibull,0.6,1\n"
        (tmp_path / f"{category}_rates.csv.gz").write_bytes(gzip.compress(rates.encode()))
        row = json.dumps({"client": 0, "t_s": 0, "input_tokens": [9, 9], "output_tokens": [4, 4]}) + "\n"
        (tmp_path / f"{category}_lengths.jsonl.gz").write_bytes(gzip.compress(row.encode()))
    return tmp_path


def test_a_window_sends_what_its_rate_says() -> None:
    stream = of((0, 0.0, 0.5, "gamma", 1.0), (0, 600.0, 1.0, "weibull", 0.5)).columns(1, until_s=1200.0)
    assert [(stream.at < 600.0).sum(), (stream.at >= 600.0).sum()] == [300, 600]


def test_a_period_begins_again_with_other_draws() -> None:
    stream = of((0, 0.0, 1.0, "gamma", 1.0), (0, 600.0, 0.0, "gamma", 1.0)).columns(1, until_s=3600.0)
    minutes = np.bincount((stream.at // 600.0).astype(int), minlength=6)
    assert minutes.tolist() == [600, 0, 600, 0, 600, 0]
    first, second = stream.at[:600], stream.at[600:1200] - 1200.0
    assert not np.allclose(first, second)


@pytest.mark.parametrize(
    ("family", "shape", "cv"), [("gamma", 0.25, 2.0), ("gamma", 4.0, 0.5), ("weibull", 0.5, 2.236)]
)
def test_gaps_have_the_familys_variation(family: str, shape: float, cv: float) -> None:
    gaps = np.diff(of((0, 0.0, 50.0, family, shape)).columns(2, until_s=600.0).at)
    assert gaps.std() / gaps.mean() == pytest.approx(cv, rel=0.06)


def test_another_rate_asks_more_of_every_client_at_the_same_variation() -> None:
    windows = ((0, 0.0, 1.0, "gamma", 0.25), (1, 0.0, 3.0, "gamma", 1.0))
    stream = of(*windows, rate_rps=40.0).columns(1, until_s=600.0)
    assert len(stream) == pytest.approx(24_000, abs=2)
    whole = of((0, 0.0, 1.0, "gamma", 0.25), rate_rps=40.0).columns(1, until_s=600.0)
    gaps = np.diff(whole.at)
    assert gaps.std() / gaps.mean() == pytest.approx(2.0, rel=0.06)


def test_the_busiest_clients_can_be_taken_alone() -> None:
    windows = tuple((client, 0.0, 0.1 * (client + 1), "gamma", 1.0) for client in range(5))
    assert len(of(*windows, clients=2).columns(1, until_s=600.0)) == 60 * 5 + 60 * 4


def test_extreme_shapes_are_survived() -> None:
    stream = of((0, 0.0, 1.0, "gamma", 1e-6), (1, 0.0, 1.0, "weibull", 1e-6), (2, 0.0, 1.0, "gamma", 1e9)).columns(
        1, until_s=600.0
    )
    assert len(stream) == 1800
    assert np.isfinite(stream.at).all()
    assert (np.diff(stream.at) >= 0.0).all()


def test_clients_without_lengths_draw_from_those_who_have_as_often_as_they_ask() -> None:
    quantiles = ((0, 0.0, (10.0, 10.0), (1.0, 1.0)), (1, 0.0, (90.0, 90.0), (2.0, 2.0)))
    windows = tuple((client, 0.0, rate, "gamma", 1.0) for client, rate in enumerate((1.0, 3.0, 40.0)))
    stream = Servegen(windows=windows, quantiles=quantiles).columns(1, until_s=600.0)
    assert set(stream.prompt_tokens.tolist()) == {10, 90}
    assert (stream.prompt_tokens == 90).mean() == pytest.approx(0.75, abs=0.02)


def test_lengths_are_the_last_that_were_told() -> None:
    lengths = inline(
        [(0, 0.0, (1.0, 1.0), (1.0, 1.0)), (0, 50.0, (2.0, 2.0), (1.0, 1.0)), (2, 9.0, (3.0, 3.0), (1.0, 1.0))]
    )
    client = np.array([0, 1, 2])
    assert lengths.rows_of(client, 0.0).tolist() == [0, -1, 2]
    assert lengths.rows_of(client, 49.0).tolist() == [0, -1, 2]
    assert lengths.rows_of(client, 60.0).tolist() == [1, -1, 2]


def test_pictures_count_as_prompt() -> None:
    each = {"text_tokens": 100.0, "image_count": 3.0, "image_tokens": 50.0, "output_tokens": 7.0}
    lengths = Lengths.of([(0, 0.0, {name: (value, value) for name, value in each.items()})])
    prompt, output = lengths.prompt_and_output(np.zeros(4, np.int64), np.random.default_rng(1))
    assert (set(prompt.tolist()), set(output.tolist())) == ({250}, {7})


def test_a_folder_is_read_by_category(folder: Path) -> None:
    assert categories(folder) == ["one", "two"]
    stream = Servegen(folder=str(folder), category="two").columns(1, until_s=1200.0)
    assert len(stream) == 2400
    assert set(stream.prompt_tokens.tolist()) == {9}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"category": ""}, "no category ''"),
        ({"category": "tow"}, "no category 'tow' in .*: did you mean 'two'"),
        ({"category": "two", "from_s": 9e5}, "no window from 900000 s on asks for anything"),
        ({"category": "two", "rate_rps": -1.0}, "rate_rps must be from 0 to"),
        ({"category": "two", "windows": ((0, 0.0, 1.0, "gamma", 1.0),)}, "given together, and without a folder"),
    ],
)
def test_what_is_wrong_is_one_sentence(folder: Path, settings: dict[str, object], said: str) -> None:
    with pytest.raises((BadSetting, BadTrace), match=said):
        Servegen(folder=str(folder), **settings).columns(1, count=1)  # type: ignore[arg-type]


def test_a_folder_without_rates_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadTrace, match=r"holds no \*_rates\.csv\.gz"):
        Servegen(folder=str(tmp_path)).columns(1, count=1)


def test_the_made_up_clients_have_the_published_figures() -> None:
    published = parameters("servegen").published
    period = Servegen().period()
    asked = np.sort(np.bincount(period.windows.client, period.windows.rate_rps))[::-1]
    assert len(asked) == published["clients"]
    assert asked[:10].sum() / asked.sum() == pytest.approx(published["top_10_share"], abs=0.001)
    by_window = np.bincount((period.windows.t_s // 600).astype(int), period.windows.rate_rps)
    assert by_window.mean() == pytest.approx(published["rate_rps"], rel=1e-6)
    assert by_window.max() == pytest.approx(published["peak_rps"], rel=0.06)
    stream = Servegen(rate_rps=2.0).columns(1, until_s=86400.0)
    for tokens, figures in ((stream.prompt_tokens, published["prompt"]), (stream.output_tokens, published["output"])):
        for key, share in (("p50", 50), ("p90", 90), ("p99", 99)):
            assert np.percentile(tokens, share) == pytest.approx(figures[key], rel=0.06)


@pytest.mark.parametrize("category", ["m-large", "m-mid", "m-small", "deepseek-r1", "mm-image"])
def test_the_real_windows_send_their_recorded_counts(category: str) -> None:
    if not (DATA / f"{category}_rates.csv.gz").exists():
        pytest.skip(f"no {category}_rates.csv.gz under {DATA}: set WEIR_DATA to the folder of traces")
    workload = Servegen(folder=str(DATA), category=category, span_s=1800.0)
    windows: Windows = workload.period().windows
    stream = workload.columns(1, until_s=1800.0)
    assert len(stream) == pytest.approx(windows.rate_rps.sum() * 600.0, rel=0.002, abs=3)
    assert stream.prompt_tokens.min() >= 1


def test_files_may_lie_there_unpacked(folder: Path, tmp_path: Path) -> None:
    packed = Servegen(folder=str(folder), category="two").columns(1, until_s=1200.0)
    plain = tmp_path / "plain"
    plain.mkdir()
    for path in folder.glob("*.gz"):
        (plain / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
    assert categories(plain) == ["one", "two"]
    assert np.array_equal(Servegen(folder=str(plain), category="two").columns(1, until_s=1200.0).at, packed.at)
