"""Prompt text has exactly the tokens asked for, and shares exactly the blocks that the trace shares."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.arrival import Arrival
from sims.load.prompts import Prompts, single_tokens
from sims.load.words import WORDS
from weir.tokenizer import QUICK, tokenizer

PROMPTS = Prompts()


def asked(tokens: int, blocks: tuple[int, ...] = (), block_tokens: int = 16) -> Arrival:
    return Arrival(at=0.0, prompt_tokens=tokens, output_tokens=1, blocks=blocks, block_tokens=block_tokens)


def test_words_are_different_and_of_one_length() -> None:
    assert len(set(WORDS)) == len(WORDS) == 256
    assert {len(word) for word in WORDS} == {3}


@pytest.mark.parametrize("vocabulary", QUICK)
def test_every_word_is_one_token(vocabulary: str) -> None:
    assert single_tokens(vocabulary) == WORDS


@pytest.mark.parametrize("vocabulary", QUICK)
@pytest.mark.parametrize(
    "arrival",
    [asked(1), asked(7), asked(999), asked(100, (3, 1, 4, 1 << 62)), asked(3000, (0, 1, 2, 3, 4, 5), 512)],
)
def test_text_has_exactly_the_tokens_asked_for(vocabulary: str, arrival: Arrival) -> None:
    text = Prompts(vocabulary).text(arrival, 5).decode()
    assert len(tokenizer(vocabulary).encode(text)) == arrival.prompt_tokens


def test_without_a_vocabulary_a_token_is_four_bytes() -> None:
    assert len(PROMPTS.text(asked(123), 0)) == 492


@given(st.integers(1, 5000), st.lists(st.integers(0, 1 << 63 - 1), max_size=40), st.sampled_from([1, 4, 16, 64]))
def test_any_mix_of_blocks_and_rest_has_the_asked_length(tokens: int, blocks: list[int], block_tokens: int) -> None:
    assert len(PROMPTS.text(asked(tokens, tuple(blocks), block_tokens), 1)) == 4 * tokens


def test_the_same_blocks_have_the_same_text_whoever_sends_them() -> None:
    first, second = PROMPTS.text(asked(40, (7, 8)), 0), PROMPTS.text(asked(48, (7, 8, 9)), 1)
    assert first[: 4 * 32] == second[: 4 * 32]


def test_different_blocks_differ_in_their_first_words() -> None:
    texts = {PROMPTS.text(asked(16, (block,)), 0)[:32] for block in range(5000)}
    assert len(texts) == 5000


def test_a_partial_block_is_the_head_of_the_whole_one() -> None:
    assert PROMPTS.text(asked(32, (1, 2)), 0).startswith(PROMPTS.text(asked(21, (1, 2)), 1))


def test_what_no_block_covers_is_like_no_other() -> None:
    texts = [PROMPTS.text(asked(100), index) for index in range(2000)]
    assert len({text[:32] for text in texts}) == 2000


def test_what_no_block_covers_is_like_no_block() -> None:
    blocks = {PROMPTS.text(asked(16, (block,)), 0) for block in range(2000)}
    assert not blocks & {PROMPTS.text(asked(16), index) for index in range(2000)}


def test_the_rest_after_blocks_belongs_to_the_request() -> None:
    first, second = (PROMPTS.text(asked(40, (7, 8)), index) for index in (0, 1))
    assert first[: 4 * 32] == second[: 4 * 32]
    assert first[4 * 32 : 4 * 33] != second[4 * 32 : 4 * 33]


def test_another_salt_shares_nothing() -> None:
    first, second = (Prompts(salt=salt).text(asked(64, (1, 2, 3)), 0) for salt in (0, 1))
    assert first[:32] != second[:32]


def test_the_same_arrival_makes_the_same_text_in_another_run() -> None:
    assert Prompts().text(asked(300, (5, 6)), 9) == Prompts().text(asked(300, (5, 6)), 9)


def test_a_prompt_longer_than_the_pool_is_made_too() -> None:
    assert len(PROMPTS.text(asked(3_000_000), 0)) == 12_000_000
    assert len(PROMPTS.text(asked(3_000_000, (1,), 3_000_000), 0)) == 12_000_000


class Splitting:
    """A vocabulary that knows no words."""

    quick = True

    def encode(self, text: str) -> list[int]:
        return list(text.encode())


def test_a_vocabulary_of_letters_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sims.load.prompts.tokenizer", lambda _: Splitting())
    with pytest.raises(ValueError, match="splits short words: give no vocabulary"):
        Prompts("letters")
