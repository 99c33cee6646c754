"""Under which conditions a fleet is simulated: what is late, what is promised, what breaks, who scales."""

from dataclasses import dataclass
from math import inf, nan

GAPS = ("ignored", "replayed", "forgotten")
"""What a router does about lost events: nothing, so that it believes what is no more and misses what is; asks for them
again; or forgets what it knew of the replica and learns it anew from what comes."""

KNOWLEDGE = ("", "events", "history")
"""What a router knows caches by: as its policy says; the engines' events; its own sends, as much as HBM holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """One replica fails and comes back, its cache empty; what it was serving is sent elsewhere from the start."""

    replica: int  # its place in the fleet
    at: float  # seconds since the trace began
    until: float = inf


@dataclass(frozen=True, slots=True, kw_only=True)
class SloClass:
    """Requests of one name: what they are promised, and who goes first where they must wait."""

    name: str
    ttft_s: float
    tpot_s: float
    priority: int = 0  # the higher, the sooner served and the later turned away; 0 for requests of no class


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """Everything of a simulation but the arrivals, the fleet and the policy. Times are seconds."""

    seed: int = 0  # of the request ids, so of the hash draws
    staleness_s: float = 0.05  # how late KV events and scraped metrics reach the router
    scrape_s: float = 0.05  # between two scrapes
    kv_staleness_s: float = nan  # how late KV events are, where not as late as metrics
    kv_knowledge: str = ""  # one of KNOWLEDGE: what the router has whatever the policy would read
    event_loss: float = 0.0  # share of batches of KV events that never arrive, drawn by hash of the seed
    event_gaps: str = "replayed"  # one of GAPS: what the router does when the next batch shows that some are missing
    expects: bool = True  # prompts on their way to a replica count as held there; replays of the reference do not
    ttft_slo_s: float = 2.0  # what the policy is told
    tpot_slo_s: float = 0.1
    classes: tuple[SloClass, ...] = ()  # what requests of these classes are promised instead
    most_in_flight: int = 0  # requests, held ones too, beyond which one more is turned away at once; 0: none is
    queue_s: float = 0.0  # how long a request may wait at the router for room before it is shed; 0: sent on at once
    compressible: float = 0.0  # share of requests whose prompts may be compressed to fit a short pool
    cache_outputs: bool = False  # the full blocks of answers are cached too, and take room, as vLLM has it
    read_bytes_per_s: float = 2.0e9  # of weights, when a replica starts
    provision_s: float = 120.0  # from asking for a replica to its process starting
    host_tokens: int = 0  # KV tokens of host memory a replica, to which blocks fall from HBM; 0: none
    disk_tokens: int = 0  # KV tokens on its disk, to which they fall from host memory
    encode_tokens: int = 1024  # the most visual tokens that a step of a replica that also decodes encodes for others
    relays_first: bool = False  # a prefill replica's own first token goes to the client, who need not await the decode
    outages: tuple[Outage, ...] = ()
    sample_s: float = 0.0  # between two samples of the timeline; 0: none is kept
    give_up_s: float = inf  # simulated time after which the run ends as it is
    unstable_growth: float = 0.0  # share of all arrivals in wait that ends the run as unstable; 0: never
