"""One sample: one run of the client against one target, with the target's CPU and memory around it."""

import resource
import time
from dataclasses import dataclass
from typing import Any

from bench.gateway import client
from bench.gateway.client import Cell
from bench.gateway.sessions import Session, Usage, busy_cores_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Something that answers on a port; direct is the mock itself."""

    name: str
    port: int
    path: str
    session: Session
    slow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One run of the client against one target."""

    target: str
    cell: str
    round: int
    rps: float
    events_per_s: float
    latency_p50_us: float | None
    latency_p99_us: float | None
    ttft_p50_us: float | None
    ttft_p99_us: float | None
    gap_p99_us: float | None
    cpu_us_request: float | None
    cpu_us_event: float | None
    cores: float  # of the target
    rss_mb: float
    busiest_mb: float
    other_cores: float  # of everything that is not part of this sample
    errors: int
    upstreams: dict[str, int]


def run_cell(target: Target, cell: Cell, round_: int, mock: Session) -> Sample:
    """Load one target once, with its CPU and memory around it."""
    before, mock_before, others_before, start = target.session.usage(), mock.usage(), others(), time.monotonic()
    report = client.run(cell, target.port, target.path)
    wall = time.monotonic() - start
    after, mock_after, others_after = target.session.usage(), mock.usage(), others()
    known = mock_after.cpu_s - mock_before.cpu_s
    if target.session is not mock:
        known += after.cpu_s - before.cpu_s
    other = max(0.0, (others_after - others_before - known) / wall)
    return make_sample(target.name, cell.name, round_, report, before, after, wall, other)


def others() -> float:
    """CPU seconds of the machine less those of this harness and its ended clients."""
    ours = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return busy_cores_s() - sum(use.ru_utime + use.ru_stime for use in ours)


def make_sample(
    target: str, cell: str, round_: int, report: dict[str, Any], before: Usage, after: Usage, wall: float, other: float
) -> Sample:
    """Put what the client saw beside what the target used."""
    cpu_us = (after.cpu_s - before.cpu_s) * 1e6
    requests, events = report["total_requests"], report["total_events"]
    return Sample(
        target=target,
        cell=cell,
        round=round_,
        rps=report["rps"],
        events_per_s=report["events_per_s"],
        latency_p50_us=report["latency_us_p50"],
        latency_p99_us=report["latency_us_p99"],
        ttft_p50_us=report["ttft_us_p50"],
        ttft_p99_us=report["ttft_us_p99"],
        gap_p99_us=report["gap_us_p99"],
        cpu_us_request=cpu_us / requests if requests else None,
        cpu_us_event=cpu_us / events if events else None,
        cores=cpu_us / 1e6 / wall,
        rss_mb=after.rss / 1e6,
        busiest_mb=after.busiest / 1e6,
        other_cores=other,
        errors=report["errors"] + report["bad_status"],
        upstreams=report["upstreams"],
    )
