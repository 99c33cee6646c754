"""A text's tokens, and what the tagger sees of each: its shape, its ends, its neighbours, the forms it lies in."""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby, pairwise
from typing import NamedTuple

from policies.signals.reading import Span
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


def seen(text: str, found: Sequence[Token]) -> list[list[str]]:
    """The features of every token among others, as words that a table hashes; `placed` has those of single words."""
    forms, around, words = _forms(text, found), leads(found), edged(found)
    glued = [False, *(one.end == two.start for one, two in pairwise(found)), False]
    return [
        [f"f={forms[at]}", f"g={glued[at]}{glued[at + 1]}", f"i={at == 0}", *around[at], *_token(words, at + 2)]
        for at in range(len(found))
    ]


def edged(found: Sequence[Token]) -> list[str]:
    """The words of tokens, and two beyond either end."""
    return [EDGE, EDGE, *(each.text for each in found), EDGE, EDGE]


def leads(found: Sequence[Token]) -> list[list[str]]:
    """What led up to every token: the last plain words before it, and the kind of text that it stands in.

    Whether an address is one span or several depends on the sentence around it, not on the address.
    """
    words = [each.text for each in found]
    kinds = [f"k={_marks(words)}", f"o={' '.join(words[:2]).lower()}", f"b={_breaks(words)}", f"p={_plain(words)}"]
    told, last = [], (EDGE, EDGE)
    for word in words:
        own, lead = f"{shape(word)} {LISTED.get(word.lower())}", f"d={last[0]} {last[1]}"
        told.append([lead, f"{lead} {own}", *kinds[:2], *(f"{kind} {own}" for kind in kinds)])
        if is_plain(word):
            last = (last[1], word)
    return told


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
    kept = [key for key, _ in groupby(word if is_plain(word) else "*" for word in words)]
    return " ".join(kept[:12])


def _token(words: Sequence[str], here: int) -> list[str]:
    one, two, three = (words[here + step].lower() for step in (-1, 0, 1))
    shapes = [shape(words[here + step]) for step in STEPS]
    told = [f"lr={one} {three}", f"l={one} {two}", f"r={two} {three}", f"ll={words[here - 2].lower()} {one}"]
    return [*told, f"s3={' '.join(shapes[1:4])}", f"s5={' '.join(shapes)}"]


STEPS = (-2, -1, 0, 1, 2)  # from a token to those that it is seen with


def placed(step: int, word: str) -> list[str]:
    """What is seen of a word that stands so many steps from a token; less of those that are far."""
    return [f"{step}{each}" for each in of_word(word)[: 3 if abs(step) == 2 else 20]]


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


def _forms(text: str, found: Sequence[Token]) -> list[str]:
    """Which form's span every token lies in, the first one's where several do."""
    spans = list(recognised(text))
    return [
        next((_place(span, token) for span in spans if span.start <= token.start < span.end), "") for token in found
    ]


def _place(span: Span, token: Token) -> str:
    return f"{'B' if span.start == token.start else 'I'}-{span.kind}"
