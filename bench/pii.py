"""Spans of personal data in Presidio's synthetic sentences: `python -m bench.pii --data DIR`.

A span counts where its kind and both its ends are right; partly right ones are told apart. Sentences are made from
templates, and the same template occurs on both sides of any split: `unseen_template_f1` leaves whole templates out.
"""

import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.classify.claim import Figures, bootstrap, run, say
from bench.classify.measured import others
from bench.classify.presidio import as_presidio, found_in
from bench.gateway.installs import InstallError
from policies.signals.reading import Span
from router.classify.kernel import assign
from router.classify.pii.learning import Marked, learn, marked
from router.classify.pii.recognisers import recognised
from router.classify.pii.swapping import swapped

TARGET = {"span_f1": {"least": 0.85}}
Counts = npt.NDArray[np.int64]


def measure(folder: Path, taught: Path | None) -> Figures:
    """Span F1 of the tagger, by kind too, and of the recognisers alone."""
    tested = marked(folder)
    teaching = others(marked(taught), tested, lambda each: each.text) if taught is not None else []
    if not teaching:
        say(f"{len(tested):,} texts, each tagged without its fold")
        told = left_out(tested, [each.text for each in tested])
    else:
        tagger = learn(list(swapped(teaching)))
        told = [tagger.spans(each.text) for each in tested]
    figures = scored(tested, told) | {"texts": len(tested)}
    say("whole templates left out")
    figures["unseen_template_f1"] = f1(counted(tested, left_out(tested, [template(each) for each in tested])))
    figures["forms_only_f1"] = f1(counted(tested, [list(recognised(each.text)) for each in tested]))
    return figures | beside_presidio(tested, told)


def beside_presidio(tested: Sequence[Marked], told: Sequence[Sequence[Span]]) -> dict[str, Any]:
    """Both on the kinds that Presidio has; why not, where it cannot be had."""
    say("Presidio on the same texts")
    try:
        found = found_in([each.text for each in tested])
    except InstallError as bad:
        say(f"skipped: {bad}")
        return {"presidio": f"skipped: {bad}"}
    there = [each._replace(spans=tuple(as_presidio(each.spans))) for each in tested]
    ours = counted(there, [as_presidio(spans) for spans in told])
    theirs = counted(there, found.spans)
    characters = [_characters(each.spans, spans) for each, spans in zip(there, found.spans, strict=True)]
    return {
        "presidio": found.version,
        "presidio_span_f1": f1(theirs),
        "presidio_span_f1_interval": bootstrap(len(theirs), lambda rows: f1(theirs[rows])),
        "presidio_character_f1": f1(np.array(characters)),
        "presidio_ms_a_text": round(found.ms_a_text, 2),
        "span_f1_on_presidios_kinds": f1(ours),
    }


def template(example: Marked) -> str:
    """A text with its spans taken out: what was filled in is gone, what it was filled into stays."""
    text = example.text
    for span in reversed(example.spans):
        text = f"{text[: span.start]}<{span.kind}>{text[span.end :]}"
    return re.sub(r"\s+", " ", re.sub(r"\b(an?|the)\b", "", text))


def left_out(examples: Sequence[Marked], groups: Sequence[str]) -> list[list[Span]]:
    """Every text's spans by a tagger that learned from other groups."""
    folds, told = assign(groups), [list[Span]() for _ in examples]
    for fold in sorted(set(folds.tolist())):
        tagger = learn(list(swapped([each for each, own in zip(examples, folds, strict=True) if own != fold])))
        for at in np.flatnonzero(folds == fold).tolist():
            told[at] = tagger.spans(examples[at].text)
        say(f"fold {fold + 1} of 5: {f1(counted(examples, told)[folds <= fold]):.3f}")
    return told


def counted(examples: Sequence[Marked], told: Sequence[Sequence[Span]]) -> Counts:
    """Spans that are right, told, and there, by text; shape (texts, 3)."""
    each = [(len(set(e.spans) & set(t)), len(set(t)), len(set(e.spans))) for e, t in zip(examples, told, strict=True)]
    return np.array(each, np.int64)


def f1(counts: Counts) -> float:
    """The harmonic mean of precision and recall over all spans."""
    right, said, there = counts.sum(axis=0)
    return round(float(2 * right / max(said + there, 1)), 4)


def scored(examples: Sequence[Marked], told: Sequence[Sequence[Span]]) -> dict[str, Any]:
    """F1 with its interval, precision, recall, F1 of characters, and F1 by kind."""
    counts = counted(examples, told)
    right, said, there = counts.sum(axis=0)
    return {
        "span_f1": f1(counts),
        "span_f1_interval": bootstrap(len(counts), lambda rows: f1(counts[rows])),
        "precision": round(float(right / said), 4),
        "recall": round(float(right / there), 4),
        "character_f1": f1(np.array([_characters(e.spans, t) for e, t in zip(examples, told, strict=True)])),
        "f1_by_kind": by_kind(examples, told),
    }


def by_kind(examples: Sequence[Marked], told: Sequence[Sequence[Span]]) -> Mapping[str, float]:
    """F1 of every kind that occurs."""
    right, either = Counter[str](), Counter[str]()
    for example, spans in zip(examples, told, strict=True):
        right.update(span.kind for span in set(example.spans) & set(spans))
        either.update(span.kind for span in (*example.spans, *spans))
    return {kind: round(2 * right[kind] / either[kind], 3) for kind in sorted(either)}


def _characters(there: Sequence[Span], told: Sequence[Span]) -> tuple[int, int, int]:
    first, second = ({at for span in spans for at in range(span.start, span.end)} for spans in (there, told))
    return len(first & second), len(second), len(first)


if __name__ == "__main__":
    sys.exit(run("pii", TARGET, measure))
