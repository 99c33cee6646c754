"""What the tagger sees, written as plainly as it is meant: the specification that the quick way is held against."""

from collections.abc import Sequence
from itertools import pairwise

from policies.signals.reading import Span
from router.classify.ngrams import hashed
from router.classify.pii.context import ROWS
from router.classify.pii.recognisers import FORMS
from router.classify.pii.tokens import EDGE, LISTED, STEPS, Token, is_plain, kinds, of_word, shape


def rows(text: str, found: Sequence[Token]) -> list[list[int]]:
    """Rows of the table for every token."""
    words = edged(found)
    told = []
    for at, among in enumerate(seen(text, found)):
        single = [feature for step in STEPS for feature in placed(step, words[at + 2 + step])]
        told.append([hashed(feature) % ROWS for feature in (*among, *single)])
    return told


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
    told, last, sentence = list[list[str]](), (EDGE, EDGE), kinds(words)
    for word in words:
        own, lead = f"{shape(word)} {LISTED.get(word.lower())}", f"d={last[0]} {last[1]}"
        told.append([lead, f"{lead} {own}", *sentence[:2], *(f"{kind} {own}" for kind in sentence)])
        if is_plain(word):
            last = (last[1], word)
    return told


def _token(words: Sequence[str], here: int) -> list[str]:
    one, two, three = (words[here + step].lower() for step in (-1, 0, 1))
    shapes = [shape(words[here + step]) for step in STEPS]
    told = [f"lr={one} {three}", f"l={one} {two}", f"r={two} {three}", f"ll={words[here - 2].lower()} {one}"]
    return [*told, f"s3={' '.join(shapes[1:4])}", f"s5={' '.join(shapes)}"]


def placed(step: int, word: str) -> list[str]:
    """What is seen of a word that stands so many steps from a token; less of those that are far."""
    return [f"{step}{each}" for each in of_word(word)[: 3 if abs(step) == 2 else 20]]


def _forms(text: str, found: Sequence[Token]) -> list[str]:
    """Which form's span every token lies in, the first one's where several do."""
    spans = [
        Span(match.start(), match.end(), form.kind)
        for form in FORMS
        for match in form.pattern.finditer(text)
        if form.passes(match.group())
    ]
    return [
        next((_place(span, token) for span in spans if span.start <= token.start < span.end), "") for token in found
    ]


def _place(span: Span, token: Token) -> str:
    return f"{'B' if span.start == token.start else 'I'}-{span.kind}"
