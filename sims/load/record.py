"""What became of one request of a trace."""

from dataclasses import dataclass

REFUSED = (429, 503)  # the router or the engine said no: shed, not broken


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Times are virtual seconds since the start of the replay; tokens are the engine's own counts."""

    request_id: str
    session: str
    model: str
    scheduled_s: float  # when the trace wanted it sent
    sent_s: float  # when it was
    first_token_s: float | None = None
    last_token_s: float | None = None
    prompt_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = -1  # -1 when the engine did not say
    status: int = 0  # of the HTTP reply; 0 when there was none
    error: str = ""  # empty when all tokens came
    replica: str = ""  # as the router's x-weir-replica header says

    @property
    def completed(self) -> bool:
        """Whether the whole answer came."""
        return not self.error and self.last_token_s is not None

    @property
    def shed(self) -> bool:
        """Whether it was refused for want of room."""
        return self.status in REFUSED

    @property
    def lag_s(self) -> float:
        """How late the generator itself was."""
        return self.sent_s - self.scheduled_s

    @property
    def ttft_s(self) -> float | None:
        """Seconds to the first token; None when none came."""
        return None if self.first_token_s is None else self.first_token_s - self.sent_s

    @property
    def tpot_s(self) -> float | None:
        """Seconds per output token after the first; 0 for an answer of one token."""
        if self.first_token_s is None or self.last_token_s is None:
            return None
        return (self.last_token_s - self.first_token_s) / max(self.output_tokens - 1, 1)

    @property
    def e2e_s(self) -> float | None:
        """Seconds to the last token; None when none came."""
        return None if self.last_token_s is None else self.last_token_s - self.sent_s
