"""Output tokens of 29 models on MMLU-Pro and three on Arena-Hard: `python -m bench.out_length --data DIR`.

The pinball loss of the P75 beside two quantiles that know no text: the domain's, over all models, and the domain's of
that very model. Part of what is gained on the first is knowing the model; only the second tells what the text is worth.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.classify.claim import Figures, bootstrap, run, say
from bench.embedded import embedded
from router.classify.kernel import assign
from router.classify.lengths import QUANTILES, Answers, learn, mmlu_pro_answers, pinball
from router.classify.ngrams import Floats
from router.classify.tasks.reading import rows
from router.classify.training import seen_of

TARGET = {"mmlu_pro_reduction": {"least": 0.20}, "arena_hard_reduction": {"least": 0.20}}
AT = 1  # of QUANTILES: the P75
FEWEST = 8  # answers of a domain; a rarer one is told by all of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Set:
    """Answers, and each prompt's domain."""

    answers: Answers
    domains: tuple[str, ...]


def measure(folder: Path, taught: Path | None) -> Figures:
    """Both sets; a folder that lacks one is an error."""
    figures: dict[str, Any] = {}
    for name, read in (("mmlu_pro", mmlu_pro), ("arena_hard", arena_hard)):
        tested, teaching = read(folder), read(taught) if taught else None
        say(f"{name}: {len(tested.domains):,} prompts, {len(tested.answers.models)} models")
        figures |= {f"{name}_{figure}": value for figure, value in compared(tested, teaching).items()}
    return figures


def mmlu_pro(folder: Path) -> Set:
    """MMLU-Pro's questions and the tokens of every model's answer."""
    asked, answers = mmlu_pro_answers(folder)
    return Set(answers=answers, domains=tuple(row["category"] for row in asked))


def arena_hard(folder: Path) -> Set:
    """Arena-Hard's prompts and the tokens of every model's answer."""
    asked = list(rows(folder / "arena_hard" / "prompts.jsonl.gz"))
    models = tuple(sorted({model for row in asked for model in row["out_tokens"]}))
    table = [[row["out_tokens"].get(model, float("nan")) for model in models] for row in asked]
    answers = Answers(texts=[row["prompt"] for row in asked], models=models, tokens=np.array(table, np.float32))
    return Set(answers=answers, domains=tuple(row["category"] for row in asked))


def compared(tested: Set, teaching: Set | None) -> dict[str, Any]:
    """How much lower the P75's pinball loss is than both baselines', and how many answers stay within each quantile."""
    tokens = tested.answers.tokens
    told, shared, own = _left_out(tested) if teaching is None else _carried(tested, teaching)
    losses = np.stack(
        [np.nansum(pinball(tokens, each, QUANTILES[AT]), axis=1) for each in (told[..., AT], shared, own)]
    )
    within = {f"within_p{round(100 * q)}": _share(tokens <= told[..., at], tokens) for at, q in enumerate(QUANTILES)}
    return {
        "reduction": _lower(losses, 1),
        "reduction_interval": bootstrap(losses.shape[1], lambda rows: _lower(losses[:, rows], 1)),
        "reduction_of_same_model": _lower(losses, 2),
        "reduction_of_same_model_interval": bootstrap(losses.shape[1], lambda rows: _lower(losses[:, rows], 2)),
        **within,
    }


def _left_out(tested: Set) -> tuple[Floats, Floats, Floats]:
    texts, tokens = tested.answers.texts, tested.answers.tokens
    _, left = learn(tested.answers, seen_of(texts, "encoder", embedded), "encoder")
    folds, shared, own = assign(texts), np.empty_like(tokens), np.empty_like(tokens)
    for fold in np.unique(folds):
        out, kept = folds == fold, folds != fold
        shared[out], own[out] = by_domain(tokens[kept], _some(tested.domains, kept), _some(tested.domains, out))
    return left[:, :-1], shared, own


def _carried(tested: Set, teaching: Set) -> tuple[Floats, Floats, Floats]:
    known = [teaching.answers.models.index(model) for model in tested.answers.models]
    lengths, _ = learn(teaching.answers, seen_of(teaching.answers.texts, "encoder", embedded), "encoder")
    told = lengths.quantiles(seen_of(tested.answers.texts, "encoder", embedded))[:, known]
    return told, *by_domain(teaching.answers.tokens[:, known], teaching.domains, tested.domains)


def by_domain(tokens: Floats, domains: Sequence[str], asked: Sequence[str]) -> tuple[Floats, Floats]:
    """The domain's P75 over all models, and of each model, for every asked domain; both (asked, models)."""
    shared, own = np.empty((2, len(asked), tokens.shape[1]), np.float32)
    for domain in sorted(set(asked)):
        mine = tokens[np.array([each == domain for each in domains])]
        kept = mine if len(mine) >= FEWEST else tokens
        rows = np.array([each == domain for each in asked])
        shared[rows] = np.nanquantile(kept, QUANTILES[AT])
        own[rows] = [_of_model(kept[:, m], tokens[:, m]) for m in range(tokens.shape[1])]
    return shared, own


def _of_model(kept: Floats, every: Floats) -> float:
    """A model's P75 in a domain; in all of them where it answered nothing there."""
    return float(np.nanquantile(every if np.isnan(kept).all() else kept, QUANTILES[AT]))


def _some(domains: Sequence[str], rows: npt.NDArray[np.bool_]) -> list[str]:
    return [each for each, keep in zip(domains, rows, strict=True) if keep]


def _share(held: npt.NDArray[np.bool_], tokens: Floats) -> float:
    return round(float(held[~np.isnan(tokens)].mean()), 4)


def _lower(losses: npt.NDArray[np.floating], baseline: int) -> float:
    return round(float(1 - losses[0].sum() / losses[baseline].sum()), 4)


if __name__ == "__main__":
    sys.exit(run("out-length", TARGET, measure))
