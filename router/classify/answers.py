"""How long models' answers to prompts were: public sets, read and put together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from router.classify.ngrams import Floats
from router.classify.tasks.reading import BadRow, rows

Tokens = npt.NDArray[np.float32]
"""Output tokens, shape (texts, models); NaN where a model has no answer."""
Doubles = npt.NDArray[np.float64]
ROUNDS = 10  # in which texts' and models' effects settle


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Prompts, how long each model's answer was, how many tokens each prompt has, and a domain for each."""

    texts: Sequence[str]
    models: tuple[str, ...]
    tokens: Tokens
    asked: Sequence[int]
    domains: tuple[str, ...]
    sets: tuple[str, ...] = ()  # the set of each prompt; none where all are of one

    def chosen(self, prompts: Sequence[int]) -> "Answers":
        """Some prompts, in that order."""
        return Answers(
            texts=[self.texts[at] for at in prompts],
            models=self.models,
            tokens=self.tokens[list(prompts)],
            asked=[self.asked[at] for at in prompts],
            domains=tuple(self.domains[at] for at in prompts),
            sets=tuple(self.sets[at] for at in prompts) if self.sets else (),
        )

    def counts(self) -> Floats:
        """How much each prompt counts in training: a small set as much as a large one, one prompt on average."""
        if not self.sets:
            return np.ones(len(self.texts), np.float32)
        names, of_set, size = np.unique(self.sets, return_inverse=True, return_counts=True)
        counts: Floats = (len(self.sets) / len(names) / size[of_set]).astype(np.float32)
        return counts

    def logs(self) -> Floats:
        """Logarithms by model and of any, (texts, models + 1).

        A model's gap is filled as if all prompts were alike to models: a text's effect and the model's, added. Any
        model's length is the mean of those that answered, less how much longer each of them is than the others.
        """
        logs = np.log1p(self.tokens)
        of_any, _ = _effects(logs, np.zeros(logs.shape[1]))
        of_text, usual = _effects(logs, np.nanmean(logs, axis=0))
        filled = np.where(np.isnan(logs), of_text + usual, logs)
        return np.concatenate([filled, of_any], axis=1).astype(np.float32)

    def with_any(self) -> Tokens:
        """Tokens by model, and the mean over models that answered as one more column."""
        return np.concatenate([self.tokens, np.nanmean(self.tokens, axis=1, keepdims=True)], axis=1).astype(np.float32)


def _effects(logs: Floats, of_model: Doubles) -> tuple[Doubles, Doubles]:
    """What texts (texts, 1) and models (models,) add to logarithms, from where the models' begin."""
    for _ in range(ROUNDS):
        of_text = np.nanmean(logs - of_model, axis=1, keepdims=True)
        of_model = np.nanmean(logs - of_text, axis=0)
    return np.asarray(of_text, float), np.asarray(of_model, float)


def mmlu_pro(data: Path) -> Answers:
    """MMLU-Pro's questions of a data folder, and the tokens of every model's answer to them."""
    counts = {row["question_id"]: row for row in rows(data / "mmlu_pro" / "matrix.csv.gz")}
    asked = [row for row in rows(data / "mmlu_pro" / "questions.jsonl.gz") if str(row["question_id"]) in counts]
    matched = [counts[str(row["question_id"])] for row in asked]
    models = tuple(name[4:] for name in next(iter(counts.values())) if name.startswith("out:"))
    if not asked:
        raise BadRow(f"{data / 'mmlu_pro'}: no row of matrix.csv.gz has its question in questions.jsonl.gz")
    return Answers(
        texts=["\n".join([row["question"].strip(), *row["options"]]) for row in asked],
        models=models,
        tokens=np.array([[row.amount(f"out:{model}") for model in models] for row in matched], np.float32),
        asked=[int(row.amount("prompt_tokens")) for row in matched],
        domains=tuple(row["category"] for row in asked),
    )


def arena_hard(data: Path) -> Answers:
    """Arena-Hard's prompts of a data folder, and the tokens of every model's answer to them."""
    asked = list(rows(data / "arena_hard" / "prompts.jsonl.gz"))
    models = tuple(sorted({model for row in asked for model in row.inner("out_tokens")}))
    table = [[row["out_tokens"].get(model, float("nan")) for model in models] for row in asked]
    return Answers(
        texts=[row["prompt"] for row in asked],
        models=models,
        tokens=np.array(table, np.float32),
        asked=[int(row["prompt_tokens"]) for row in asked],
        domains=tuple(row["category"] for row in asked),
    )


def together(named: Mapping[str, Answers]) -> Answers:
    """Several sets as one: a model that is in one alone has gaps in the others."""
    sets = named.values()
    models = tuple(dict.fromkeys(model for each in sets for model in each.models))
    tables = []
    for each in sets:
        table = np.full((len(each.texts), len(models)), np.nan, np.float32)
        table[:, [models.index(model) for model in each.models]] = each.tokens
        tables.append(table)
    return Answers(
        texts=[text for each in sets for text in each.texts],
        models=models,
        tokens=np.concatenate(tables),
        asked=[tokens for each in sets for tokens in each.asked],
        domains=tuple(domain for each in sets for domain in each.domains),
        sets=tuple(name for name, each in named.items() for _ in each.texts),
    )


def own(path: Path) -> Answers:
    """One's own answers: a row has a text and output_tokens and, where known, model, domain and prompt_tokens.

    A text that several models answered is one prompt. Raises `BadRow`.
    """
    told: dict[str, dict[str, Any]] = {}
    for number, row in enumerate(rows(path), 1):
        try:
            text, tokens = row["text"][:], float(row["output_tokens"])
        except (KeyError, TypeError, ValueError):
            raise BadRow(f"{path}, row {number}: a row has a text and output_tokens, and may have a model") from None
        of = told.setdefault(text, {"row": row, "tokens": {}})
        of["tokens"][str(row.get("model") or "any")] = tokens
    models = tuple(sorted({model for of in told.values() for model in of["tokens"]}))
    table = [[of["tokens"].get(model, float("nan")) for model in models] for of in told.values()]
    return Answers(
        texts=list(told),
        models=models,
        tokens=np.array(table, np.float32),
        asked=[int(of["row"].get("prompt_tokens") or len(text) / 4) for text, of in told.items()],
        domains=tuple(str(of["row"].get("domain") or "any") for of in told.values()),
    )


def all_of(data: Path) -> Answers:
    """Every set that a folder has, or one's own file; raises `FileNotFoundError` for a folder that has none."""
    if data.is_file():
        return own(data)
    found = {name: read(data) for name, read in READERS.items() if (data / name).is_dir()}
    if not found:
        raise FileNotFoundError(f"{data} holds none of {', '.join(READERS)}, which tell how long answers are")
    return together(found)


READERS = {"mmlu_pro": mmlu_pro, "arena_hard": arena_hard}
