"""The memory of one simulation: records and columns as arrays, each address where the compiled loop looks for it."""

from collections.abc import Sequence
from dataclasses import fields
from math import inf, isnan

import numpy as np
import numpy.typing as npt

from policies.cached import Cached, nothing_cached
from policies.fleet import LIMIT_TOKENS, READY, ROLES, TIERS, Fleet, Replica, Table
from policies.native.routes import Told
from policies.perf.latency import LatencyModel
from policies.request import Ask
from sims.arrivals import Arrivals
from sims.engine import records
from sims.engine.arena import Array, Memory, aligned, lay_shelves, lay_slots, powered, share
from sims.engine.compiled import layout
from sims.engine.conditions import GAPS, Conditions, SloClass
from sims.engine.looks import LOOKS
from sims.engine.reads import Reads
from sims.engine.records import NONE
from sims.limits import limit_tokens, limits

FIRST_EXPECTED = 200.0
"""Output tokens that a router expects of a model of which it has seen nothing."""

COEFFICIENTS = {field.name for field in fields(LatencyModel)} & set(layout(records.Engine).names or ())
EMPTY_RING = 1 << 12
MOST_GUESSES = 1 << 16  # prompts on their way at once; of any more nothing is expected
MOST_SCRAPES = 64  # on their way to the router at once
EVERY = 1 << 30
FEW = 64  # a queue no longer than this says nothing of stability
HEAP_PAD = 5  # entries between two heaps, or all would compete for the same few sets of the processor's cache


def lay_fleet(memory: Memory, fleet: Fleet, replicas: Sequence[Replica]) -> tuple[Table, Cached]:
    """The view's table, all replicas ready, and what each has cached; returns both."""
    for replica in replicas:
        row = fleet.add(replica)
        fleet.table[row, READY], fleet.table[row, LIMIT_TOKENS] = 1.0, limit_tokens(replica)
    table = memory.keep("table_", aligned(fleet.table))
    cached = memory.keep("cached_", nothing_cached(len(replicas)))
    memory.world.replicas, memory.world.words = len(replicas), (len(replicas) + 63) // 64
    longest = limits(replicas)
    memory.keep("limits_", np.array([longest[name] for name in fleet.models], np.int64))
    memory.keep("expected_", np.full(len(fleet.models), FIRST_EXPECTED))
    return table, cached


def lay_arrivals(memory: Memory, arrivals: Arrivals, fleet: Fleet, first_model: str, answers: bool = False) -> None:
    """The arrivals' columns, what comes of each, and room for as many requests in flight."""
    count, following = len(arrivals), arrivals.next_turns()
    waits = np.zeros(count, np.bool_)
    waits[following[following != NONE]] = True
    order = np.flatnonzero(~waits).astype(np.int32)
    if (np.diff(arrivals.at[order]) < 0.0).any():
        order = order[np.argsort(arrivals.at[order], kind="stable")]
    numbers = np.array([*(fleet.model(name) for name in arrivals.models), fleet.model(first_model)], np.int32)
    columns = {
        "order_": order, "times_": arrivals.at, "prompts_": arrivals.prompt_tokens, "following_": following,
        "outputs_": arrivals.output_tokens, "visuals_": arrivals.visual_tokens, "sessions_": arrivals.session,
        "after_": arrivals.after_s,
        "models_": numbers[arrivals.model],
    }  # fmt: skip
    chains, ends = with_answers(arrivals) if answers else (arrivals.blocks, arrivals.ends)
    columns["chains_"], columns["ends_"] = chains, ends
    for name, column in columns.items():
        memory.keep(name, np.ascontiguousarray(column))
    memory.world.ordered, memory.world.distinct = len(order), arrivals.distinct_blocks
    memory.keep("memo_", np.zeros(len(chains), np.int32))
    memory.keep("turns_", np.zeros(max(count - len(order), 1), layout(records.Turn)))
    outcomes = memory.keep("outcomes_", np.zeros(count, layout(records.Outcome)).view(np.recarray))
    for name in ("at", "admitted", "first", "end", "predicted"):
        outcomes[name] = np.nan
    outcomes.replica, outcomes.prefill = NONE, NONE
    memory.keep("flights_", np.zeros(count, layout(records.Flight)))
    memory.keep("transfers_", np.zeros(count, layout(records.Transfer)))
    memory.world.spare = NONE


def lay_squeezing(memory: Memory, models: int, arrivals: int, conditions: Conditions) -> None:
    """Whose prompts may be compressed, drawn by the seed, and the boundaries of each model, of which there are none."""
    draws = np.random.Generator(np.random.PCG64([conditions.seed, 0xC0DE])).random(arrivals)
    memory.keep("squeezing_", np.where(draws < conditions.compressible, records.COMPRESSIBLE, 0).astype(np.int32))
    memory.keep("bounds_", np.zeros(models))
    memory.keep("gammas_", np.ones(models))


