"""The Redis layout: every key that Weir writes, and what is there.

    weir:replicas          set of the names that hold, or lately held, a lease
    weir:{NAME}:replica    hash, expires with the lease
                             described   serialised weir.v1.Replica, its epoch included
                             report      serialised weir.v1.ReplicaReport, the last one
                             started     when the engine's process started, seconds since 1970; 0 unknown
    weir:{NAME}:kv         hash, expires after SNAPSHOT_TTL_S without a new snapshot
                             stamp       JSON: epoch, sequence, at, block_tokens, started, tiers (name → blocks), and hashing, the
                                         version of the own hashes (`policies.kv.blocks.HASHING`)
                             TIER:B:own  bucket B of that tier: the blocks' own hashes, little-endian uint64, ascending
                             TIER:B:eng  the engine's hashes of the same blocks, in the same order

B is the top BUCKET_BITS bits of the own hash, so that "who holds this block?" reads one bucket a replica. 16 bytes a
block in all. Whoever reads a snapshot checks that a lease stands and that the epochs agree: otherwise the entries are
those of a dead process; and that the hashing is its own: another version's hashes mean other blocks. The braces are hash tags: on a cluster all of one replica lives in one slot, and no command
here spans two. The in-flight deltas, sessions and budgets of routers belong to this file too.
"""

PREFIX = "weir"
REPLICAS = f"{PREFIX}:replicas"
STAMP = "stamp"
BUCKET_BITS = 6
SNAPSHOT_TTL_S = 3600.0


def replica(name: str) -> str:
    """Membership of one replica."""
    return f"{PREFIX}:{{{name}}}:replica"


def blocks(name: str) -> str:
    """The snapshot of what one replica's cache holds."""
    return f"{PREFIX}:{{{name}}}:kv"


def own_bucket(tier: str, bucket: int) -> str:
    """Field of a bucket's own hashes."""
    return f"{tier}:{bucket}:own"


def engine_bucket(tier: str, bucket: int) -> str:
    """Field of the same blocks' engine hashes."""
    return f"{tier}:{bucket}:eng"


def bucket_of(block: int) -> int:
    """The bucket of an own hash."""
    return block >> (64 - BUCKET_BITS)
