"""Where a prefix lives: what each replica holds of a chain of blocks, by tier. Pure."""

from collections.abc import Sequence

from pool.kv_events import DISK, HBM, HOST, REMOTE
from pool.own_hashes import Hasher
from pool.roster import Entry, Roster
from weir.block_roots import root
from weir.v1 import registry_pb2

TIERS = (HBM, HOST, DISK, REMOTE)  # fastest first
MOST_BLOCKS = 1 << 16  # in one question


class BadQuestion(ValueError):
    """A question that cannot be answered: a sentence that says what to give."""


def where(roster: Roster, asked: registry_pb2.WhereRequest, hasher: Hasher) -> registry_pb2.WhereReply:
    """Every replica that holds the first block of what was asked for, the most tokens first; raises `BadQuestion`."""
    entries = [entry for entry in roster if not asked.model or entry.described.model == asked.model]
    if asked.body:
        raise BadQuestion("A pool does not count tokens: give `token_ids` or `blocks`, or ask a router.")
    if not asked.blocks and not (asked.model and asked.token_ids):
        raise BadQuestion("Give `blocks`, or `model` and `token_ids`.")
    if not entries:
        raise BadQuestion(f"No replica serves {asked.model!r:.80}.")
    size = entries[0].described.block_tokens
    blocks = list(asked.blocks) or _blocks(asked, size, hasher)
    if len(blocks) > MOST_BLOCKS:
        raise BadQuestion(f"{len(blocks)} blocks are more than the {MOST_BLOCKS} of one question.")
    holders = [holder for holder in (_holder(entry, blocks) for entry in entries) if holder is not None]
    holders.sort(key=lambda holder: -holder.tiers[-1].tokens)
    return registry_pb2.WhereReply(block_tokens=size, tokens=size * len(blocks), holders=holders)


def _blocks(asked: registry_pb2.WhereRequest, size: int, hasher: Hasher) -> list[int]:
    if len(asked.token_ids) > size * MOST_BLOCKS:
        raise BadQuestion(f"{len(asked.token_ids)} tokens are more than one question may have.")
    return hasher(list(asked.token_ids), size, root(asked.adapter, asked.cache_salt))


def _holder(entry: Entry, blocks: Sequence[int]) -> registry_pb2.Holder | None:
    tiers = held(entry, blocks)
    if not tiers:
        return None
    size = entry.described.block_tokens
    return registry_pb2.Holder(
        replica=entry.name,
        address=entry.described.address,
        ready=entry.ready,
        knowledge=entry.knowledge.value,
        epoch=entry.epoch,
        tiers=[registry_pb2.TierTokens(tier=tier, tokens=size * leading) for tier, leading in tiers],
    )


def held(entry: Entry, blocks: Sequence[int]) -> list[tuple[str, int]]:
    """Leading blocks held in each tier or a faster one; tiers that add nothing are left out."""
    found, known, leading = [], [], 0
    for tier in TIERS:
        known.append(entry.held(tier))
        before = leading
        while leading < len(blocks) and any(blocks[leading] in held_ for held_ in known):
            leading += 1
        if leading > before:
            found.append((tier, leading))
    return found
