"""What may be known of a request when deciding. A live request has no output length."""

from typing import NamedTuple
from zlib import crc32

from policies.compilable import compilable

BITS31 = 0x7FFFFFFF
DRAWS = 1 << 31


class Ask(NamedTuple):
    """The scalars of a request that a routing kernel reads."""

    coin: float  # a 31-bit hash of the request id: the only source of draws
    session: float  # a 31-bit hash of the session id; 0 when there is none
    model: float  # the fleet's number for the model asked for
    prompt_tokens: float
    max_tokens: float  # the most the client lets the engine generate
    expected_tokens: float  # output-length prior: the mean of what this model lately generated
    ttft_deadline_s: float  # seconds to the first token that the client's SLO class allows
    tpot_deadline_s: float


class Request(NamedTuple):
    """One request as a decision sees it; made once per request, so a named tuple (0.4 µs) rather than a dataclass."""

    id: str
    model: str
    ask: Ask
    session: str = ""
    tenant: str = ""
    slo: str = "default"
    blocks: tuple[int, ...] = ()  # chained 64-bit hashes of the prompt's blocks, first block first
    block_tokens: float = 16.0  # tokens in one of those blocks
    exact: bool = False  # True when the blocks come from tokens, False when they come from text


@compilable
def mix31(value: int, salt: int) -> int:
    """Scramble two non-negative integers into 31 bits; every product stays below 2**62, so compiled int64 agrees."""
    bits = (value ^ (salt * 0x2545F491)) & 0x7FFFFFFF
    bits = ((bits ^ (bits >> 16)) * 0x45D9F3B) & 0x7FFFFFFF
    bits = ((bits ^ (bits >> 15)) * 0x2C1B3C6D) & 0x7FFFFFFF
    return bits ^ (bits >> 16)


def hash31(text: str | bytes) -> int:
    """A 31-bit hash of a string, the same in every process; never 0, which means "none"."""
    return crc32(text.encode() if isinstance(text, str) else text) & BITS31 or 1


def coin(request_id: str, salt: int = 0) -> float:
    """A draw in [0, 1) that depends on the request id and the salt alone."""
    return mix31(hash31(request_id), salt) / DRAWS
