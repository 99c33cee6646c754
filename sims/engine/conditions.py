"""Under which conditions a fleet is simulated: what is late, what is promised, what breaks, who scales."""

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """One replica fails and comes back, its cache empty; what it was serving is sent elsewhere from the start."""

    replica: int  # its place in the fleet
    at: float  # seconds since the trace began
    until: float = inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """Everything of a simulation but the arrivals, the fleet and the policy. Times are seconds."""

    seed: int = 0  # of the request ids, so of the hash draws
    staleness_s: float = 0.05  # how late KV events and scraped metrics reach the router
    scrape_s: float = 0.05  # between two scrapes
    ttft_slo_s: float = 2.0  # what the policy is told
    tpot_slo_s: float = 0.1
    queue_s: float = 0.0  # how long a request may wait at the router for room before it is shed; 0: sent on at once
    read_bytes_per_s: float = 2.0e9  # of weights, when a replica starts
    provision_s: float = 120.0  # from asking for a replica to its process starting
    host_tokens: int = 0  # KV tokens of host memory a replica, to which blocks fall from HBM; 0: none
    disk_tokens: int = 0  # KV tokens on its disk, to which they fall from host memory
    encode_tokens: int = 1024  # the most visual tokens that a step of a replica that also decodes encodes for others
    outages: tuple[Outage, ...] = ()
    sample_s: float = 0.0  # between two samples of the timeline; 0: none is kept
    give_up_s: float = inf  # simulated time after which the run ends as it is
    unstable_growth: float = 0.0  # share of all arrivals in wait that ends the run as unstable; 0: never
