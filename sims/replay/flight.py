"""One request between its decision and its last token."""

from policies.fleet import Replica
from policies.native.placer import Placer
from sims.arrival import Arrival
from sims.replay.ledger import Load
from sims.replay.result import Served, work_seconds
from sims.replica.jobs import Finished, FirstToken


class Flight:
    """What was decided, what the ledger counts for it, and what came of it."""

    __slots__ = (
        "admitted", "arrival", "at", "believed", "cached", "end", "first", "index", "load", "model", "predicted_s",
        "preemptions", "row",
    )  # fmt: skip

    def __init__(self, index: int, arrival: Arrival, model: str, row: int, placer: Placer, at: float) -> None:
        self.index, self.arrival, self.model, self.row, self.at = index, arrival, model, row, at
        self.predicted_s, self.believed = placer.told[1], placer.told[4]
        self.load = Load(row, placer.prompt_tokens, self.believed, placer.expected_tokens)
        self.first = self.end = self.admitted = 0.0
        self.cached = self.preemptions = 0

    def begin(self, event: FirstToken) -> None:
        """Its first token came."""
        self.first, self.admitted, self.cached = event.at, event.admitted, event.cached_tokens

    def finish(self, event: Finished) -> None:
        """Its last token came."""
        self.end, self.preemptions = event.at, event.preemptions

    def work_s(self, replica: Replica) -> float:
        """Engine seconds that it asked for."""
        return work_seconds(replica, self.arrival.prompt_tokens, self.cached, self.arrival.output_tokens)

    def served(self, cost_usd: float) -> Served:
        """The record of it."""
        output = self.arrival.output_tokens
        return Served(
            index=self.index,
            at=self.at,
            model=self.model,
            replica=self.row,
            prompt_tokens=self.arrival.prompt_tokens,
            output_tokens=output,
            predicted_ttft_s=self.predicted_s,
            ttft_s=self.first - self.at,
            tpot_s=(self.end - self.first) / (output - 1) if output > 1 else 0.0,
            e2e_s=self.end - self.at,
            queue_s=self.admitted - self.at,
            predicted_cached=int(self.believed),
            cached_tokens=self.cached,
            preemptions=self.preemptions,
            cost_usd=cost_usd,
        )
