"""What a scaling policy is told of requests, counted where they are sent from: by pool and role, ever rising."""

from policies.decision import Outcome
from policies.scale.lengths import class_of
from router.counts import DemandCounts

BROKEN_OFF = (499, 504)  # by the client, or by its deadline: an answer that ended, if not as it should

Deadlines = tuple[float, float]
"""TTFT and TPOT, seconds."""


class Demand:
    """What is counted of the replicas of one pool and role, as `DemandCounts` has it."""

    __slots__ = (
        "answer_tokens", "answered", "arrived", "ended", "judged", "late", "lengths", "output_tokens", "prompt_tokens",
    )  # fmt: skip

    def __init__(self) -> None:
        self.arrived = self.prompt_tokens = self.ended = self.output_tokens = self.judged = self.late = 0
        self.lengths: dict[int, int] = {}
        self.answered: dict[int, int] = {}
        self.answer_tokens: dict[int, int] = {}

    def told(self) -> DemandCounts:
        """The same as it travels."""
        return DemandCounts(
            self.arrived, self.prompt_tokens, self.ended, self.output_tokens, self.judged, self.late, self.lengths,
            self.answered, self.answer_tokens,
        )  # fmt: skip


class Tally:
    """The counts of one worker."""

    __slots__ = ("pools",)

    def __init__(self) -> None:
        self.pools: dict[tuple[str, str], Demand] = {}  # by pool and role

    def sent(self, pool: str, role: str, tokens: float, asked_tokens: float = 1.0) -> None:
        """A request was sent to a replica of that role, its prompt so long as it was asked; so many of its tokens are
        to be computed there.
        """
        counts, length = self._of(pool, role), class_of(asked_tokens)
        counts.arrived += 1
        counts.prompt_tokens += round(tokens)
        counts.lengths[length] = counts.lengths.get(length, 0) + 1

    def ended(
        self, pool: str, role: str, outcome: Outcome, late: int, unseen_tokens: float = 0.0, asked_tokens: float = 1.0
    ) -> None:
        """A request ended at a replica of that role. `late`: 1 when it missed a deadline, 0 when it kept both, -1 when
        that is not known. Of an answer that nobody saw so many tokens are thought to have come.
        """
        if not outcome.ok and outcome.status not in BROKEN_OFF:
            return
        counts = self._of(pool, role)
        counts.ended += 1
        tokens, length = outcome.output_tokens or round(unseen_tokens), class_of(asked_tokens)
        counts.output_tokens += tokens
        counts.answered[length] = counts.answered.get(length, 0) + 1
        counts.answer_tokens[length] = counts.answer_tokens.get(length, 0) + tokens
        if late >= 0:
            counts.judged += 1
            counts.late += late

    def told(self) -> dict[str, DemandCounts]:
        """The counts by "pool\\trole"."""
        return {f"{pool}\t{role}": counts.told() for (pool, role), counts in self.pools.items()}

    def _of(self, pool: str, role: str) -> Demand:
        found = self.pools.get((pool, role))
        if found is None:
            found = self.pools[pool, role] = Demand()
        return found


def lateness(outcome: Outcome, deadlines: Deadlines, *, streams: bool, begun: bool) -> int:
    """1 when an answer missed one of its deadlines, 0 when it kept both, -1 when that cannot be known.

    An answer that comes as a whole is late when it comes later than one that kept both could have. One that was broken
    off is late when it had not begun by the first deadline; of the others nothing is known.
    """
    ttft_s, tpot_s = deadlines
    gaps = outcome.output_tokens - 1
    if not outcome.ok:
        return 1 if streams and not begun and outcome.e2e_s > ttft_s else -1
    if not streams:
        return int(outcome.e2e_s > ttft_s + tpot_s * max(gaps, 0))
    # From arrival, so that waiting here and attempts that failed count too.
    first_s = max(outcome.ttft_s, outcome.e2e_s - outcome.tpot_s * max(gaps, 1))
    return int(first_s > ttft_s or (gaps > 0 and outcome.tpot_s > tpot_s))
