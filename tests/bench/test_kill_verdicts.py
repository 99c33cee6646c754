import msgspec

from bench.kill.client import Fate, Heard, expected_text
from bench.kill.tally import IN_FLIGHT, RETRIES, Tally, _sum

WORDS = "The of and to"


def heard(*texts: str, identity: str = "kill-1", done: bool = True) -> Heard:
    found = Heard(identity="kill-1")
    for text in texts:
        found.event(msgspec.json.encode({"id": f"chatcmpl-{identity}", "choices": [{"delta": {"content": text}}]}))
    if done:
        found.event(b"[DONE]")
    return found


def test_an_answer_that_is_all_there_is_whole() -> None:
    assert heard("The of", " and to").fate(WORDS) is Fate.WHOLE


def test_an_answer_that_stops_is_broken_and_one_that_never_began_is_lost() -> None:
    assert heard("The of", done=False).fate(WORDS) is Fate.BROKEN
    assert heard(done=False).fate(WORDS) is Fate.LOST


def test_the_opening_that_names_the_role_is_not_a_first_word() -> None:
    assert heard("", done=False).fate(WORDS) is Fate.LOST


def test_anothers_id_another_text_and_words_said_twice_are_wrong() -> None:
    assert heard("The of and to", identity="kill-2").fate(WORDS) is Fate.WRONG
    assert heard("The in", done=False).fate(WORDS) is Fate.WRONG
    assert heard("The of", "The of", " and to").fate(WORDS) is Fate.WRONG


def test_an_answer_that_ends_early_in_good_order_is_wrong() -> None:
    assert heard("The of").fate(WORDS) is Fate.WRONG


def test_an_error_in_the_stream_is_kept_for_the_report() -> None:
    found = heard("The", done=False)
    found.event(b'{"error":{"message":"gone"}}')
    tally = Tally()
    tally.add(found, found.fate(WORDS))
    assert (tally.total, tally.fates[Fate.BROKEN], found.said) == (1, 1, ["{'message': 'gone'}"])


def test_what_is_expected_depends_on_the_request_id_alone() -> None:
    first = expected_text("kill-1", "", "")
    assert first == expected_text("kill-1", "", "")
    assert first != expected_text("kill-2", "", "")


def test_metrics_are_summed_over_their_labels() -> None:
    page = b'# HELP x\nweir_retries_total{why="a"} 2.0\nweir_retries_total{why="b"} 3\nweir_in_flight_requests 0.0\n'
    assert (_sum(RETRIES, page), _sum(IN_FLIGHT, page)) == (5.0, 0.0)
