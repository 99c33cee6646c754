"""`weir train` without a head's name: every head that can be trained is, of the others it is said what they lack."""

from pathlib import Path

import typer

OWN = "see docs/classifiers.md for the form"
OTHERS = {
    "length": ("mmlu_pro/matrix.csv.gz", "arena_hard/prompts.jsonl.gz"),
    "pii": ("presidio_pii/*.jsonl*",),
    "select": ("mmlu_pro/matrix.csv.gz",),
}
"""The heads that are no task, and the files of a data folder that they learn from: any of them will do."""


def train_all(data: Path | None, tier: str, folder: Path) -> None:
    """Train every known head that has what it learns from."""
    from cli.train import SESSIONS, WORTH_USD, sessions, train_one
    from router.classify.tasks.port import TASKS

    for name in (*TASKS.names(), *OTHERS):
        lacking = lacks(name, data)
        if lacking:
            typer.echo(f"{name}: not trained: {lacking}")
        else:
            train_one(name, data, tier, folder)
    typer.echo(f"{SESSIONS}: {sessions(None, folder, WORTH_USD, float('nan'))}")


def lacks(head: str, data: Path | None) -> str:
    """What a head lacks to be trained, in a sentence; empty where it lacks nothing."""
    reads = learns_from(head)
    if reads == () and data is None:
        return f"{head} is no known head: name a .jsonl or .csv file of its texts and labels with --data ({OWN})"
    if reads in ((), ("",)):
        return ""
    named = " or ".join(reads)
    if data is None:
        return f"it learns from {named}: name the folder that holds it, or a file of your own, with --data ({OWN})"
    if data.is_dir() and not any(list(data.glob(each)) for each in reads):
        return f"{data} holds no {named} ({OWN})"
    return ""


def learns_from(head: str) -> tuple[str, ...]:
    """The files of a data folder that a known head learns from; an empty name where it needs none."""
    from router.classify.tasks.port import TASKS

    if head in OTHERS:
        return OTHERS[head]
    return (TASKS[head]().reads,) if head in TASKS.names() else ()
