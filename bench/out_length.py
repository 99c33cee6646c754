"""Output tokens of 29 models on MMLU-Pro and three on Arena-Hard: `python -m bench.out_length --data DIR`.

The pinball loss of the P75 beside two quantiles that know no text: the domain's, over all models, and the domain's of
that very model. Part of what is gained on the first is knowing the model; only the second tells what the text is worth.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.classify.claim import Figures, bootstrap, run, say
from bench.classify.measured import others
from bench.embedded import embedded
from router.classify.answers import READERS, Answers
from router.classify.calibration import calibration_error
from router.classify.features import Seen
from router.classify.kernel import assign
from router.classify.length_training import learn, pinball, share_within
from router.classify.lengths import LONG_ANSWER, LONG_PROMPT, QUANTILES, chance_of_long, heavy
from router.classify.ngrams import Floats
from router.classify.tasks.reading import BadRow
from router.classify.training import seen_of

TARGET = {"mmlu_pro_reduction": {"least": 0.20}, "arena_hard_reduction": {"least": 0.20}}
AT = 1  # of QUANTILES: the P75
FEWEST = 8  # answers of a domain; a rarer one is told by all of them
KINDS = ("prefill", "decode", "balanced")


def measure(folder: Path, taught: Path | None) -> Figures:
    """Both sets; a folder that lacks one is an error."""
    figures: dict[str, Any] = {}
    for name, read in READERS.items():
        tested = read(folder)
        teaching = _teaching(read(taught), tested) if taught else None
        say(f"{name}: {len(tested.texts):,} prompts, {len(tested.models)} models")
        figures |= {f"{name}_{figure}": value for figure, value in compared(tested, teaching).items()}
    return figures


def _teaching(answers: Answers, tested: Answers) -> Answers | None:
    """The prompts that teach and are not tested, of the tested models; None where folds of the tested have to tell."""
    kept = set(others(answers.texts, tested.texts, str))
    lacking = sorted(set(tested.models) - set(answers.models))
    if lacking:
        raise BadRow(f"answers of {', '.join(lacking)} are tested, and the open rows have none")
    return answers.chosen([at for at, text in enumerate(answers.texts) if text in kept]) if kept else None


def compared(tested: Answers, teaching: Answers | None) -> dict[str, Any]:
    """How much lower the P75's pinball loss is than both baselines', and how many answers stay within each quantile."""
    tokens = tested.tokens
    told, shared, own, long = _left_out(tested) if teaching is None else _carried(tested, teaching)
    losses = np.stack(
        [np.nansum(pinball(tokens, each, QUANTILES[AT]), axis=1) for each in (told[..., AT], shared, own)]
    )
    return {
        "reduction": _lower(losses, 1),
        "reduction_interval": bootstrap(losses.shape[1], lambda rows: _lower(losses[:, rows], 1)),
        "reduction_of_same_model": _lower(losses, 2),
        "reduction_of_same_model_interval": bootstrap(losses.shape[1], lambda rows: _lower(losses[:, rows], 2)),
        **{f"within_p{round(100 * q)}": share_within(tokens, told[..., at]) for at, q in enumerate(QUANTILES)},
        **heaviness(tested, long),
    }


def heaviness(tested: Answers, long: Floats) -> dict[str, Any]:
    """How well it is told whether prefill or decode is heavy, beside the commonest answer, and how sure that is."""
    tokens = tested.with_any()[:, -1]
    told = [heavy(size, float(chance)) for size, chance in zip(tested.asked, long, strict=True)]
    there = [heavy(size, float(answer > LONG_ANSWER)).label for size, answer in zip(tested.asked, tokens, strict=True)]
    right = np.array([one.label == other for one, other in zip(told, there, strict=True)])
    shares = np.array([[one.scores[kind] for kind in KINDS] for one in told])
    return {
        "heavy_accuracy": round(float(right.mean()), 4),
        "heavy_commonest": round(max(there.count(kind) for kind in KINDS) / len(there), 4),
        "heavy_calibration_error": round(calibration_error(shares, np.array([KINDS.index(kind) for kind in there])), 4),
        "long_prompts": round(float((np.array(tested.asked) > LONG_PROMPT).mean()), 4),
    }


def _left_out(tested: Answers) -> tuple[Floats, Floats, Floats, Floats]:
    tokens = tested.tokens
    learned = learn(tested, _seen(tested), "encoder")
    folds, shared, own = assign(tested.texts), np.empty_like(tokens), np.empty_like(tokens)
    for fold in np.unique(folds):
        out, kept = folds == fold, folds != fold
        shared[out], own[out] = by_domain(tokens[kept], _some(tested.domains, kept), _some(tested.domains, out))
    return learned.left[:, :-1], shared, own, learned.long


def _carried(tested: Answers, teaching: Answers) -> tuple[Floats, Floats, Floats, Floats]:
    known = [teaching.models.index(model) for model in tested.models]
    lengths, seen = learn(teaching, _seen(teaching), "encoder").lengths, _seen(tested)
    logs = seen.of_tier("encoder", lengths.rarity) @ lengths.weights[:, -1] + lengths.mean[-1]
    shared, own = by_domain(teaching.tokens[:, known], teaching.domains, tested.domains)
    return lengths.quantiles(seen)[:, known], shared, own, chance_of_long(logs, lengths.long)


def _seen(answers: Answers) -> Seen:
    return seen_of(answers.texts, "encoder", embedded)


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


def _lower(losses: npt.NDArray[np.floating], baseline: int) -> float:
    return round(float(1 - losses[0].sum() / losses[baseline].sum()), 4)


if __name__ == "__main__":
    sys.exit(run("out-length", TARGET, measure))
