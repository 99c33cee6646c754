"""Kubernetes Events: what was done to whom and why, said once and not again while it is still so."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from kubernetes import client

from pool.cluster.api import Api
from pool.cluster.troubles import Trouble

log = logging.getLogger(__name__)

AGAIN_S = 300.0  # the same is not said more often
COMPONENT = "weir-pool"


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """The object that an Event is about."""

    api: str
    kind: str
    name: str
    uid: str = ""


@dataclass(slots=True, kw_only=True)
class Events:
    """Writes Events; blocks."""

    api: Api
    me: str
    clock: Callable[[], float] = field(default=monotonic)
    _said: dict[tuple[About, str, str], float] = field(default_factory=dict)

    def say(self, about: About, reason: str, words: str, *, warning: bool = False) -> bool:
        """Say it unless it was said lately; whoever may not write Events goes on without. True when it was said."""
        key, now = (about, reason, words), self.clock()
        if now - self._said.get(key, -AGAIN_S) < AGAIN_S:
            return False
        self._said = {one: at for one, at in self._said.items() if now - at < AGAIN_S}
        self._said[key] = now
        core: Any = client.CoreV1Api(self.api.client)
        try:
            self.api.typed(core.create_namespaced_event, self.api.namespace, self._event(about, reason, words, warning))
        except Trouble as trouble:
            log.warning("an Event is not written: %s", trouble)
        return True

    def _event(self, about: About, reason: str, words: str, warning: bool) -> Any:
        now = datetime.now(UTC).replace(microsecond=0)
        return client.CoreV1Event(
            metadata=client.V1ObjectMeta(generate_name=f"{about.name}.", namespace=self.api.namespace),
            involved_object=client.V1ObjectReference(
                api_version=about.api,
                kind=about.kind,
                name=about.name,
                namespace=self.api.namespace,
                uid=about.uid or None,
            ),
            reason=reason,
            message=words[:1000],
            type="Warning" if warning else "Normal",
            source=client.V1EventSource(component=COMPONENT),
            reporting_component=COMPONENT,
            reporting_instance=self.me,
            first_timestamp=now,
            last_timestamp=now,
            count=1,
        )
