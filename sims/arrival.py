"""One request of a trace or a workload: the only thing that knows how long the answer will be."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What arrives when."""

    at: float  # seconds since the trace began; of a closed-loop turn, the earliest it could come
    prompt_tokens: int
    output_tokens: int
    session: str = ""
    turn: int = 0  # place of this request in its session
    model: str = ""  # name asked for; empty when the trace does not say
    slo: str = ""  # the SLO class it belongs to; empty when none is named
    blocks: tuple[
        int, ...
    ] = ()  # ids of the prompt's blocks, the same id only after the same prefix; last may be partial
    block_tokens: int = 0  # tokens of one of those blocks
    after_s: float | None = None  # closed loop: seconds from the end of the session's previous turn to this one
    visual_tokens: int = 0  # of the prompt's tokens, those that images became; they lead it
    topic: str = ""  # what it is about, as a router read it; empty when the trace does not say
    text: str | None = None  # the prompt itself, where the trace has it
