"""The Redis layout: every key that Weir writes, and what is there.

    weir:replicas          set of the names that hold, or lately held, a lease
    weir:{NAME}:replica    hash, expires with the lease
                             described   serialised weir.v1.Replica, its epoch included
                             report      serialised weir.v1.ReplicaReport, the last one
                             started     when the engine's process started, seconds since 1970; 0 unknown
                             ranks       data-parallel ranks
    weir:{NAME}:kv         hash, expires after SNAPSHOT_TTL_S without a new snapshot; of rank R > 0: weir:{NAME}:kv:R
                             stamp       JSON: epoch, sequence, at, block_tokens, started, tiers (name → blocks),
                                         and hashing, the version of the own hashes (`policies.kv.blocks.HASHING`)
                             TIER:B:own  bucket B of that tier: the blocks' own hashes, little-endian uint64, ascending
                             TIER:B:eng  the engine's hashes of the same blocks, in the same order
    weir:routers           hash: a router's process → milliseconds since 1970 when it last said that it runs
    weir:load:PROCESS      bytes, expires after LOAD_TTL_S: what that process sent and is not over, see `LOAD`
    weir:sessions:W:S      hash, expires after SESSION_WINDOWS windows: a session's 31-bit hash → replica; W is the
                           window of SESSION_WINDOW_S in which it was last seen, S the hash modulo SESSION_SHARDS

B is the top BUCKET_BITS bits of the own hash, so that "who holds this block?" reads one bucket a replica. A block takes
16 bytes, and with Redis's own share less than BYTES_PER_BLOCK: about one byte a cached token with blocks of 16. The
whole is bounded by replicas × the pool's `blocks_per_replica` × BYTES_PER_BLOCK. Whoever reads a snapshot checks that a
lease stands and that the epochs agree: otherwise the entries are those of a dead process; and that
the hashing is its own: another version's hashes mean other blocks. A router's process has a
random name, so what a dead one sent is never taken for its successor's, and is gone with its key. The braces are hash
tags: on a cluster all of one replica lives in one slot, and no command here spans two.
"""

import numpy as np

PREFIX = "weir"
REPLICAS = f"{PREFIX}:replicas"
STAMP = "stamp"
BUCKET_BITS = 6
SNAPSHOT_TTL_S = 3600.0
BYTES_PER_BLOCK = 18

ROUTERS = f"{PREFIX}:routers"
LOAD_TTL_S = 1.0
LOAD = np.dtype([("key", "<u4"), ("load", "<f4", 6)])
"""One replica's part: its 31-bit key; running, waiting, queued_tokens, queued_attended, context_tokens, kv_used."""

SESSION_WINDOW_S = 300.0
SESSION_WINDOWS = 4
SESSION_SHARDS = 16


def replica(name: str) -> str:
    """Membership of one replica."""
    return f"{PREFIX}:{{{name}}}:replica"


def blocks(name: str, rank: int = 0) -> str:
    """The snapshot of what one rank's cache holds."""
    return f"{PREFIX}:{{{name}}}:kv:{rank}" if rank else f"{PREFIX}:{{{name}}}:kv"


def load(process: str) -> str:
    """What one router's process has in flight."""
    return f"{PREFIX}:load:{process}"


def sessions(window: int, shard: int) -> str:
    """The sessions of one shard last seen in one window."""
    return f"{PREFIX}:sessions:{window}:{shard}"


def own_bucket(tier: str, bucket: int) -> str:
    """Field of a bucket's own hashes."""
    return f"{tier}:{bucket}:own"


def engine_bucket(tier: str, bucket: int) -> str:
    """Field of the same blocks' engine hashes."""
    return f"{tier}:{bucket}:eng"


def bucket_of(block: int) -> int:
    """The bucket of an own hash."""
    return block >> (64 - BUCKET_BITS)
