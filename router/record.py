"""Decision records: what was asked, what was predicted of every candidate, why one was chosen, what came of it."""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TextIO

import msgspec

from policies.candidates import candidates
from policies.decision import Outcome
from policies.policy import Routing

if TYPE_CHECKING:
    from router.core import Core, Placement

_encode = msgspec.json.Encoder().encode


def settings_hash(policy: Routing) -> str:
    """Eight hex digits that change with the policy or any of its settings."""
    told = json.dumps([policy.name(), policy.setting_names(), policy.settings().tolist()])
    return hashlib.sha256(told.encode()).hexdigest()[:8]


class Observer(Protocol):
    """What a core tells of each request it places."""

    def decision(self, core: "Core", placement: "Placement", block_tokens: float) -> None:
        """It was decided, and is not counted yet; the prompt's blocks are of so many tokens."""

    def outcome(self, placement: "Placement", outcome: Outcome) -> None:
        """It ended."""


class Recorder:
    """Writes one JSON line a request, when it ends; lines are buffered until `flush`."""

    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("a", encoding="utf-8")
        self._lines: list[bytes] = []
        self._hash = ""

    def decision(self, core: "Core", placement: "Placement", block_tokens: float) -> None:
        """Note a decision while the view is as the policy saw it."""
        self._hash = self._hash or settings_hash(core.placer.policy)
        used, known = core.used, placement.known_tokens
        placement.record = {
            "id": placement.order.id,
            "at": placement.sent_at,
            "policy": core.placer.name,
            "settings": self._hash,
            "request": _request(core, placement, block_tokens),
            "candidates": [_candidate(core, c) for c in candidates(used.asked(), core.fleet.table, used.cached)],
            "chosen": placement.replica.name,
            "why": core.placer.name,
            "propensity": placement.propensity,
            "knowledge": core.knowledge(placement),
            "knowledge_reason": core.held.reason(placement.row),
            "cached": {"known_tokens": known, "speculative_tokens": max(placement.cached_tokens - known, 0.0)},
        }
        if placement.order.choice is not None:
            placement.record["choice"] = placement.order.choice

    def outcome(self, placement: "Placement", outcome: Outcome) -> None:
        """Note what came of it; the record is complete."""
        if placement.record is not None:
            placement.record["outcome"] = outcome.as_dict()
            kept = placement.order.records
            if kept is None:
                self.write(placement.record)
            else:
                kept.append(placement.record)

    def write(self, record: dict[str, Any]) -> None:
        """Note a complete record."""
        self._lines.append(_encode(record))

    def feedback(self, decision: str, rating: float, against: str = "", weight: float = 1.0) -> None:
        """Note a verdict, or less than one: a line of its own, joined with the record by the decision's id."""
        more = ({"against": against} if against else {}) | ({"weight": weight} if weight != 1.0 else {})
        self._lines.append(_encode({"feedback": decision, "rating": rating, **more}))

    def flush(self) -> None:
        """Write what was noted since the last time."""
        if self._lines:
            lines, self._lines = self._lines, []
            self._file.write(b"\n".join(lines).decode() + "\n")
            self._file.flush()

    def close(self) -> None:
        """Write the rest and let the file go."""
        self.flush()
        self._file.close()


def _request(core: "Core", placement: "Placement", block_tokens: float) -> dict[str, Any]:
    order, ask = placement.order, core.used.asked()
    return {
        "model": order.model,
        "session": order.session,
        "tenant": order.tenant,
        "slo": order.slo,
        "prompt_tokens": ask.prompt_tokens,
        "max_tokens": ask.max_tokens,
        "expected_tokens": ask.expected_tokens,
        "ttft_deadline_s": ask.ttft_deadline_s,
        "tpot_deadline_s": ask.tpot_deadline_s,
        "blocks": core.held.blocks.hashes().tolist(),  # so that a replay finds the same prefixes
        "block_tokens": block_tokens,
        "compared_as": "text" if order.tokens is None else "tokens",
        "untold": order.untold,
    }


def _candidate(core: "Core", candidate: Any) -> dict[str, Any]:
    replica = core.fleet.replicas[candidate.row]
    return {
        "replica": replica.name if replica else "",
        "cached_tokens": candidate.cached_tokens,
        "ttft_s": candidate.ttft_s,
        "tpot_s": candidate.tpot_s,
        "cost_usd": candidate.cost_usd,
    }
