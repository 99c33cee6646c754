"""Cache events as the maps that vLLM 0.32 packs."""

from collections.abc import Callable, Sequence
from typing import Any

from sims.replica.kv_events import Cleared, KvEvent, Removed, Stored


def stored(event: Stored, tokens: Sequence[int], block_tokens: int) -> dict[str, Any]:
    """Blocks of a job whose prompt and answer have these token ids."""
    first, count = event.first, len(event.hashes)
    return {
        "type": "BlockStored",
        "block_hashes": event.hashes,
        "parent_block_hash": event.parent,
        "token_ids": tokens[first * block_tokens : (first + count) * block_tokens],
        "block_size": block_tokens,
        "lora_id": None,
        "medium": "GPU",
        "lora_name": None,
        "extra_keys": [None] * count,
        "group_idx": 0,
        "kv_cache_spec_kind": "full_attention",
    }


def told(event: KvEvent, tokens: Callable[[str], Sequence[int]], block_tokens: int) -> dict[str, Any]:
    """Any event; `tokens` gives the token ids of a job's prompt and answer."""
    match event:
        case Stored():
            return stored(event, tokens(event.job), block_tokens)
        case Removed(hashes=hashes):
            return {"type": "BlockRemoved", "block_hashes": hashes, "medium": "GPU", "group_idx": 0}
        case Cleared():
            return {"type": "AllBlocksCleared"}
