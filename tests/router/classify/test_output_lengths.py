"""Output lengths: quantiles by model that hold their share, kept and read again; and what a request is heavy on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.signals.learned import LEARNED
from policies.signals.reading import Reading
from router.classify.answers import Answers, all_of, together
from router.classify.card import length_card
from router.classify.groups import grouped
from router.classify.length_training import FEWEST, bins, evaluation, learn, odds, pinball
from router.classify.lengths import ANY, LONG_PROMPT, NAMES, QUANTILES, at_bins, chance_of_long, heavy, load
from router.classify.linear import BadHead
from router.classify.training import seen_of
from tests.bench.made_sets import make
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
    return Answers(texts=texts, models=("brief", "wordy"), tokens=table, asked=[5] * rows, domains=("all",) * rows)


GIVEN = answers()
FOUND = learn(GIVEN, seen_of(GIVEN.texts, "static", vectors), "static", buckets=256)
LEARNED_LENGTHS, LEFT = FOUND.lengths, FOUND.left


def told_of(text: str, tokens: int = 0) -> dict[str, Reading]:
    """Every signal that lengths answer, of one text that is asked within a prompt of so many tokens."""
    (group,) = grouped(dict.fromkeys((*NAMES, "heavy"), LEARNED_LENGTHS))
    seen = replace(seen_of([text], "static", vectors), sizes=[tokens])
    return {name: readings[0] for name, readings in group.read(seen).items()}


def test_a_long_answer_is_foreseen_and_a_wordy_model_says_more() -> None:
    told = LEARNED_LENGTHS.quantiles(seen_of(["prove thing number 999", "name thing number 999"], "static", vectors))
    brief, wordy = told[:, 0, 1], told[:, 1, 1]
    assert brief[0] > 5 * brief[1]
    assert wordy[0] > 1.5 * brief[0]
    assert LEARNED_LENGTHS.models == ("brief", "wordy", ANY)


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
    told = {name: reading.value for name, reading in told_of("prove thing number 999").items()}
    assert 0 < told["output_p50"] <= told["output_p75"] <= told["output_p90"]
    quantiles = LEARNED_LENGTHS.quantiles(seen_of(["prove thing number 999"], "static", vectors))[0, -1]
    assert [told[name] for name in NAMES] == pytest.approx(quantiles.tolist(), rel=1e-3)


@pytest.mark.parametrize(
    ("text", "tokens", "label"),
    [
        ("prove thing number 999", 0, "decode"),
        ("name thing number 999", 0, "balanced"),
        ("name thing number 999", 4000, "prefill"),
        ("prove thing number 999", 4000, "balanced"),
        (f"name {'thing ' * 600}", 0, "prefill"),
    ],
)
def test_a_request_is_heavy_on_what_it_has_more_of_than_others(text: str, tokens: int, label: str) -> None:
    assert told_of(text, tokens)["heavy"].label == label


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_heaviness_is_a_probability_over_the_signals_labels(tokens: int, chance: float) -> None:
    told = heavy(tokens, chance)
    assert set(told.scores) == set(LEARNED["heavy"].labels)
    assert sum(told.scores.values()) == pytest.approx(1.0)
    assert told.value == max(told.scores.values())
    assert told.scores["decode" if tokens > LONG_PROMPT else "prefill"] == 0


def test_the_chance_of_a_long_answer_is_what_left_out_rows_bear_out() -> None:
    long = GIVEN.with_any()[:, -1] > 128
    assert ((FOUND.long > 0.5) == long).mean() > 0.9
    assert FOUND.long.mean() == pytest.approx(long.mean(), abs=0.08)


def test_odds_are_finite_even_where_all_answers_are_long() -> None:
    found = odds(np.full(50, 6, np.float32), np.full(50, 900, np.float32))
    assert np.isfinite(found).all()
    assert chance_of_long(np.array([6.0], np.float32), found)[0] > 0.8


def test_a_gap_is_filled_by_what_other_models_said_to_that_text() -> None:
    logs = GIVEN.logs()
    gaps = np.isnan(GIVEN.tokens[:, 1])
    assert np.isfinite(logs).all()
    assert np.corrcoef(logs[gaps, 1], logs[gaps, 0])[0, 1] > 0.99
    assert (logs[gaps, 1] - logs[gaps, 0]).mean() == pytest.approx(np.log(2), abs=0.05)


def test_sets_of_other_models_and_other_prompts_are_put_together() -> None:
    """No prompt is in both: how long either set's answers are says nothing of the other's models."""
    other = replace(answers(40), models=("third", "wordy"))
    both = together({"one": GIVEN, "other": other})
    assert both.models == ("brief", "wordy", "third")
    assert len(both.texts) == len(both.asked) == len(both.domains) == 340
    assert np.isnan(both.tokens[300:, 0]).all()
    assert np.array_equal(both.tokens[300:, 2], other.tokens[:, 0])
    assert np.isfinite(both.logs()).all()
    assert both.counts()[:300].sum() == pytest.approx(both.counts()[300:].sum())
    assert both.counts().mean() == pytest.approx(1)
    assert set(GIVEN.counts().tolist()) == {1.0}


def test_a_set_of_longer_answers_stays_longer_whoever_answered() -> None:
    """Where no model is in both sets, the prompts of the wordy set are taken to need more words from any model."""
    other = replace(answers(40), models=("third", "fourth"), tokens=10 * answers(40).tokens)
    any_model = together({"one": GIVEN, "other": other}).logs()[:, -1]
    assert any_model[300:].mean() - any_model[:300].mean() == pytest.approx(np.log(10), abs=0.3)


def test_all_sets_of_a_folder_are_read_and_a_folder_without_any_is_told(tmp_path: Path) -> None:
    found = all_of(make(tmp_path / "data"))
    assert len(found.texts) == 14 * 20 + 60
    assert min(found.asked) >= 0
    with pytest.raises(FileNotFoundError, match="holds none of mmlu_pro, arena_hard"):
        all_of(tmp_path / "nothing")


def test_the_pinball_loss_is_least_at_the_quantile() -> None:
    tokens = np.arange(101, dtype=np.float32)
    losses = [pinball(tokens, np.float32(level), 0.75).mean() for level in range(101)]
    assert int(np.argmin(losses)) == 75
    assert np.isnan(pinball(np.array([np.nan]), np.array([1.0]), 0.5)).all()


def test_few_rows_fill_one_bin_and_many_fill_more() -> None:
    tokens = np.array([1, 2, 3, 4, np.nan], np.float32)
    middles, factors = bins(np.zeros(5, np.float32), tokens, np.ones(5, np.float32))
    assert len(set(middles.tolist())) == 1
    assert at_bins(np.array([0.0, 9.0]), middles, factors).shape == (2, 3)
    ones = np.ones(3 * FEWEST, np.float32)
    middles, _ = bins(np.linspace(0, 1, len(ones), dtype=np.float32), ones, ones)
    assert len(set(middles.tolist())) == 3


def test_rows_that_count_more_move_the_quantiles_to_theirs() -> None:
    tokens = np.array([9.0] * 50 + [99.0] * 50, np.float32)
    counts = np.array([1.0] * 50 + [9.0] * 50, np.float32)
    logs = np.zeros(100, np.float32)
    assert bins(logs, tokens, np.ones(100, np.float32))[1][0, 0] == 10
    assert bins(logs, tokens, counts)[1][0, 0] == 100


def test_how_any_models_p75_holds_is_told_by_set() -> None:
    both = together({"one": GIVEN, "other": replace(answers(120), models=("third", "fourth"))})
    found = learn(both, seen_of(both.texts, "static", vectors), "static", buckets=256).lengths.card
    assert found["any_within_p75_of_one"] == pytest.approx(0.75, abs=0.1)
    assert found["any_within_p75_of_other"] == pytest.approx(0.75, abs=0.12)


def test_the_card_tells_what_left_out_rows_found() -> None:
    found = evaluation(GIVEN, LEFT, FOUND.long)
    assert found["p75_loss_below_each_models_own"] > 0.3
    assert found["within_p90"] == pytest.approx(0.9, abs=0.08)
    said = length_card(LEARNED_LENGTHS)
    assert "Output tokens of 2 models" in said
    assert f"| long answer accuracy | {found['long_answer_accuracy']:.4g} |" in said


def test_kept_lengths_tell_the_same(tmp_path: Path) -> None:
    LEARNED_LENGTHS.save(tmp_path / "length.npz")
    seen, again = seen_of(["prove thing number 999"], "static", vectors), load(tmp_path / "length.npz")
    assert np.array_equal(again.quantiles(seen), LEARNED_LENGTHS.quantiles(seen))
    assert again.long.tolist() == LEARNED_LENGTHS.long.tolist()
    (tmp_path / "other.npz").write_bytes(b"no")
    with pytest.raises(BadHead, match="does not tell lengths"):
        load(tmp_path / "other.npz")
