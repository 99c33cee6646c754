"""The load: what production-stack's multi-round-qa.py sent, its warm-up first.

A user's prompt is a system prompt of 1,000 tokens that all share and 20,000 of their own; each answer and the next
question come after it, so a user's later prompt begins with the earlier one. The times are those of the rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.aibrix.rows import Campaign, Row

SHARED_TOKENS = 1000
BLOCK_TOKENS = 64
WARM_USERS = 400  # run.sh: one new user every half a second for 200 s
WARM_GAP_S = 0.5  # between users, and at least between a user's two questions
PAUSE_S = 10.0  # run.sh sleeps so long between steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request to send."""

    at: float
    user: int
    question: int
    prompt_tokens: int
    output_tokens: int
    then: "Asked | None" = None  # sent when this is answered, not before its own time

    @property
    def key(self) -> tuple[int, int]:
        """Names the request within its step."""
        return self.user, self.question

    @property
    def blocks(self) -> tuple[int, ...]:
        """Ids of the prompt's full blocks."""
        shared, full = SHARED_TOKENS // BLOCK_TOKENS, self.prompt_tokens // BLOCK_TOKENS
        own = (1 + self.user) << 20
        return (*range(min(shared, full)), *range(own + shared, own + full))


def offered(campaign: Campaign, rate: float) -> list[Row]:
    """What the client sent at a rate: it sends the same to every set-up, and where rows are missing they failed."""
    sent = [list(steps[rate]) for steps in campaign.values() if rate in steps]
    return max(sent, key=lambda rows: len(rows))


def asked(rows: Sequence[Row], begin: float) -> list[Asked]:
    """Those rows as requests, their step beginning at `begin` seconds."""
    return [
        Asked(
            at=begin + row.at,
            user=row.user,
            question=row.question,
            prompt_tokens=row.prompt_tokens,
            output_tokens=row.output_tokens,
        )
        for row in rows
    ]


def warm_up(rows: Sequence[Row]) -> list[Asked]:
    """Two questions of every warm-up user, as long as the campaign's own."""
    first = next(row for row in rows if row.question == 1)
    grown = max(row.prompt_tokens for row in rows) - first.prompt_tokens or 129
    return [_pair(user, first, grown) for user in range(2, WARM_USERS + 1)]


def _pair(user: int, first: Row, grown: int) -> Asked:
    at = WARM_GAP_S * user
    second = Asked(
        at=at + WARM_GAP_S,
        user=user,
        question=2,
        prompt_tokens=first.prompt_tokens + grown,
        output_tokens=first.output_tokens,
    )
    return Asked(
        at=at,
        user=user,
        question=1,
        prompt_tokens=first.prompt_tokens,
        output_tokens=first.output_tokens,
        then=second,
    )
