"""A prompt computed on one emulated replica and decoded on another, as vLLM's NIXL connector does: within one process.

The blocks that wait are not pinned in the prefill replica's cache, and the link carries any number of prompts at once.
"""

from collections.abc import Sequence
from typing import Any

Params = dict[str, Any]
"""`kv_transfer_params` as they go over the wire."""


class Wire:
    """Where computed prompts wait, each for as long as its lease."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str], tuple[float, tuple[int, ...]]] = {}

    def offer(self, engine: str, request: str, tokens: Sequence[int], until: float) -> None:
        """A prompt is computed, and kept until then (virtual seconds)."""
        self._waiting[engine, request] = (until, tuple(tokens))

    def fetch(self, params: Params, prompt: Sequence[int], now: float) -> int:
        """The prompt's tokens that can be had under these parameters, which is then let go; 0 when unknown, expired,
        or another prompt's."""
        key = (str(params.get("remote_engine_id")), str(params.get("remote_request_id")))
        until, tokens = self._waiting.pop(key, (0.0, ()))
        return len(tokens) if now < until and tuple(prompt[: len(tokens)]) == tokens else 0

    def expire(self, now: float) -> int:
        """Let go what nobody fetched in time; returns how many prompts still wait."""
        for key in [key for key, (until, _) in self._waiting.items() if until <= now]:
            del self._waiting[key]
        return len(self._waiting)


def offered(engine: str, request: str, host: str, port: int, prompt_tokens: int, block_tokens: int) -> Params:
    """What a prefill replica tells of a prompt it has computed, as vLLM 0.32 words it."""
    blocks = -(-prompt_tokens // block_tokens)
    return {
        "do_remote_prefill": True,
        "do_remote_decode": False,
        "remote_block_ids": [list(range(blocks))],
        "remote_engine_id": engine,
        "remote_request_id": request,
        "remote_host": host,
        "remote_port": port,
        "tp_size": 1,
        "dcp_size": 1,
        "pp_size": 1,
        "remote_num_tokens": prompt_tokens,
        "remote_blocks_expiry_time": None,
        "transfer_mode": "pull",
    }
