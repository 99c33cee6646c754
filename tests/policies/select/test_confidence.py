from policies.select.confidence import Answer, by_agreement, by_margin, conclusion


def test_a_token_far_ahead_of_the_next_is_a_sure_one() -> None:
    sure = by_margin(Answer("x", logprobs=(-0.01, -0.01), runners_up=(-5.0, -5.0)))
    unsure = by_margin(Answer("x", logprobs=(-0.7, -0.7), runners_up=(-0.8, -0.8)))
    assert sure > 0.9 > 0.1 > unsure


def test_answers_that_come_to_the_same_agree_whatever_their_reasoning() -> None:
    told = Answer("first\nThe answer is 12.", again=("else\nthe answer is 12", "The answer is 12!", "no: 13"))
    assert by_agreement(told) == 0.75


def test_what_cannot_be_told_is_no_number() -> None:
    nothing = [by_margin(Answer("x")), by_agreement(Answer("x"))]
    assert all(each != each for each in nothing)


def test_an_empty_answer_concludes_nothing() -> None:
    assert conclusion(" \n ") == ""
