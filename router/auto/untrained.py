"""Which learned signals a rules file reads that nobody has trained: their conditions never fire, so it is said."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from policies.select.foretold import QUALITY
from policies.select.learners import beside, wanted
from policies.select.rules.deciding import needed
from policies.select.rules.rule import RuleSet
from policies.signals.learned import LEARNED

LENGTH = "length"
OF_LENGTH = frozenset({"heavy", "output_p50", "output_p75", "output_p90"})
"""The signals that one head answers."""

TONE = "feedback"


def untrained(rules: RuleSet, learn: Mapping[str, Any] | None, folder: Path) -> list[str]:
    """The heads that the rules and their learner read and the folder has not, sorted."""
    read = set(needed(rules)) | (set(rules.sessions.reads()) if rules.sessions is not None else set())
    if learn is not None:
        read |= wanted(learn) | (wanted(beside(learn)) if "canary" in learn else frozenset())
        read |= {TONE} if learn.get("verdicts", {}).get("next_turn") else set()
    heads = {LENGTH if name in OF_LENGTH else name for name in read if name in LEARNED and name != QUALITY}
    return sorted(head for head in heads if not (folder / f"{head}.npz").is_file())


def sentences(path: Path, heads: Iterable[str]) -> list[str]:
    """What is said of each: what it means, and the command that mends it."""
    return [
        f"{path}: it reads {head}, for which no head is trained: what asks for it never fires, nor does its `not`; "
        f"make one with `{command(head)}` and start the router again"
        for head in heads
    ]


def command(head: str) -> str:
    """How a head is made."""
    return f"weir train {head}{'' if _made_up(head) else ' --data DATA'}"


def _made_up(head: str) -> bool:
    """Whether it learns from templates of this project."""
    from router.classify.tasks.port import TASKS

    return head in TASKS.names() and TASKS[head].synthetic
