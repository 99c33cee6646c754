"""Texts waiting for the classifier, and prompts cut short for it."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.signals.reading import Reading
from router.classify.classifier import NO_MEANINGS, Classifier
from router.classify.compress import CHARACTERS_A_TOKEN, MOST_SENTENCES, compress, sentences, worths
from router.classify.features import Seen
from router.classify.port import Made, Text
from router.classify.queued import GUESS_S, MOST_BATCH, MOST_LIGHT, MOST_WAITING, Job, Queued
from router.classify.wire import ASK, HEAD, MEANINGS, TAIL, Ask, Meanings, Told, asked, encode, sendable, told
from tests.router.classify.talkers import Letters, Says, made

ROOM = int(128 * CHARACTERS_A_TOKEN)


def job(number: int, due_s: float = 10.0) -> Job:
    return Job(ask=Ask(number, ["x"], "text", "", 1.0), due_s=due_s, owner=0)


def filled(queue: Queued, *dues: float) -> Queued:
    for number, due_s in enumerate(dues):
        assert queue.add(job(number, due_s))
    return queue


def numbers(jobs: list[Job]) -> list[int]:
    return [one.ask.id for one in jobs]


def test_texts_that_wait_are_taken_together_in_their_order() -> None:
    queue = filled(Queued(3), 9, 9, 9, 9)
    assert numbers(queue.take(0.0).batch) == [0, 1, 2]
    assert numbers(queue.take(0.0).batch) == [3]
    assert len(queue) == 0


def test_a_text_past_its_deadline_is_not_begun() -> None:
    taken = filled(Queued(), 1.0, 9.0).take(2.0)
    assert (numbers(taken.batch), numbers(taken.late)) == ([1], [0])


def test_a_text_that_would_be_done_too_late_is_not_begun() -> None:
    queue = Queued()
    queue.took(2.0, 2)
    taken = filled(queue, 1.5, 1.5, 3.5).take(0.0)
    assert (numbers(taken.batch), numbers(taken.late)) == ([0, 2], [1])


def test_one_text_is_tried_even_where_all_seem_too_slow() -> None:
    queue = Queued()
    queue.took(100.0, 1)
    taken = filled(queue, 1.0, 1.0).take(0.0)
    assert len(taken.batch) == 1
    assert len(taken.late) == 1


def test_what_a_text_takes_is_learned_slowly_and_by_tier() -> None:
    queue = Queued(light=True)
    queue.took(1.0, 1)
    queue.took(2.0, 1)
    queue.took(0.1, 2, light=True)
    assert 1.0 < queue.seconds_each < 1.5
    assert GUESS_S < queue.light_each < 0.05


def two_tiers(encoder_s: float = 0.012, light_s: float = 0.0007) -> Queued:
    queue = Queued(light=True)
    queue.took(encoder_s, 1)
    queue.light_each = light_s
    return queue


def test_few_texts_go_through_the_encoder_and_many_are_read_lightly() -> None:
    few = filled(two_tiers(), *[0.05] * 4).take(0.0)
    assert (len(few.batch), few.light) == (1, False)
    many = filled(two_tiers(), *[0.05] * 50).take(0.0)
    assert (len(many.batch), many.light) == (MOST_LIGHT, True)


def test_with_much_time_all_that_fit_a_batch_go_through_the_encoder() -> None:
    assert numbers(filled(two_tiers(), *[9.0] * 10).take(0.0).batch) == list(range(MOST_BATCH))


def test_a_text_that_even_the_static_tier_is_too_slow_for_is_late() -> None:
    queue = two_tiers(light_s=0.02)
    taken = filled(queue, *[0.05] * 4).take(0.0)
    assert taken.light
    assert (numbers(taken.batch), numbers(taken.late)) == ([0, 1], [2, 3])


def test_an_outlier_keeps_the_encoder_from_being_tried_for_a_while_only() -> None:
    queue, lightly = two_tiers(encoder_s=0.2), 0
    while filled(queue, 0.05).take(0.0).light:
        lightly += 1
    assert 5 < lightly < 50


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.004, 0.016), min_size=20, max_size=40))
def test_fifty_callers_who_ask_again_and_again_all_hear_in_time(encoder: list[float]) -> None:
    """Fake time: a light text takes 0.6 ms, one through the encoder 4 to 16 ms; the deadline is 50 ms."""
    queue, now, in_time, late = filled(Queued(light=True), *[0.05] * 50), 0.0, 0, 0
    queue.took(0.01, 1)
    for takes in encoder * 4:
        taken = queue.take(now)
        spent = len(taken.batch) * (0.0006 if taken.light else takes)
        now += spent
        queue.took(spent, len(taken.batch), light=taken.light)
        in_time += sum(now <= one.due_s for one in taken.batch)
        late += sum(now > one.due_s for one in taken.batch) + len(taken.late)
        filled(queue, *[now + 0.05] * (len(taken.batch) + len(taken.late)))  # whoever is answered asks again
    assert late <= 0.05 * in_time


def test_more_than_can_wait_is_turned_away() -> None:
    queue = filled(Queued(), *[9.0] * MOST_WAITING)
    assert not queue.add(job(0))


def test_a_short_text_is_left_as_it_is() -> None:
    assert compress("Short. Very short.") == "Short. Very short."


def test_a_long_text_is_cut_to_whole_sentences_in_their_order() -> None:
    said = [f"Sentence number {i} speaks of topic {i % 7} at some length." for i in range(200)]
    found = compress(" ".join(said))
    kept = [one for one in said if one in found]
    assert len(found) <= ROOM
    assert found == " ".join(kept)
    assert kept[0] == said[0]
    assert kept[-1] == said[-1]


def test_a_sentence_on_the_subject_is_kept_rather_than_filler() -> None:
    filler = ["It was so and so and it was so and so again today."] * 30
    subject = "The quantum chromodynamics lattice simulation diverges near confinement."
    said = [*filler[:15], subject, *filler[15:]]
    worth = worths(said)
    assert worth[15] > np.median(worth)


@given(st.text(max_size=3000))
def test_any_text_is_cut_to_what_an_encoder_reads(text: str) -> None:
    assert len(compress(text)) <= max(ROOM, 0)


@pytest.mark.parametrize("text", ["x" * 100_000, "\n" * 100_000, "a. " * 50_000, "\u200b" * 9_999, "\ud800 " * 9_999])
def test_odd_texts_are_cut_too(text: str) -> None:
    assert len(compress(text)) <= ROOM
    assert len(sentences(text)) <= MOST_SENTENCES


def test_what_is_sent_is_bounded_and_can_be_said_in_utf8() -> None:
    assert len(sendable("x" * 10_000_000)) == HEAD + TAIL + 1
    assert sendable("a\ud800b") == "a?b"


def test_messages_come_out_as_they_went_in() -> None:
    one = Ask(7, ["domain"], "text", "before", 0.05)
    assert asked(ASK + encode(one)) == one
    meant = Meanings({"a": ("x", "y")}, {"p": (("a", "b"), 0.1, 0.5)})
    assert asked(MEANINGS + encode(meant)) == meant
    answer = told(encode(Told(7, {"d": Reading(0.5, "law", {"law": 0.5}), "n": Reading(float("nan"))})))
    assert answer.readings["d"] == Reading(0.5, "law", {"law": 0.5})
    assert not answer.readings["n"].known()


MEANT = Meanings({"abba": ("abba", "baab"), "zoo": ("zoo",)}, {"way": (("abba", "zoo"), 0.1, 0.6)})


def read(classifier: Classifier, text: str, *names: str, meant: Meanings = MEANT) -> dict[str, Reading]:
    return classifier.read([Text(text)], [frozenset(names)], [meant])[0]


def test_a_text_is_embedded_once_for_all_heads_of_a_batch() -> None:
    letters = Letters()
    classifier = Classifier(made(letters, one=Says(Reading(1.0)), two=Says(Reading(2.0))))
    found = classifier.read([Text("a"), Text("b")], [frozenset(("one", "two")), frozenset(("one",))], [MEANT] * 2)
    assert found == [{"one": Reading(1.0), "two": Reading(2.0)}, {"one": Reading(1.0)}]
    assert letters.calls == [["a", "b"]]


def test_a_signal_without_a_head_is_left_out() -> None:
    assert read(Classifier(made()), "a", "nobody") == {}


def test_a_text_is_near_to_the_nearest_example() -> None:
    found = read(Classifier(made()), "abab", "near:abba", "near:zoo")
    assert found["near:abba"].value == pytest.approx(1.0, abs=1e-5)
    assert found["near:zoo"].value == pytest.approx(0.0, abs=1e-5)


def test_a_partition_has_one_winner_or_none() -> None:
    classifier = Classifier(made())
    won = read(classifier, "ab", "partition:way")["partition:way"]
    assert won.label == "abba"
    assert sum(won.scores.values()) == pytest.approx(1.0)
    assert read(classifier, "qqq", "partition:way")["partition:way"].label == ""


def test_rules_that_mean_nothing_by_a_name_leave_it_out() -> None:
    assert read(Classifier(made()), "a", "near:abba", "partition:way", meant=NO_MEANINGS) == {}


def test_a_flags_reading_is_the_probability_that_it_is_up() -> None:
    down = Reading(0.8, "no", {"no": 0.8, "yes": 0.2})
    assert read(Classifier(made(jailbreak=Says(down))), "a", "jailbreak")["jailbreak"] == Reading(0.2)
    named = Reading(0.9, "jailbreak", {"benign": 0.1, "jailbreak": 0.9})
    assert read(Classifier(made(jailbreak=Says(named))), "a", "jailbreak")["jailbreak"] == Reading(0.9)


def test_a_number_that_a_head_of_two_labels_answers_is_the_probability_of_yes() -> None:
    hard = Reading(0.7, "yes", {"no": 0.3, "yes": 0.7})
    assert read(Classifier(made(difficulty=Says(hard))), "a", "difficulty")["difficulty"] == Reading(0.7)


def test_short_of_time_stand_ins_answer_and_no_encoder_runs() -> None:
    letters = Letters()
    heads = {"one": Says(Reading(1.0), tier="encoder"), "two": Says(Reading(2.0)), "three": Says(tier="encoder")}
    classifier = Classifier(Made(only_static(letters), heads, {"one": Says(Reading(0.5))}))
    names = frozenset(("one", "two", "three", "near:abba"))
    found = classifier.read([Text("a")], [names], [MEANT], light=True)
    assert found == [{"one": Reading(0.5), "two": Reading(2.0)}]
    assert classifier.has_light
    assert classifier.needs_encoder(names)
    assert not classifier.needs_encoder(frozenset(("two",)))
    assert classifier.needs_encoder(frozenset(("near:abba",)))


def only_static(letters: Letters) -> Callable[[str], Letters]:
    """Letters on the static tier; whoever asks for the encoder fails."""
    return {"static": letters}.__getitem__


def test_a_text_is_embedded_only_on_the_tiers_that_its_own_signals_need() -> None:
    letters = Letters()
    heads = {"one": Says(Reading(1.0), tier="encoder"), "two": Says(Reading(2.0))}
    Classifier(made(letters, **heads)).read(
        [Text("a"), Text("b")], [frozenset(("one",)), frozenset(("two",))], [MEANT] * 2
    )
    assert sorted(letters.calls) == [["a"], ["a"], ["b"]]


def test_personal_data_is_looked_for_in_the_whole_text() -> None:
    seen: list[Seen] = []

    class Whole(Says):
        def readings(self, found: Seen) -> Sequence[Reading]:
            seen.append(found)
            return [Reading(0.0)]

    text = "A sentence as long as this. " * 100
    read(Classifier(made(pii=Whole(tier="text"))), text, "pii")
    assert seen[0].texts == [text]
