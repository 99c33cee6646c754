"""What is to be emulated."""

from dataclasses import dataclass

from policies.perf.latency import LatencyModel


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatedReplica:
    """One replica and where it listens; port 0 means any free one, None means that KV events are not published."""

    name: str
    host: str
    port: int
    model: str  # the name it serves
    perf: LatencyModel
    block_tokens: int = 16
    context_limit: int = 131072  # the longest prompt plus output, in tokens
    tokenizer: str = ""  # a vocabulary of `weir.tokenizer`; empty: four bytes a token
    chat_template: str = ""  # a family of `weir.prompt`
    events_port: int | None = None
    replay_port: int | None = None
    lease_s: float = 30.0  # how long a computed prompt waits for the replica that is to decode it, virtual seconds
    recomputes: bool = False  # what becomes of a prompt that cannot be fetched: computed again, or an error
