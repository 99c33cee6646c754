from pool.silence import Silence


def test_silence_is_borne_for_a_while_from_the_first_answer_that_did_not_come() -> None:
    silence = Silence(patience_s=10.0)
    assert not silence.bearable(0.0)
    silence.begins(5.0)
    silence.begins(12.0)
    assert silence.bearable(14.9)
    assert not silence.bearable(15.0)
    silence.ends()
    assert not silence.bearable(6.0)


def test_who_was_known_exactly_before_is_so_again_once_all_has_come() -> None:
    silence = Silence(patience_s=10.0)
    assert not silence.catches_up()
    assert silence.falls_behind(True)
    assert not silence.falls_behind(False)
    assert silence.catches_up()
    assert not silence.catches_up()


def test_who_was_not_is_not_and_neither_is_one_that_lost_something_meanwhile() -> None:
    silence = Silence(patience_s=10.0)
    silence.falls_behind(False)
    assert not silence.catches_up()
    silence.falls_behind(True)
    silence.gives_up()
    assert (silence.behind, silence.catches_up()) == (False, False)
