"""What Weir's resources are told of themselves: their status, written when it is another and not too often."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from pool.cluster.api import APPLY, Api
from pool.cluster.resources import custom
from pool.cluster.troubles import Trouble
from pool.discovery.declared import Verdict
from pool.discovery.following import Standing
from pool.discovery.places import Problem
from weir.resources import GROUP, VERSION

log = logging.getLogger(__name__)

EVERY_S = 2.0  # a status is written at most so often

NOTHING = Problem(reason="", words="")
"""Nothing is wrong."""

Status = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """A pool's replicas."""

    replicas: int = 0
    ready: int = 0
    wanted: int | None = None
    selector: str = ""


def status(
    verdict: Verdict, counts: Counts | None, problems: list[Problem], pools: int, now: str,
    standing: Standing | None = None, unable: Problem | None = None,
) -> Status:  # fmt: skip
    """The status that a resource should have; a condition keeps its time while its status stays.

    `unable` says why a pool cannot be scaled; None where nobody does. Pure.
    """
    found = [("Valid", verdict.valid, verdict.reason, verdict.words)]
    if verdict.kind == "Pool":
        first = problems[0] if problems else None
        found.append(("Found", first is None, first.reason if first else "Found", first.words if first else ""))
        ready = counts is not None and counts.ready > 0
        found.append(("Ready", ready, "ReplicasReady" if ready else "NoReplicaReady", ""))
    elif verdict.kind == "Fleet":
        found.append(("Ready", pools > 0, "HasPools" if pools else "NoPools", ""))
    if unable is not None:
        found.append(("Scalable", not unable.reason, unable.reason or "Scalable", unable.words))
    if standing is not None:
        found.append(("Serving", standing.serving, standing.reason, standing.words))
    generation = verdict.meta.generation
    made: Status = {
        "conditions": [_condition(verdict.status, generation, now, *each) for each in found],
        "observedGeneration": generation,
    }
    if isinstance(verdict.serving, dict):
        made["serving"] = verdict.serving
    if verdict.kind == "Fleet":
        made["pools"] = pools
    if counts is not None:
        made |= {"replicas": counts.replicas, "ready": counts.ready}
        made |= {"selector": counts.selector} if counts.selector else {}  # for the same reason as an empty message
        made |= {} if counts.wanted is None else {"wanted": counts.wanted}
    return made


def _condition(
    before: Any, generation: int, now: str, kind: str, is_so: bool, reason: str, words: str
) -> dict[str, Any]:
    said = "True" if is_so else "False"
    conditions = before.get("conditions") if isinstance(before, dict) else None
    old: Status = next((one for one in conditions or () if one.get("type") == kind), {})
    since = old.get("lastTransitionTime", now) if old.get("status") == said else now
    made = {"type": kind, "status": said, "reason": reason, "lastTransitionTime": since}
    made |= {"message": words} if words else {}  # an empty one is read as null by some API servers, and refused
    return made | {"observedGeneration": generation}


@dataclass(slots=True, kw_only=True)
class Statuses:
    """Writes them; blocks."""

    api: Api
    clock: Callable[[], float] = field(default=monotonic)
    _at: dict[str, float] = field(default_factory=dict)
    _refused: dict[str, str] = field(default_factory=dict)  # what was last said of one that cannot be written

    def write(self, verdict: Verdict, wanted: Mapping[str, Any]) -> bool:
        """Write a status that is not there yet; True when it was written."""
        if same(verdict.status, wanted):
            return False
        name, now = f"{verdict.kind}/{verdict.meta.name}", self.clock()
        if now - self._at.get(name, -EVERY_S) < EVERY_S:
            return False
        self._at[name] = now
        body = {
            "apiVersion": f"{GROUP}/{VERSION}", "kind": verdict.kind, "metadata": {"name": verdict.meta.name},
            "status": dict(wanted),
        }  # fmt: skip
        path = f"{custom(verdict.kind, self.api.namespace).path}/{verdict.meta.name}/status"
        try:
            self.api.patch(path, body, APPLY)
        except Trouble as trouble:
            level = logging.DEBUG if self._refused.get(name) == str(trouble) else logging.WARNING
            log.log(level, "the status of %s is not written: %s", name, trouble)
            self._refused[name] = str(trouble)
            return False
        self._refused.pop(name, None)
        return True


def same(there: Any, wanted: Mapping[str, Any]) -> bool:
    """Whether a status says already what is wanted."""
    if not isinstance(there, dict):
        return False
    # A spec that serves is another only with its generation: an API that drops it is not written to for ever.
    return all(there.get(key) == value for key, value in wanted.items() if key != "serving")


def stamp() -> str:
    """Now, as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
