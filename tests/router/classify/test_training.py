"""Heads: trained, calibrated, abstaining, kept and read again."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from policies.signals.reading import UNKNOWN
from router.classify.card import CAUTION, card
from router.classify.linear import BadHead, indices, load
from router.classify.load import load as load_all
from router.classify.stack import Stack
from router.classify.tasks.port import Example
from router.classify.training import Plan, TooFew, plan_of, seen_of, train
from tests.router.classify.made_up import TOPICS, examples, trained, vectors
from tests.router.classify.talkers import Letters


def test_a_head_tells_topics_that_it_was_not_trained_on() -> None:
    head = trained().head
    told = head.readings(
        seen_of(["bake bread with butter", "a visa for the island", "tax on my salary"], "static", vectors)
    )
    assert [each.label for each in told] == ["cooking", "travel", "money"]
    assert all(each.known() and abs(sum(each.scores.values()) - 1) < 1e-5 for each in told)
    assert all(each.value == pytest.approx(max(each.scores.values())) for each in told)


def test_left_out_scores_tell_nearly_as_well_and_are_what_the_card_says() -> None:
    found = trained()
    right = found.left_out.argmax(axis=1) == found.labels
    assert right.mean() > 0.9
    assert found.head.card["accuracy"] == round(float(right.mean()), 4)
    assert found.head.card["examples"] == 90
    assert set(found.head.card["by_label"]) == set(TOPICS)


def test_probabilities_are_sharp_enough_to_be_believed() -> None:
    found = trained()
    assert found.head.sharpness > 1
    assert found.head.card["calibration_error"] < 0.15


def test_both_tiers_train_the_same_way() -> None:
    head = trained(tier="encoder").head
    assert head.tier == "encoder"
    assert head.weights.shape[0] > trained().head.weights.shape[0]
    assert head.readings(seen_of(["bake bread"], "encoder", vectors))[0].label == "cooking"


def test_a_head_abstains_on_what_is_none_of_its_labels() -> None:
    found = trained(outside=20, outside_recall=0.8)
    head = found.head
    assert head.readings(seen_of(["zebra quark violin glacier"], "static", vectors)) == [UNKNOWN]
    assert head.readings(seen_of(["bake bread with butter"], "static", vectors))[0].label == "cooking"
    assert (found.left_out[found.labels < 0].max(axis=1) < head.abstain_below).mean() == pytest.approx(0.8, abs=0.1)
    assert head.card["outside_auroc"] > 0.9


def test_a_guard_is_told_from_which_score_on_it_fires() -> None:
    found = trained(quiet="money")
    attack = -found.left_out[:, found.head.labels.index("money")]
    hostile = found.labels != found.head.labels.index("money")
    assert (attack[hostile] >= found.head.card["fires_at"]).mean() >= 0.9
    assert "fires_at" not in trained().head.card


def test_rows_that_count_nothing_like_change_nothing_like() -> None:
    wrong = [Example("bake bread oven flour", "money", f"w{at}", 1e-6) for at in range(40)]
    plan = Plan(name="topic", tier="static", buckets=256)
    light = train(plan, [*examples(), *wrong], vectors).head
    heavy = train(plan, [*examples(), *(each._replace(counts=1.0) for each in wrong)], vectors).head
    seen = seen_of(["bake bread oven flour"], "static", vectors)
    assert light.readings(seen)[0].label == "cooking"
    assert heavy.readings(seen)[0].label == "money"


def test_training_again_gives_the_same_head() -> None:
    assert np.array_equal(trained().head.weights, trained().head.weights)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (examples(each=2), "at least 10"),
        ([each for each in examples() if each.label == "money"], "of 1 labels"),
    ],
)
def test_too_few_examples_are_refused_in_a_sentence(rows: list[Example], said: str) -> None:
    with pytest.raises(TooFew, match=said):
        train(Plan(name="topic", tier="static"), rows, vectors)


def test_examples_of_an_unknown_label_are_refused() -> None:
    with pytest.raises(TooFew, match="unknown labels travel"):
        train(Plan(name="topic", tier="static", labels=("cooking", "money")), examples(), vectors)


def test_a_kept_head_reads_the_same(tmp_path: Path) -> None:
    head = trained(outside=20, outside_recall=0.5).head
    head.save(tmp_path / "heads" / "topic.npz")
    again = load(tmp_path / "heads" / "topic.npz")
    seen = seen_of(["bake bread", "zebra quark", ""], "static", vectors)
    assert again.readings(seen) == head.readings(seen)
    assert again.card == head.card
    assert again.labels == head.labels


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04rubbish", b"{}"])
def test_a_file_that_is_no_head_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "topic.npz"
    path.write_bytes(content)
    with pytest.raises(BadHead, match=r"topic\.npz is not a trained head"):
        load(path)


def test_a_head_of_another_shape_is_refused(tmp_path: Path) -> None:
    head = trained().head
    replace(head, weights=head.weights[:-5]).save(tmp_path / "topic.npz")
    with pytest.raises(BadHead, match="another shape"):
        load(tmp_path / "topic.npz")


def test_a_head_and_another_encoder_do_not_go_together(tmp_path: Path) -> None:
    replace(trained().head, encoders={"static": "letters"}).save(tmp_path / "topic.npz")
    assert set(load_all(tmp_path, lambda name: Letters()).heads) == {"topic"}
    replace(trained().head, encoders={"static": "table-1"}).save(tmp_path / "light" / "topic.npz")
    with pytest.raises(BadHead, match="'topic' was trained on another static model"):
        load_all(tmp_path, lambda name: Letters())


def test_scores_that_are_no_numbers_are_unknown() -> None:
    head = trained().head
    broken = replace(head, weights=head.weights * np.nan)
    assert broken.readings(seen_of(["bake bread"], "static", vectors)) == [UNKNOWN]


def test_no_texts_have_no_readings() -> None:
    assert trained().head.readings(seen_of([], "static", vectors)) == []


def test_the_card_says_what_was_found_and_of_templates_that_they_are_templates() -> None:
    head = trained(outside=20, outside_recall=0.5).head
    said = card(head)
    assert f"| accuracy | {head.card['accuracy']:.4g} |" in said
    assert "90 examples of 3 labels and 20 of none" in said
    assert "It abstains where" in said
    assert CAUTION not in said
    assert CAUTION in card(head, synthetic=True)
    assert "It never abstains." in card(trained().head)


def test_labels_that_are_not_known_are_outside() -> None:
    assert indices(["b", "", "a", "c"], ("a", "b")).tolist() == [1, -1, 0, -1]


def test_a_plan_is_the_tasks_own() -> None:
    class Odd:
        labels = ("no", "yes")
        synthetic = False
        ridge, buckets, outside_recall, quiet = 2.0, 512, 0.0, "no"

    plan = plan_of("odd", Odd(), "static")  # type: ignore[arg-type]
    assert (plan.name, plan.tier, plan.labels, plan.ridge, plan.buckets, plan.quiet) == (
        "odd", "static", ("no", "yes"), 2.0, 512, "no",
    )  # fmt: skip


def test_heads_side_by_side_score_as_each_does_alone() -> None:
    heads = [
        replace(trained().head, name="one"),
        replace(trained(outside=20, outside_recall=0.5).head, name="two", sharpness=3.0),
        train(Plan(name="three", tier="static", buckets=1024), examples(), vectors).head,
    ]
    seen = seen_of(["bake bread", "a visa for the island", "zebra quark", ""], "static", vectors)
    stack = Stack(heads)
    assert np.allclose(stack.scores(seen), np.concatenate([head.scores(seen) for head in heads], axis=1), atol=1e-4)
    told = stack.readings(stack.scores(seen))
    for head in heads:
        alone = head.readings(seen)
        assert [each.label for each in told[head.name]] == [each.label for each in alone]
        assert [each.value for each in told[head.name]] == pytest.approx(
            [each.value for each in alone], abs=1e-4, nan_ok=True
        )


def test_a_stack_of_the_encoder_tier_reads_both_embeddings() -> None:
    head = trained(tier="encoder").head
    seen = seen_of(["bake bread with butter", "tax on my salary"], "encoder", vectors)
    assert np.allclose(Stack([head]).scores(seen), head.scores(seen), atol=1e-4)


def test_a_broken_head_in_a_stack_is_unknown_and_the_others_go_on() -> None:
    whole = trained().head
    broken = replace(whole, name="broken", weights=whole.weights * np.nan)
    stack = Stack([whole, broken])
    told = stack.readings(stack.scores(seen_of(["bake bread"], "static", vectors)))
    assert told["broken"] == [UNKNOWN]
    assert told["topic"][0].label == "cooking"
