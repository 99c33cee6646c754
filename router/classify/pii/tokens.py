"""A text's tokens, and what the tagger sees of each: its shape, its ends, its neighbours, the forms it lies in."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby, islice
from typing import NamedTuple

from router.classify.pii.recognisers import MOST_SHOWN, recognised

TOKEN = re.compile(r"[^\W\d_]+|\d+|\n|[^\w\s]|_")
EDGE = "¶"  # beyond either end
BREAK = "\n"
STREETS = """
street st avenue ave road rd lane ln drive dr court ct square blvd boulevard way terrace place suite apt box po psc
strasse straße gasse weg platz gata gatan vägen väg vegen vej gade katu tie rue allée chemin calle via viale piazza
strada corso rua avenida ulica ul utca u út straat laan plein ulice ulitsa apo fpo unit floor forks
"""
TIMES = """
january february march april may june july august september october november december monday tuesday wednesday
thursday friday saturday sunday yesterday tomorrow today
"""
FIRMS = "inc ltd llc group corp corporation company gmbh sons bank university plc ag partners"
TITLES = "mr mrs ms miss dr prof sir madam"
LEXICONS = {"street": STREETS, "time": TIMES, "firm": FIRMS, "title": TITLES}
LISTED = {word: name for name, words in LEXICONS.items() for word in words.split()}


class Token(NamedTuple):
    """One token and where it lies, in characters."""

    text: str
    start: int
    end: int


def tokens(text: str) -> list[Token]:
    """Runs of letters, runs of digits, line ends and single marks."""
    return [Token(each.group(), each.start(), each.end()) for each in TOKEN.finditer(text[:MOST_SHOWN])]


def forms(text: str, found: Sequence[Token]) -> list[str]:
    """Which form's span every token lies in and whether it begins it, the first one's where several do; else empty."""
    told, starts = [""] * len(found), [token.start for token in found]
    for span in reversed(list(recognised(text))):
        for at in range(bisect_left(starts, span.start), bisect_left(starts, span.end)):
            told[at] = f"{'B' if starts[at] == span.start else 'I'}-{span.kind}"
    return told


def kinds(words: Sequence[str]) -> list[str]:
    """What kind of text the words stand in: its marks, its first words, its line ends, its plain words.

    Whether an address is one span or several depends on the sentence around it, not on the address.
    """
    return [f"k={_marks(words)}", f"o={' '.join(words[:2]).lower()}", f"b={_breaks(words)}", f"p={_plain(words)}"]


@lru_cache(1 << 16)
def is_plain(word: str) -> bool:
    """Whether it is a word of the sentence, not of a name or a street."""
    return word.isalpha() and word.islower() and len(word) > 1 and word not in LISTED


def _marks(words: Sequence[str]) -> str:
    return f"{words and shape(words[0])}{min(words.count(BREAK), 6)}{':' in words}{'.' in words[-1:]}"


def _breaks(words: Sequence[str]) -> str:
    """The lengths of runs of line ends, in order."""
    return "".join(str(min(len(list(run)), 3)) for ends, run in groupby(words, BREAK.__eq__) if ends)[:8]


def _plain(words: Sequence[str]) -> str:
    """The sentence's own words, each run of others as one mark."""
    runs = groupby(word if is_plain(word) else "*" for word in words)
    return " ".join(key for key, _ in islice(runs, 12))


STEPS = (-2, -1, 0, 1, 2)  # from a token to those that it is seen with
FAR, FEW = 2, 3  # so far away a word is seen by its first features only


@lru_cache(1 << 16)
def own(word: str) -> str:
    """What a word is by itself: its shape, and the list that it is in."""
    return f"{shape(word)} {LISTED.get(word.lower())}"


@lru_cache(1 << 16)
def of_word(word: str) -> tuple[str, ...]:
    """What is seen of a word by itself."""
    low = word.lower()[:30]
    return (f"w={low}", f"s={shape(word)}", f"n={min(len(word), 12)}", f"x={LISTED.get(low)}", *_ends(low))


def _ends(low: str) -> list[str]:
    return [f"p{n}={low[:n]}" for n in (1, 2, 3) if len(low) > n] + [
        f"e{n}={low[-n:]}" for n in (1, 2, 3, 4) if len(low) > n
    ]


@lru_cache(1 << 16)
def shape(word: str) -> str:
    """Capitals, small letters, digits or marks: "Aa" for a capitalised word, "9" and its length for digits."""
    if word.isdigit():
        return f"9{min(len(word), 6)}"
    if word.isalpha():
        return (
            "A" if len(word) == 1 and word.isupper() else "AA" if word.isupper() else "Aa" if word[0].isupper() else "a"
        )
    return word[:1]
