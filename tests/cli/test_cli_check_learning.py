"""`weir check` of rules with a learner: what it will do, and what is wrong with it in a sentence."""

from pathlib import Path

import pytest

from tests.cli.weir_command import Weir

RULES = "fallback: {models: [small, large]}\n"
GOOD = """\
learn:
  policy: thompson
  settings: {scale: 0.5}
  context: [turns, difficulty]
  budget: {start_usd: 5.0, share: 0.1}
  prices: {large: {input_usd: 1.0, output_usd: 4.0}}
  canary: {policy: linucb, settings: {alpha: 0.5}}
"""


def checked(weir: Weir, tmp_path: Path, learn: str) -> tuple[int, str]:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES + learn)
    done = weir("check", path)
    return done.exit_code, done.output


def test_a_learner_that_can_be_made_is_told_in_words(weir: Weir, tmp_path: Path) -> None:
    code, said = checked(weir, tmp_path, GOOD)
    assert code == 0
    assert "thompson chooses among the models that a rule admits: 2 features; classifier: difficulty" in said
    assert "$5 and 10% of all" in said
    assert "linucb is tried on 5% of sessions" in said


@pytest.mark.parametrize(
    ("learn", "says"),
    [
        ("learn: {policy: tompson}\n", "did you mean 'thompson'"),
        ("learn: {settings: {}}\n", "policy"),
        ("learn: {policy: ucb, settings: {alpha: 1.0}}\n", "ucb has no setting 'alpha'"),
        ("learn: {policy: epsilon_greedy, settings: {epsilon: 2.0}}\n", "from 0 to 1"),
        ("learn: {policy: ucb, context: [difficulti]}\n", "did you mean 'difficulty'"),
        ("learn: {policy: ucb, worth: 1}\n", "worth"),
        ("learn: {policy: ucb, budget: {start_usd: -1.0}}\n", "start_usd"),
        ("learn: {policy: elo, budget: {start_usd: 1.0}}\n", "elo explores nothing: `budget` says nothing beside it"),
        ("learn: {policy: ucb, canary: {policy: ucb}}\n", "the canary is the policy itself"),
        ("learn: {policy: ucb, canary: {policy: linucb, share: 1.5}}\n", "share"),
        ("learn: {policy: ucb, embedding: 1000}\n", "embedding"),
        ("learn: {policy: ucb, prices: {large: {input_usd: 1.0}}}\n", "output_usd"),
        ("learn: {policy: ucb, verdicts: {next_turn: 2.0}}\n", "next_turn"),
    ],
)
def test_what_makes_no_sense_is_said_with_its_line(weir: Weir, tmp_path: Path, learn: str, says: str) -> None:
    code, said = checked(weir, tmp_path, learn)
    assert code == 2
    assert says in said
    assert "rules.yaml:" in said


def test_a_learner_that_goes_by_a_head_needs_one(
    weir: Weir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.classify.load.heads_folder", lambda: tmp_path)
    code, said = checked(weir, tmp_path, "learn: {policy: best_value}\n")
    assert code == 2
    assert "weir train select" in said
