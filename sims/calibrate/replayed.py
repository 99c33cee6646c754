"""Requests at their measured arrivals on one engine: when each first and last token comes."""

from collections.abc import Sequence
from math import inf
from typing import NamedTuple

from policies.perf.latency import LatencyModel
from sims.replica.engine import Engine
from sims.replica.jobs import Event, Finished, FirstToken, Job


class Asked(NamedTuple):
    """One request: seconds from the first one, and tokens."""

    arrival_s: float
    prompt: int
    output: int


class Times(NamedTuple):
    """Seconds to the first token, engine alone, and per token after it."""

    ttft_s: float
    tpot_s: float


def replayed(asked: Sequence[Asked], latency: LatencyModel) -> list[Times]:
    """The times of requests in order of arrival; raises `sims.replica.jobs.Impossible` for one that cannot run."""
    engine, events = Engine(latency, prefix_caching=False, kv_events=False), list[Event]()
    for index, one in enumerate(asked):
        events += engine.advance(one.arrival_s)
        engine.submit(Job(id=str(index), prompt_tokens=one.prompt, output_tokens=one.output), one.arrival_s)
    while engine.next_time() < inf:
        events += engine.advance(engine.next_time())
    first = {event.id: event.at for event in events if isinstance(event, FirstToken)}
    last = {event.id: event.at for event in events if isinstance(event, Finished)}
    return [_times(one, first[str(index)], last[str(index)]) for index, one in enumerate(asked)]


def _times(one: Asked, first: float, last: float) -> Times:
    return Times(first - one.arrival_s, (last - first) / max(one.output - 1, 1))
