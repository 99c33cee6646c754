"""One request under way."""

from dataclasses import dataclass, field

from sims.arrival import Arrival
from sims.load.answer import Answer


@dataclass(slots=True, eq=False)
class Flight:
    """Times in seconds of the replay's clock; changes as its connection hears."""

    arrival: Arrival
    request_id: str
    message: bytes
    scheduled: float
    sent: float = 0.0
    status: int = 0
    replica: str = ""
    retried: bool = False
    error: str = ""
    answer: Answer = field(default_factory=Answer)

    def conclude(self, now: float) -> None:
        """The reply is complete: say what is wrong with it, if anything."""
        if self.status != 200:
            self.error = self.answer.refusal()
            return
        if self.answer.first is None:
            self.answer.whole(now)
        if self.answer.error:
            self.error = self.answer.error
        elif not self.answer.finished:
            self.error = f"the stream ended early, after {self.answer.events} tokens"
        elif self.answer.first is None:
            self.error = "the stream had no tokens"
