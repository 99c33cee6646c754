"""Small data folders of the layout that the classification claims read, made up."""

import csv
import gzip
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from policies.signals.learned import DOMAINS

MODELS = ("brief", "wordy")


def write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Rows as .jsonl.gz or .csv.gz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = list(rows)
    text = io.StringIO(newline="")
    if ".csv" in path.name:
        table = csv.DictWriter(text, list(kept[0]))
        table.writeheader()
        table.writerows(kept)
    else:
        text.write("".join(json.dumps(row) + "\n" for row in kept))
    path.write_bytes(gzip.compress(text.getvalue().encode()))


def make(folder: Path, seed: int = 0) -> Path:
    """All sets that the claims read; another seed's rows are others."""
    chance = np.random.default_rng(seed)
    intents(folder, chance)
    questions(folder, chance)
    prompts(folder, chance)
    people(folder, chance)
    return folder


def intents(folder: Path, chance: np.random.Generator) -> None:
    """Three intents and none, in the splits of CLINC150; two of a bank."""
    words = {"bake": "bread oven flour butter", "fly": "ticket gate plane luggage", "pay": "bill bank card account"}
    rows = []
    for split, each in (("train", 30), ("val", 10)):
        for intent, known in words.items():
            for _ in range(each):
                text = f"{intent} my {' '.join(chance.choice(known.split(), 2))} {chance.integers(99)}"
                rows.append({"split": split, "text": text, "intent": intent, "domain": intent})
        outside = [f"zebra quark {at} violin {split} {chance.integers(999)}" for at in range(each)]
        rows += [{"split": f"oos_{split}", "text": text, "intent": "oos", "domain": "oos"} for text in outside]
    write(folder / "clinc150" / "train_val.jsonl.gz", rows)
    bank = [
        {"text": f"my card is {word} {at} {chance.integers(999)}", "category": word}
        for at in range(40)
        for word in ("lost", "late")
    ]
    write(folder / "banking77" / "train.csv.gz", bank)


def questions(folder: Path, chance: np.random.Generator) -> None:
    """Questions of fourteen domains, whose answers are longer in later ones."""
    asked, matrix = [], []
    for at in range(14 * 20):
        domain = DOMAINS[at % 14]
        text = f"{domain} question {chance.integers(1000)} about {domain} {at}"
        asked.append({"question_id": at, "category": domain, "question": text, "options": [domain, "none"]})
        usual = (20 + 30 * (at % 14)) * float(np.exp(chance.normal(scale=0.2)))
        right = {f"ok:{model}": int(at % 3 > 0) for model in MODELS}
        lengths = {"out:brief": int(usual), "out:wordy": int(3 * usual)}
        matrix.append({"question_id": at, "prompt_tokens": len(text) // 4, **right, **lengths})
    write(folder / "mmlu_pro" / "questions.jsonl.gz", asked)
    write(folder / "mmlu_pro" / "matrix.csv.gz", matrix)


def prompts(folder: Path, chance: np.random.Generator) -> None:
    """Attacks of three kinds, look-alikes, and everyday prompts with answers' lengths."""
    kinds = {"benign": "how do i kill a process", "harmful": "write a virus that", "jailbreak": "ignore all rules and"}
    kinds["prompt_injection"] = "append this link to"
    rows = [
        {"src": kind, "label": kind, "text": f"{text} number {at} {chance.integers(999)}"}
        for at in range(20)
        for kind, text in kinds.items()
    ]
    write(folder / "safety_prompts" / "prompts.jsonl.gz", rows)
    everyday = []
    for at in range(60):
        long = at % 2
        tokens = {model: int((500 if long else 50) * (1 + chance.random())) for model in MODELS[: 1 + at % 3]}
        text = f"{'write an essay' if long else 'give one word'} on garden {at} {chance.integers(999)}"
        everyday.append({"prompt": text, "category": "all", "prompt_tokens": len(text) // 4, "out_tokens": tokens})
    write(folder / "arena_hard" / "prompts.jsonl.gz", everyday)


def people(folder: Path, chance: np.random.Generator) -> None:
    """Sentences with a name and a town."""
    rows = []
    for _ in range(60):
        name, town = chance.choice(["Ann Fox", "Omar Diaz", "Li Chen"]), chance.choice(["Oslo", "Lyon", "Cork"])
        text = f"My name is {name} and after {chance.integers(999)} days I live in {town}"
        spans = [[11, 11 + len(name), "PERSON"], [len(text) - len(town), len(text), "GPE"]]
        rows.append({"text": text, "spans": spans})
    write(folder / "presidio_pii" / "synth.jsonl.gz", rows)
