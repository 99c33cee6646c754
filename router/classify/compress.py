"""Long prompts cut to the sentences that tell what they are about; for classifiers alone, never for a model.

A sentence's worth is 0.20 TextRank + 0.40 position + 0.35 TF-IDF + 0.05 novelty, the weights of FastRouter
(arXiv 2603.12646); the first three and the last two go before all others. Sentences are weighed by a compiled loop over
the text's bytes; likeness is never held as a matrix, so that the work grows with the text, not with its square.
"""

import numpy as np
import numpy.typing as npt

from router.classify.native.library import function
from router.classify.native.worths import BUCKETS, SHORTEST

TOKENS = 128
CHARACTERS_A_TOKEN = 4.2  # of prose; a text denser than that is cut by the encoder
FIRST, LAST = 3, 2
MOST_SENTENCES = 100  # that are weighed, from the beginning and the end: the middle is seldom chosen
MOST_CHARACTERS = 24_000  # of a text that is looked at, its beginning and its end
LONGEST = 240  # characters of a sentence; a longer one is several

ENDS = ((". ", ".\n"), ("? ", "?\n"), ("! ", "!\n"), ("。", "。\n"), ("？", "？\n"), ("！", "！\n"))

Doubles = npt.NDArray[np.float64]


def compress(text: str, tokens: int = TOKENS) -> str:
    """The text where it is short enough, or the best of its sentences in their order, about so many tokens long."""
    room = int(tokens * CHARACTERS_A_TOKEN)
    if len(text) <= room:
        return text
    said = sentences(text, max(tokens / TOKENS, 1.0)) or [text[:LONGEST]]
    kept, used = set[int](), 0
    for i in _order(said):
        if used + len(said[i]) < room:
            kept.add(i)
            used += len(said[i]) + 1
    return " ".join(said[i] for i in sorted(kept)) if kept else text[:room]


def sentences(text: str, scale: float = 1.0) -> list[str]:
    """The sentences of a text, long ones in pieces; from the beginning and the end where there are too many.

    Too many is so many times as much for whoever keeps so many times as much.
    """
    most = int(0.5 * scale * MOST_CHARACTERS)
    if len(text) > 2 * most:
        text = f"{text[:most]}\n{text[-most:]}"
    for end, broken in ENDS[: 3 if text.isascii() else None]:
        text = text.replace(end, broken)
    found = list(filter(None, map(str.strip, text.splitlines())))
    if len(max(found, key=len, default="")) > LONGEST:
        found = [part[at : at + LONGEST] for part in found for at in range(0, len(part), LONGEST)]
    half = int(0.5 * scale * MOST_SENTENCES)
    return found if len(found) <= 2 * half else found[:half] + found[-half:]


def _order(said: list[str]) -> list[int]:
    n = len(said)
    edges = [i for pair in zip(range(FIRST), range(n - 1, n - 1 - FIRST, -1), strict=True) for i in pair]
    first = [i for i in dict.fromkeys(edges) if 0 <= i < n and (i < FIRST or i >= n - LAST)]
    told: list[int] = np.argsort(-worths(said), kind="stable").tolist()
    return list(dict.fromkeys(first + told))


def worths(said: list[str]) -> Doubles:
    """How much each sentence tells, 0 to 1; shape (sentences,)."""
    text = "\n".join([*said, ""]).lower().encode("utf-8", "replace")
    sentences, words = len(said), len(text) // (SHORTEST + 1) + 1
    scratch = np.zeros(BUCKETS + 4 * sentences + 1 + 2 * words)  # what the compiled loop reads and writes
    function("worths")(text, len(text), sentences, words, scratch.ctypes.data)
    return scratch[-sentences:]
