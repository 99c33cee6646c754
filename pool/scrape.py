"""An engine's /metrics page → the few numbers that matter, by a scan for their names. Pure.

Several series of one name are the engine's data-parallel ranks: counts add up, shares are averaged.
"""

import json
from dataclasses import dataclass

RUNNING = (b"vllm:num_requests_running", b"sglang:num_running_reqs")
WAITING = (b"vllm:num_requests_waiting", b"sglang:num_queue_reqs")
KV_SHARE = (b"vllm:kv_cache_usage_perc", b"vllm:gpu_cache_usage_perc", b"sglang:token_usage")
KV_TOKENS = (b"sglang:max_total_num_tokens",)
CONFIG = b"vllm:cache_config_info"
STARTED = (b"process_start_time_seconds",)
PROMPT_TOKENS = (b"vllm:prompt_tokens_total", b"sglang:prompt_tokens_total")
CACHED_TOKENS = (b"vllm:prefix_cache_hits_total", b"sglang:cached_tokens_total")
OUTPUT_TOKENS = (b"vllm:generation_tokens_total", b"sglang:generation_tokens_total")
ENDED = (b"vllm:request_success_total", b"sglang:num_requests_total")
MODELS = "/v1/models"  # where an engine names its adapters, and how long a request it takes
MOST_ADAPTERS = 4096
MOST_TOKENS = 1 << 31  # no engine takes a longer request


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What an engine says of itself."""

    running: int = 0
    waiting: int = 0
    kv_used: float = 0.0  # share of its KV blocks, 0..1
    kv_tokens: int = 0  # capacity; 0 when it does not say
    block_tokens: int = 0  # 0 when it does not say
    blocks: int = 0
    started: float = 0.0  # when its process started, seconds since 1970; 0 when it does not say
    prompt_tokens: float = 0.0  # ever; those found cached too
    cached_tokens: float = 0.0  # ever; prompt tokens found cached
    output_tokens: float = 0.0  # ever
    ended: float = 0.0  # requests ever


def read(page: bytes) -> Reading:
    """The reading of a page of Prometheus text; what is not there, or is no number, is 0."""
    block_tokens, blocks = _cache_config(page)
    return Reading(
        running=int(sum(_first(page, RUNNING))),
        waiting=int(sum(_first(page, WAITING))),
        kv_used=min(_mean(_first(page, KV_SHARE)), 1.0),
        kv_tokens=block_tokens * blocks or int(sum(_first(page, KV_TOKENS))),
        block_tokens=block_tokens,
        blocks=blocks,
        started=max(_first(page, STARTED), default=0.0),
        prompt_tokens=sum(_first(page, PROMPT_TOKENS)),
        cached_tokens=sum(_first(page, CACHED_TOKENS)),
        output_tokens=sum(_first(page, OUTPUT_TOKENS)),
        ended=sum(_first(page, ENDED)),
    )


def adapters(page: bytes) -> tuple[str, ...] | None:
    """The LoRA adapters that an engine's /v1/models names, sorted: those with a parent. None where it says nothing."""
    try:
        listed = json.loads(page)["data"]
        names = {one["id"] for one in listed if one.get("parent") and one["parent"] != one["id"]}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    if len(names) > MOST_ADAPTERS or not all(isinstance(name, str) for name in names):
        return None
    return tuple(sorted(names))


def longest(page: bytes) -> int:
    """The longest prompt plus answer that an engine's /v1/models says it takes; 0 where it does not say."""
    try:
        limits = [one.get("max_model_len") for one in json.loads(page)["data"]]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return 0
    told = [limit for limit in limits if type(limit) is int and 0 < limit <= MOST_TOKENS]
    return min(told, default=0)


def _first(page: bytes, names: tuple[bytes, ...]) -> list[float]:
    """The values of the first of these names that the page has."""
    for name in names:
        values = [_number(line.rpartition(b"}")[2] or line) for line in _series(page, name)]
        if values:
            return values
    return []


def _series(page: bytes, name: bytes) -> list[bytes]:
    """What follows the name on each of its lines: labels, value, perhaps a timestamp."""
    lines, at = [], 0
    while (at := page.find(name, at)) >= 0:
        begins = at == 0 or page[at - 1 : at] == b"\n"
        at += len(name)
        if begins and page[at : at + 1] in (b"{", b" "):
            end = page.find(b"\n", at)
            lines.append(page[at : end if end >= 0 else len(page)])
    return lines


def _number(text: bytes) -> float:
    """A finite number that is not negative, else 0: an engine's word is not trusted further."""
    try:
        value = float(text.split()[0])
    except (ValueError, IndexError):
        return 0.0
    return value if 0.0 <= value < 1e18 else 0.0


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _cache_config(page: bytes) -> tuple[int, int]:
    """(tokens in a block, blocks of all ranks)."""
    size, blocks = 0, 0
    for line in _series(page, CONFIG):
        size = int(_number(_label(line, b"block_size")))
        blocks += int(_number(_label(line, b"num_gpu_blocks")))
    return size, blocks


def _label(line: bytes, name: bytes) -> bytes:
    for before in (b"{", b","):
        _, found, rest = line.partition(before + name + b'="')
        if found:
            return rest.partition(b'"')[0]
    return b""
