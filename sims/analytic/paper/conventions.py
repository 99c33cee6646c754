"""Where the published tables and sound arithmetic part; each switch is a defect known of the tool behind the tables."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Conventions:
    """How a table is computed."""

    draws: int = 0  # requests drawn (seed 42) to learn service times; 0 integrates the lengths exactly
    compressed_lost: bool = False  # short lengths leave out compressed requests, long ones those that cannot be
    wait_alone: bool = False  # the wait is held against the deadline, and TTFT adds the mean prefill, not its p99
    kv_sharded: bool = True  # KV is split over the GPUs of a replica


PRINTED = Conventions(draws=3000, compressed_lost=True, wait_alone=True, kv_sharded=False)
"""As the tables were printed."""

CORRECTED = Conventions()
"""The same model with its arithmetic put right."""
