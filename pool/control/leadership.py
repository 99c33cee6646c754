"""Holding a Lease: read, taken and renewed at the API, only ever in the version that was read."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Protocol

from kubernetes import client

from pool.cluster.api import Api
from pool.cluster.troubles import Absent, Conflict, Trouble
from pool.control.election import LEASE_S, RENEW_S, Election, Held

log = logging.getLogger(__name__)


class Leads(Protocol):
    """Whether this pool service may act on the fleet now."""

    def leads(self) -> bool:
        """Whether it may."""


class Alone:
    """One that has nobody beside it."""

    def leads(self) -> bool:
        """Always."""
        return True


class Leadership:
    """One candidate for one Lease."""

    def __init__(self, api: Api, name: str, me: str, clock: Callable[[], float] = monotonic) -> None:
        self._api, self._name, self._clock = api, name, clock
        self._leases: Any = client.CoordinationV1Api(api.client)
        self.election = Election(me=me)
        self._was = False
        self._trouble = ""  # what was last said of the Lease that cannot be had

    def leads(self) -> bool:
        """Whether it holds the Lease, and has lately been told so."""
        return self.election.leads(self._clock())

    async def run(self) -> None:
        """Candidate and renew for ever."""
        while True:
            await asyncio.to_thread(self.round)
            self._say()
            await asyncio.sleep(RENEW_S)

    def round(self) -> None:
        """Look once, and take or renew what may be taken; blocks."""
        began = self._clock()
        try:
            lease = self._read()
            self.election.saw(_held(lease), self._clock())
            if self.election.may_take(self._clock()):
                self._take(lease)
                self.election.renewed(began)
            else:
                self.election.lost()
        except Conflict:
            self.election.lost()
        except Trouble as trouble:
            level = logging.DEBUG if str(trouble) == self._trouble else logging.WARNING
            log.log(level, "the Lease %s: %s", self._name, trouble)
            self._trouble = str(trouble)
        else:
            self._trouble = ""

    def release(self) -> None:
        """Let another take it at once; blocks."""
        if not self.leads():
            return
        self.election.lost()
        try:
            lease = self._read()
            if lease is not None and lease.spec.holder_identity == self.election.me:
                lease.spec.holder_identity = ""
                self._api.typed(self._leases.replace_namespaced_lease, self._name, self._api.namespace, lease)
        except Trouble as trouble:
            log.warning("the Lease %s is not let go: %s", self._name, trouble)

    def _read(self) -> Any | None:
        try:
            return self._api.typed(self._leases.read_namespaced_lease, self._name, self._api.namespace)
        except Absent:
            return None

    def _take(self, lease: Any | None) -> None:
        now = datetime.now(UTC).replace(microsecond=max(datetime.now(UTC).microsecond, 1))
        me = self.election.me
        spec = client.V1LeaseSpec(
            holder_identity=me, lease_duration_seconds=int(LEASE_S), acquire_time=now, renew_time=now,
            lease_transitions=0,
        )  # fmt: skip
        if lease is None:
            made = client.V1Lease(metadata=client.V1ObjectMeta(name=self._name), spec=spec)
            self._api.typed(self._leases.create_namespaced_lease, self._api.namespace, made)
            return
        before = lease.spec
        if before.holder_identity == me:
            spec.acquire_time, spec.lease_transitions = before.acquire_time, before.lease_transitions
        else:
            spec.lease_transitions = (before.lease_transitions or 0) + 1
        lease.spec = spec
        self._api.typed(self._leases.replace_namespaced_lease, self._name, self._api.namespace, lease)

    def _say(self) -> None:
        leads = self.leads()
        if leads != self._was:
            log.info("%s %s", self.election.me, "leads" if leads else "does not lead any more")
        self._was = leads


def _held(lease: Any | None) -> Held | None:
    """What a Lease says; None where there is none."""
    if lease is None or lease.spec is None:
        return None
    spec = lease.spec
    return Held(
        holder=spec.holder_identity or "", renewed=f"{spec.renew_time} {lease.metadata.resource_version}",
        lease_s=float(spec.lease_duration_seconds or LEASE_S),
    )  # fmt: skip