def with_answers(arrivals: Arrivals) -> tuple[Array, Array]:
    """The arrivals' blocks, those of its answer after those of each prompt that is known to its last full block, and
    where each arrival's begin; an answer's blocks are like nobody else's."""
    known, size = np.diff(arrivals.ends), max(arrivals.block_tokens, 1)
    whole = known == arrivals.prompt_tokens // size
    full = (arrivals.prompt_tokens.astype(np.int64) + arrivals.output_tokens - 1) // size
    counts = np.where(whole & (arrivals.block_tokens > 0), full, known)
    ends = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    chains = arrivals.distinct_blocks + np.arange(ends[-1])
    places = np.arange(len(arrivals.blocks)) + np.repeat(ends[:-1] - arrivals.ends[:-1], known)
    chains[places] = arrivals.blocks
    return chains.astype(np.int32), ends


def lay_classes(memory: Memory, arrivals: Arrivals, conditions: Conditions) -> None:
    """What each arrival is promised, and its rank where requests wait; the last class is that of no class."""
    classes = (*conditions.classes, SloClass(name="", ttft_s=conditions.ttft_slo_s, tpot_s=conditions.tpot_slo_s))
    place = {each.name: i for i, each in enumerate(conditions.classes)}
    numbers = np.array([*(place.get(name, len(classes) - 1) for name in arrivals.slos), len(classes) - 1], np.int32)
    of = numbers[arrivals.slo]
    order = sorted({each.priority for each in classes}, reverse=True)
    memory.keep("classes_", of)
    memory.keep("ranks_", np.array([order.index(each.priority) for each in classes], np.int32)[of])
    memory.keep("ttfts_", np.array([each.ttft_s for each in classes]))
    memory.keep("tpots_", np.array([each.tpot_s for each in classes]))
    memory.world.ranks, memory.world.most_in_flight = len(order), conditions.most_in_flight


