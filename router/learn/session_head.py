"""A head that values a session's next turn, by model and by whether its failed turns are cut: its file and its card.

Several versions of it are kept, see `router.learn.versions`.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from policies.select.session_values import SessionValues
from router.classify.linear import BadHead
from router.learn.versions import keep, read

LAYOUT = 1  # of the file; a reader of another layout refuses it
KIND = "sessions"
ARRAYS = ("weights", "inverse", "noise")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionHead:
    """What was learned of sessions."""

    models: tuple[str, ...]  # in the order of the values' actions
    values: SessionValues
    card: Mapping[str, Any] = field(default_factory=dict)  # what it was trained on, and what its evaluation found

    @property
    def version(self) -> str:
        """What tells this head from another: the hash of its weights and its models."""
        held = "\0".join(self.models).encode() + b"".join(getattr(self.values, each).tobytes() for each in ARRAYS)
        return hashlib.sha256(held).hexdigest()[:12]

    def save(self, folder: Path) -> Path:
        """Keep the head and its card under its version, and let that version serve; returns its folder."""
        told = {"layout": LAYOUT, "models": self.models, "version": self.version, "card": dict(self.card)}
        told["settings"] = asdict(self.values.settings)
        return keep(folder, KIND, told, {name: getattr(self.values, name) for name in ARRAYS}, as_card(self))


def load(path: Path) -> SessionHead:
    """The head of a heads folder, of its `sessions` folder, of one version's or a file; raises `BadHead`."""
    file, told, arrays = read(path, KIND, LAYOUT)
    try:
        models = tuple(told["models"])
        plain = {"models": len(models), "settings": told["settings"], **{name: arrays[name] for name in ARRAYS}}
        return SessionHead(models=models, values=SessionValues.from_plain(plain), card=told["card"])
    except (KeyError, TypeError, ValueError) as bad:
        raise BadHead(
            f"{file} holds no head that can be used ({bad}): train it again with `weir train {KIND}`"
        ) from bad


def as_card(head: SessionHead) -> str:
    """The card as Markdown: nothing in it is typed by hand."""
    found = head.card
    rows = [f"| {name} | {_money(each)} |" for name, each in found["earned_usd"].items()]
    lines = [
        "# sessions", "",
        f"What a turn is worth to its session, by model ({', '.join(head.models)}) and by whether its failed turns are "
        f"cut out first; version {head.version}.",
        "", "## Trained on", "",
        f"{found['sessions']:,} sessions of {found['turns']:,} turns from {found['source']}; a completed one is worth "
        f"${found['worth_usd']:g}. Failed turns were cut before {found['cuts']:,} of the turns. {found['left_out']:,} "
        "sessions that nobody judged are left out.",
        "", "## Evaluated", "", found["how"], "",
        "| policy | dollars a session: completion's worth less cost (95 % interval) |", "|---|---|", *rows, "",
        "It knows sessions like these. What it was never shown it takes to be worth little, so an action that the log "
        "hardly has is hardly taken: let `epsilon` try some.", "",
    ]  # fmt: skip
    return "\n".join(lines)


def _money(told: Mapping[str, float]) -> str:
    return f"{told['value']:.4f} ({told['low']:.4f} to {told['high']:.4f})"
