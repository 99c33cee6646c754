"""Intents of an assistant's and a bank's users, on both tiers: `python -m bench.intents --data DIR`.

In-scope accuracy counts a request that the head abstains on as wrong. Open rows of CLINC150 come with a split of their
own: heads learn from its training part and are tested on its validation part, of other people's words.
"""

import sys
from pathlib import Path
from typing import Any

from bench.classify.claim import Figures, mean_interval, run
from bench.classify.measured import Tested, carried, tested
from router.classify.calibration import auroc
from router.classify.tasks.port import OUTSIDE, TASKS, Example
from router.classify.tasks.reading import rows
from router.classify.training import plan_of

TARGET = {
    "in_scope_accuracy": {"least": 0.95},
    "outside_recall": {"least": 0.60},
    "banking_accuracy": {"least": 0.91},
}


def measure(folder: Path, taught: Path | None) -> Figures:
    """Both sets on both tiers; only the encoder tier has targets."""
    figures: dict[str, Any] = {}
    for tier, prefix in (("encoder", ""), ("static", "static_")):
        figures |= of_assistant(assistant(tier, folder, taught), prefix)
        figures |= of_banking(tested("banking", tier, folder, taught), prefix)
    return figures


def assistant(tier: str, folder: Path, taught: Path | None) -> Tested:
    """CLINC150: validation rows by a head of the training rows, or another folder's rows by a head of all open ones."""
    if taught is not None:
        return tested("assistant", tier, folder, taught)
    parts: dict[bool, list[Example]] = {True: [], False: []}
    for path in sorted((folder / "clinc150").glob("*.jsonl*")):
        for row in rows(path):
            label = OUTSIDE if row["intent"] == "oos" else row["intent"]
            parts["train" in row["split"]].append(Example(row["text"], label, row["text"]))
    if not parts[True] or not parts[False]:
        return tested("assistant", tier, folder, None)
    return carried(plan_of("assistant", TASKS["assistant"](), tier), parts[True], parts[False])


def of_assistant(found: Tested, prefix: str) -> dict[str, Any]:
    """In-scope accuracy, out-of-scope recall and how well confidence tells the two apart."""
    sure, inside = found.scores.max(axis=1), found.labels >= 0
    kept = sure >= found.head.abstain_below
    right = (kept & (found.scores.argmax(axis=1) == found.labels))[inside]
    return {
        f"{prefix}in_scope_accuracy": round(float(right.mean()), 4),
        f"{prefix}in_scope_accuracy_interval": mean_interval(right),
        f"{prefix}outside_recall": round(float((~kept[~inside]).mean()), 4),
        f"{prefix}outside_recall_interval": mean_interval(~kept[~inside]),
        f"{prefix}outside_auroc": round(auroc(sure, inside), 4),
    }


def of_banking(found: Tested, prefix: str) -> dict[str, Any]:
    """Accuracy."""
    right = found.scores.argmax(axis=1) == found.labels
    return {
        f"{prefix}banking_accuracy": round(float(right.mean()), 4),
        f"{prefix}banking_accuracy_interval": mean_interval(right),
    }


if __name__ == "__main__":
    sys.exit(run("intents", TARGET, measure))
