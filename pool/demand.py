"""What a scaling policy sees of some replicas, of what their engines say of themselves. Pure."""

from collections.abc import Mapping, Sequence

from policies.perf.latency import LatencyModel
from policies.perf.sheets import UnknownProfile
from policies.scale.scaling import PoolState
from pool.roster import Entry
from pool.scrape import Reading
from weir import codec
from weir.v1 import fleet_pb2

PROMPTS, ANSWERS = ("prefill", "mixed"), ("decode", "mixed")
DRAINED = "it is drained"  # how the reason begins with which a pod of ours is barred

Before = Mapping[str, tuple[int, Reading]]
"""By replica: epoch and reading of the look before."""


def seen(entries: Sequence[Entry]) -> dict[str, tuple[int, Reading]]:
    """What the next look compares with."""
    return {entry.name: (entry.epoch, entry.reading) for entry in entries}


def model(described: fleet_pb2.Replica) -> LatencyModel | None:
    """The latency model of a replica; None where its profiles are not known: nothing can be predicted then."""
    try:
        return codec.latency(described)
    except (UnknownProfile, ValueError):
        return None


def state(
    pool: str, role: str, entries: Sequence[Entry], before: Before, perf: LatencyModel | None, now: float, most: int
) -> PoolState:
    """Replicas of one role under one name; what waits at routers is theirs to know."""
    serving = [entry for entry in entries if entry.ready]
    leaving = [entry for entry in entries if entry.becoming or entry.barred.startswith(DRAINED)]
    active, fresh = [*serving, *leaving], [_since(entry, before) for entry in entries]
    takes, gives = role in PROMPTS, role in ANSWERS
    return PoolState(
        pool=pool,
        at=now,
        ready=len(serving),
        starting=len(entries) - len(active),
        draining=len(leaving),
        most=most,
        running=float(sum(entry.reading.running for entry in active)),
        waiting=float(sum(entry.reading.waiting for entry in active)),
        held=0.0,
        slots=_slots(entries, perf),
        kv_share=sum(entry.reading.kv_used for entry in serving) / len(serving) if serving else 0.0,
        arrived=int(sum(max(one.ended + one.running + one.waiting, 0.0) for one in fresh)) if takes else 0,
        prompt_tokens=sum(max(one.prompt_tokens - one.cached_tokens, 0.0) for one in fresh) if takes else 0.0,
        ended=int(sum(one.ended for one in fresh)) if gives else 0,
        output_tokens=sum(one.output_tokens for one in fresh) if gives else 0.0,
        role=role,
        perf=perf,
    )


def load(entry: Entry) -> int:
    """Requests at a replica, as it last said."""
    return entry.reading.running + entry.reading.waiting


def _slots(entries: Sequence[Entry], perf: LatencyModel | None) -> int:
    told = max((int(entry.described.engine.max_num_seqs) for entry in entries), default=0)
    return told or (perf.max_seqs if perf is not None else 1)


def _since(entry: Entry, before: Before) -> Reading:
    """What its counters have risen by since the look before; nothing of a process that is new."""
    epoch, old = before.get(entry.name, (-1, entry.reading))
    new = entry.reading
    if epoch != entry.epoch or new.ended < old.ended:
        return Reading()
    return Reading(
        running=new.running - old.running,
        waiting=new.waiting - old.waiting,
        prompt_tokens=max(new.prompt_tokens - old.prompt_tokens, 0.0),
        cached_tokens=max(new.cached_tokens - old.cached_tokens, 0.0),
        output_tokens=max(new.output_tokens - old.output_tokens, 0.0),
        ended=new.ended - old.ended,
    )
