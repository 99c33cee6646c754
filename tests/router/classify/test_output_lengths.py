"""Output lengths: quantiles by model that hold their share, kept and read again."""

from pathlib import Path

import numpy as np
import pytest

from router.classify.lengths import ANY, QUANTILES, Answers, at_bins, bins, learn, load, pinball, signals
from router.classify.linear import BadHead
from router.classify.training import seen_of
from tests.router.classify.made_up import vectors

LONG = ("prove", "derive", "explain")
SHORT = ("name", "which", "when")


def answers(rows: int = 300) -> Answers:
    """Prompts whose first word tells how long the answer gets; the second model says twice as much."""
    chance, texts, tokens = np.random.default_rng(0), [], []
    for at in range(rows):
        long = at % 2 == 0
        word = (LONG if long else SHORT)[at % 3]
        texts.append(f"{word} thing number {at}")
        usual = (400 if long else 20) * np.exp(chance.normal(scale=0.3))
        tokens.append([usual, 2 * usual])
    table = np.array(tokens, np.float32)
    table[::7, 1] = np.nan
    return Answers(texts=texts, models=("brief", "wordy"), tokens=table)


GIVEN = answers()
LEARNED, LEFT = learn(GIVEN, seen_of(GIVEN.texts, "static", vectors), "static", buckets=256)


def test_a_long_answer_is_foreseen_and_a_wordy_model_says_more() -> None:
    told = LEARNED.quantiles(seen_of(["prove thing number 999", "name thing number 999"], "static", vectors))
    brief, wordy = told[:, 0, 1], told[:, 1, 1]
    assert brief[0] > 5 * brief[1]
    assert wordy[0] > 1.5 * brief[0]
    assert LEARNED.models == ("brief", "wordy", ANY)


def test_quantiles_ascend_and_hold_their_share_of_left_out_answers() -> None:
    assert (np.diff(LEFT, axis=2) >= 0).all()
    for at, quantile in enumerate(QUANTILES):
        within = GIVEN.tokens[:, 0] <= LEFT[:, 0, at]
        assert within.mean() == pytest.approx(quantile, abs=0.08)


def test_the_text_is_worth_more_than_one_quantile_for_all() -> None:
    flat = np.float32(np.quantile(GIVEN.tokens[:, 0], 0.75))
    assert (
        pinball(GIVEN.tokens[:, 0], LEFT[:, 0, 1], 0.75).mean() < 0.7 * pinball(GIVEN.tokens[:, 0], flat, 0.75).mean()
    )


def test_three_signals_answer_in_tokens() -> None:
    seen = seen_of(["prove thing number 999"], "static", vectors)
    told = {name: head.readings(seen)[0].value for name, head in signals(LEARNED).items()}
    assert set(told) == {"output_p50", "output_p75", "output_p90"}
    assert 0 < told["output_p50"] <= told["output_p75"] <= told["output_p90"]
    assert signals(LEARNED)["output_p50"].tier == "static"


def test_a_gap_is_filled_by_what_other_models_said_to_that_text() -> None:
    logs = GIVEN.logs()
    gaps = np.isnan(GIVEN.tokens[:, 1])
    assert np.isfinite(logs).all()
    assert np.corrcoef(logs[gaps, 1], logs[gaps, 0])[0, 1] > 0.99


def test_the_pinball_loss_is_least_at_the_quantile() -> None:
    tokens = np.arange(101, dtype=np.float32)
    losses = [pinball(tokens, np.float32(level), 0.75).mean() for level in range(101)]
    assert int(np.argmin(losses)) == 75
    assert np.isnan(pinball(np.array([np.nan]), np.array([1.0]), 0.5)).all()


def test_few_rows_fill_one_bin() -> None:
    middles, factors = bins(np.zeros(5, np.float32), np.array([1, 2, 3, 4, np.nan], np.float32))
    assert len(set(middles.tolist())) == 1
    assert at_bins(np.array([0.0, 9.0]), middles, factors).shape == (2, 3)


def test_kept_lengths_tell_the_same(tmp_path: Path) -> None:
    LEARNED.save(tmp_path / "length.npz")
    seen = seen_of(["prove thing number 999"], "static", vectors)
    assert load(tmp_path / "length.npz").readings(seen) == LEARNED.readings(seen)
    (tmp_path / "other.npz").write_bytes(b"no")
    with pytest.raises(BadHead, match="does not tell lengths"):
        load(tmp_path / "other.npz")
