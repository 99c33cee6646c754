"""How long a prompt that is on its way to a replica counts as held there, before the replica's events say so."""

from policies.compilable import compilable

WAIT_FACTOR, WAIT_FLOOR_S = 3.0, 0.5
"""So many times its predicted TTFT, and so much more: by then an event has come, or it will not."""


@compilable
def expected_until(now: float, ttft_s: float) -> float:
    """When what is expected of a prompt sent at `now` is dropped; both in seconds, on the caller's clock."""
    return now + WAIT_FACTOR * ttft_s + WAIT_FLOOR_S
