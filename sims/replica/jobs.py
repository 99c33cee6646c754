"""What goes into an engine and what comes out of it."""

from dataclasses import dataclass
from typing import NamedTuple


class Impossible(ValueError):
    """A job that the engine could never finish."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One request as an engine sees it; only the engine is told how many tokens it will generate."""

    id: str
    prompt_tokens: int
    output_tokens: int
    visual_tokens: int = 0  # leading tokens of the prompt that images became: encoded first, unless they are cached
    blocks: tuple[int, ...] = ()  # chained hashes of the prompt's full blocks, first block first
    output_blocks: tuple[int, ...] = ()  # hashes of the blocks that its output completes, if they are to be cached
    remote_tokens: int = 0  # of its prompt, first ones, whose KV another replica has sent


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstToken:
    """A job's first token left the engine at `at` seconds; `cached_tokens` of its prompt had not to be computed."""

    id: str
    at: float
    admitted: float  # when its first step began, in seconds
    cached_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A job's last token left the engine at `at` seconds."""

    id: str
    at: float
    output_tokens: int
    cached_tokens: int
    preemptions: int


Event = FirstToken | Finished


class Load(NamedTuple):
    """What an engine is doing, as of the last step boundary."""

    running: int  # requests in the batch, prefilling or decoding
    waiting: int  # requests not yet, or no longer, in the batch
    prefilling: int  # those running that have not emitted since they were admitted
    queued_tokens: int  # prompt tokens, not cached, that are still to be computed
    context_tokens: int  # tokens that the decoding requests attend to
    kv_used_tokens: int  # blocks in use times their size
    busy_s: float  # seconds spent in steps
    energy_joules: float  # of the whole replica, idle time included
