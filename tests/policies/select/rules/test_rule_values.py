"""Sets of numbers and of words: what is in both, in one alone, and the unknown."""

from math import inf, nan

from hypothesis import given
from hypothesis import strategies as st

from policies.select.rules.values import Numbers, Words, between, words

spans = st.lists(st.tuples(st.integers(-9, 9), st.integers(1, 5)), max_size=3)
numbers = st.builds(
    lambda given, unknown: Numbers(tuple((float(3 * i + 99 * k), float(3 * i + n + 99 * k)) for k, (i, n) in
                                         enumerate(given)), unknown),
    spans, st.booleans(),
)  # fmt: skip
vocabulary = st.builds(Words, st.frozensets(st.sampled_from("abcd")), st.booleans(), st.booleans())
values = st.one_of(st.just(nan), st.integers(-40, 260).map(float))
letters = st.sampled_from(["", *"abcde"])


@given(numbers, numbers, values)
def test_a_number_is_in_what_two_sets_share_exactly_where_it_is_in_both(a: Numbers, b: Numbers, x: float) -> None:
    assert a.meet(b).has(x) == (a.has(x) and b.has(x))


@given(numbers, numbers, values)
def test_a_number_is_in_a_difference_exactly_where_it_is_in_the_first_alone(a: Numbers, b: Numbers, x: float) -> None:
    assert a.minus(b).has(x) == (a.has(x) and not b.has(x))


@given(vocabulary, vocabulary, letters)
def test_a_word_is_in_what_two_sets_share_exactly_where_it_is_in_both(a: Words, b: Words, x: str) -> None:
    assert a.meet(b).has(x) == (a.has(x) and b.has(x))


@given(vocabulary, vocabulary, letters)
def test_a_word_is_in_a_difference_exactly_where_it_is_in_the_first_alone(a: Words, b: Words, x: str) -> None:
    assert a.minus(b).has(x) == (a.has(x) and not b.has(x))


@given(numbers)
def test_a_set_without_itself_is_empty(a: Numbers) -> None:
    assert a.minus(a).empty()
    assert a.known().unknown is False


@given(vocabulary)
def test_a_vocabulary_without_itself_is_empty(a: Words) -> None:
    assert a.minus(a).empty()


def test_whole_numbers_between_two_ends_begin_and_end_with_whole_ones() -> None:
    assert between(0.5, inf, whole=True) == Numbers(((1.0, inf),))
    assert between(1.2, 1.8, whole=True).empty()
    assert not between(1.2, 1.8).empty()


def test_a_set_tells_its_ends() -> None:
    found = Numbers(((1.0, 2.0), (4.0, 9.0)))
    assert (found.least(), found.most()) == (1.0, 9.0)
    assert (Numbers(()).least(), Numbers(()).most()) == (inf, -inf)


def test_infinite_numbers_count_as_unknown() -> None:
    assert not Numbers(((0.0, inf),)).has(inf)
    assert words(["a"]).has("a")
    assert not words(["a"]).has("")