def lay_engines(memory: Memory, replicas: Sequence[Replica], block_tokens: int, conditions: Conditions) -> Array:
    """The engines and the arrays of each, those of one kind end to end; returns the engines' records."""
    engines: Array = np.zeros(len(replicas), layout(records.Engine)).view(np.recarray)
    for name in COEFFICIENTS:
        engines[name] = [getattr(replica.perf, name) for replica in replicas]
    loads = [token_seconds(replica.perf, conditions) for replica in replicas]
    engines.host_token_s, engines.disk_token_s = np.array(loads).T
    engines.row, engines.block = np.arange(len(replicas)), block_tokens
    engines.capacity = [replica.perf.kv_tokens // block_tokens for replica in replicas]
    engines.plain = engines.capacity
    engines.role = [ROLES[replica.role] for replica in replicas]
    memory.world.encode_tokens, memory.world.relays_first = conditions.encode_tokens, conditions.relays_first
    for name in ("partial", "first_waiting", "first_coming", "first_image"):
        engines[name] = NONE
    share(memory, engines, "needing_", np.dtype(np.int32), np.full(len(replicas), block_tokens))
    share(memory, engines, "heap_", layout(records.Entry), engines.max_seqs + HEAP_PAD)
    lay_slots(memory, engines, np.minimum(engines.capacity, numbered(memory)).tolist())
    return memory.keep("engines_", engines)


def numbered(memory: Memory) -> int:
    """How many different blocks there may be, answers' among them."""
    return int(memory.array("chains_").max(initial=-1)) + 1


def token_seconds(perf: LatencyModel, conditions: Conditions) -> tuple[float, float]:
    """Seconds to bring a token from host memory and from disk, inf where it is sooner computed."""
    compute_s = perf.token_s * perf.slowdown
    host_s = perf.kv_bytes_per_token / perf.host_bytes_per_s
    disk_s = host_s + perf.kv_bytes_per_token / conditions.read_bytes_per_s
    return (host_s if host_s < compute_s else inf), (disk_s if disk_s < compute_s else inf)


def lay_agenda(memory: Memory, replicas: int) -> None:
    """A tournament in which nobody is due."""
    leaves = powered(replicas + 1)  # the last one is for transfers
    tree = np.zeros(2 * leaves, np.int32)
    tree[leaves:] = np.arange(leaves)
    level = leaves
    while level > 1:
        tree[level // 2 : level] = tree[level : 2 * level : 2]
        level //= 2
    memory.keep("due_", np.full(leaves, inf))
    memory.keep("tree_", tree)
    memory.world.leaves = leaves


def lay_knowledge(memory: Memory, engines: Array, reads: Reads, conditions: Conditions) -> None:
    """What the router knows of caches: nothing; the ring in which events reach it, and its own histories."""
    world, count, block = memory.world[0], len(engines), int(engines.block[0])
    words, distinct = (count + 63) // 64, int(world.distinct)
    world.tiers = 1 if not conditions.host_tokens else 2 if not conditions.disk_tokens else 3
    world.matching, world.remembering = reads.cached, reads.cached and reads.history
    world.telling = reads.cached and not reads.history
    world.match_blocks = reads.match_tokens // block if world.remembering and reads.match_tokens else EVERY
    world.expecting = world.telling and conditions.expects
    planes = int(world.tiers) + int(world.expecting)
    memory.keep("known_", np.zeros(max(distinct * words * planes, 1) if reads.cached else 1, np.int64))
    world.most_guesses = MOST_GUESSES if world.expecting else 0
    memory.keep("guesses_", np.zeros(max(int(world.most_guesses), 1), layout(records.Guess)))
    memory.keep("live_", np.zeros(words, np.int64))
    memory.keep("touched_", np.zeros(TIERS * count, np.int32))
    most = min(int(engines.capacity.max()), distinct) if world.telling else 0
    world.ring_room = (4 if world.tiers == 1 else 16) * most + 64
    memory.keep("ring_", np.zeros(powered(max(EMPTY_RING, 2 * int(world.ring_room))), layout(records.Event)))
    world.ring_mask = len(memory.array("ring_")) - 1
    lay_losses(memory, engines, conditions)
    lay_shelves(memory, "histories_", remembered(engines, reads, block), distinct)
    lay_shelves(memory, "hosts_", [conditions.host_tokens // block] * count, numbered(memory))
    lay_shelves(memory, "disks_", [conditions.disk_tokens // block] * count, numbered(memory))


def lay_losses(memory: Memory, engines: Array, conditions: Conditions) -> None:
    """Which events are late, and which never arrive."""
    world, late_s = memory.world[0], conditions.kv_staleness_s
    world.staleness_s = conditions.staleness_s
    world.kv_staleness_s = conditions.staleness_s if isnan(late_s) else late_s
    world.event_loss, world.event_gaps = conditions.event_loss, GAPS.index(conditions.event_gaps)
    world.missed_spare, engines.told_at, engines.first_missed = NONE, -1.0, NONE
    room = len(memory.array("ring_")) if conditions.event_loss > 0.0 else 1
    memory.keep("missed_", np.zeros(room, layout(records.Missed)))


def remembered(engines: Array, reads: Reads, block: int) -> list[int]:
    """How many blocks the router remembers of its sends to each replica; 0 for all, or none."""
    if reads.bounded:
        return [int(each) for each in engines.capacity]
    kept = max(reads.history_tokens // block, 1) if reads.history and reads.history_tokens else 0
    return [kept] * len(engines)


def lay_metrics(memory: Memory, replicas: int, reads: Reads, conditions: Conditions) -> None:
    """Room for a look at every replica, and for what was scraped and is on its way."""
    world, numbers = memory.world[0], LOOKS * replicas
    memory.keep("looks_", np.zeros(numbers))
    world.scraping = reads.scraped
    # Where a scrape takes far longer than the next one is away, those between are left out.
    world.scrape_s = max(conditions.scrape_s, conditions.staleness_s / MOST_SCRAPES, 1e-3)
    world.scrape_slots = MOST_SCRAPES + 2
    memory.keep("scrapes_", np.zeros(numbers * int(world.scrape_slots) if reads.scraped else 1))
    memory.keep("scraped_at_", np.zeros(int(world.scrape_slots)))


def lay_held(memory: Memory, models: int, arrivals: int, conditions: Conditions) -> None:
    """The router's own queues, empty, and how many may wait for a first token."""
    queues = models * int(memory.world.ranks[0])
    memory.keep("first_held_", np.full(queues, NONE, np.int32))
    memory.keep("last_held_", np.full(queues, NONE, np.int32))
    memory.keep("next_held_", np.zeros(max(arrivals, 1), np.int32))
    memory.world.models, memory.world.queue_s = models, conditions.queue_s
    growth = conditions.unstable_growth
    memory.world.most_missing = max(int(growth * arrivals), FEW) if growth > 0.0 else EVERY


def grow_ring(memory: Memory) -> None:
    """Double the ring, its events moved to its beginning, and the room for lost ones."""
    world, old = memory.world[0], memory.array("ring_")
    places = np.arange(world.ring_first, world.ring_last) & world.ring_mask
    ring = np.zeros(2 * len(old), old.dtype)
    ring[: len(places)] = old[places]
    memory.keep("ring_", ring)
    if world.event_loss > 0.0:
        lost = np.zeros(len(ring), layout(records.Missed))
        lost[: len(old)] = memory.array("missed_")
        memory.keep("missed_", lost)
    world.ring_first, world.ring_last, world.ring_mask = 0, len(places), len(ring) - 1


def lay_decision(memory: Memory, settings: npt.NDArray[np.float64]) -> None:
    """What a policy's function reads and writes."""
    memory.keep("ask_", np.zeros(len(Ask._fields) + 1))
    memory.keep("told_", np.zeros(len(Told._fields)))
    memory.keep("settings_", settings)
    memory.world.settings = len(settings)
