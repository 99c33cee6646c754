"""What the pool says of the fleet, taken into a core."""

import numpy as np

from policies.fleet import DISK, HBM, HOST, REMOTE
from router.core import Core
from router.held import APPROXIMATE
from weir import codec
from weir.v1 import fleet_pb2

TIERS = {"": HBM, "hbm": HBM, "host": HOST, "disk": DISK, "remote": REMOTE}
"""The wire's word for each tier; one that is not here is some place outside the machine."""


def apply(core: Core, update: fleet_pb2.FleetUpdate) -> None:
    """Take in one update of the fleet: who is there, how they are, what they hold."""
    if update.snapshot:
        wanted = {replica.name for replica in update.replicas}
        for name in [name for name in core.fleet.rows if name not in wanted]:
            core.leave(name)
        for row in core.fleet.rows.values():
            core.held.forget(row)
    for name in update.removed:
        core.leave(name)
    for replica in update.replicas:
        _join(core, replica)
    for report in update.reports:
        _report(core, report)
    for event in update.events:
        _event(core, event)
    if update.HasField("directions"):
        core.expect([(codec.replica(each), list(each.adapters)) for each in update.directions.elastic])


def _join(core: Core, message: fleet_pb2.Replica) -> None:
    known = core.fleet.rows.get(message.name)
    before = None if known is None else core.fleet.replicas[known]
    replica = codec.replica(message)
    adapters = list(message.adapters)
    if before == replica and known is not None and core.adapters.of(known) == adapters:
        return
    row = core.join(replica, adapters)
    core.retention.takes(row, message.retention)
    if before is not None and before.epoch != replica.epoch:
        core.held.forget(row)


def _report(core: Core, report: fleet_pb2.ReplicaReport) -> None:
    row = core.fleet.rows.get(report.name)
    if row is None:
        return
    core.view.set_ready(row, report.ready)
    if report.ready:
        core.view.report(row, report.running, report.waiting)
    if report.kv_tokens:
        core.fleet.columns.kv_tokens[row] = float(report.kv_tokens)
    if report.knowledge:
        core.held.set_knowledge(row, report.knowledge if core.reads_events(row) else APPROXIMATE)


def _event(core: Core, event: fleet_pb2.KvEvent) -> None:
    row = core.fleet.rows.get(event.replica)
    if row is None or not core.reads_events(row):
        return
    if event.kind == fleet_pb2.KvEvent.CLEARED:
        core.held.forget(row)
        return
    hashes, tier = np.array(event.blocks, dtype=np.uint64), TIERS.get(event.tier, REMOTE)
    if event.kind == fleet_pb2.KvEvent.STORED:
        core.held.stored(row, hashes, tier)
    elif event.kind == fleet_pb2.KvEvent.REMOVED:
        core.held.removed(row, hashes, tier)
