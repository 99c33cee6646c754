"""A worker's counts as they travel to the front process."""

import msgspec


class HistogramCounts(msgspec.Struct):
    """Counts by bucket, the last one unbounded, and the sum of what was observed."""

    edges: list[float]
    counts: list[int]
    total: float = 0.0


class SeriesCounts(msgspec.Struct):
    """What is counted for one (model, pool)."""

    ttft: HistogramCounts
    tpot: HistogramCounts
    e2e: HistogramCounts
    ttft_error: HistogramCounts
    codes: dict[int, int]
    prompt_tokens: int = 0
    output_tokens: int = 0
    cached_predicted: float = 0.0  # of the requests whose reply told the cached tokens
    cached_reported: float = 0.0
    cached_error: float = 0.0  # sum of |predicted - reported|
    usd: float = 0.0


class CacheCounts(msgspec.Struct):
    """What is counted of one replica that publishes KV events: its events' word beside its engine's."""

    predicted: float = 0.0  # cached tokens
    reported: float = 0.0
    error: float = 0.0  # sum of |predicted - reported|
    impossible: int = 0  # reports that cannot be
    mispredicted: int = 0  # 1 while its cache counts as approximate for it


class DemandCounts(msgspec.Struct):
    """What is counted for a scaling policy, of the replicas of one pool and role; see `weir.v1.PoolDemand`."""

    arrived: int = 0
    prompt_tokens: int = 0  # not cached, as predicted
    ended: int = 0
    output_tokens: int = 0
    judged: int = 0
    late: int = 0
    lengths: dict[int, int] = {}  # of those that arrived, by the class of their prompts
    answered: dict[int, int] = {}  # of those that ended, likewise
    answer_tokens: dict[int, int] = {}  # of those


class LearningCounts(msgspec.Struct):
    """What is counted of learned choices."""

    choices: dict[str, int] = {}  # by model
    verdicts: dict[str, int] = {}  # that were learned from, by who gave them: client, compared, failure
    judged: dict[str, int] = {}  # choices that got a verdict, by model
    quality: dict[str, float] = {}  # the sum of what they were worth, 0..1 each
    usd: dict[str, float] = {}  # the sum of what they did cost
    explored_usd: float = 0.0
    budget_usd: float = 0.0  # what exploring may have cost by now
    dropped: int = 0  # verdicts that came too fast to be learned


class Snapshot(msgspec.Struct):
    """Everything one worker counted since it started."""

    series: dict[str, SeriesCounts]  # by "model\tpool"
    refused: dict[str, int]
    retries: dict[str, int]
    decisions: HistogramCounts
    connections: int = 0
    held: int = 0  # requests waiting here for a replica
    in_flight: int = 0
    index_blocks: int = 0
    index_bytes: int = 0
    index_refused: int = 0
    rss_bytes: int = 0
    policy: str = ""  # that it decides by now
    knowledge: dict[str, int] = {}  # replicas by how well their cache is known
    caches: dict[str, CacheCounts] = {}  # by replica
    chosen: dict[str, int] = {}  # requests whose model a rule chose, by rule
    unread: dict[str, int] = {}  # requests decided without readings that were wanted, by why
    judged: dict[str, int] = {}  # feedback by what became of it
    learning: LearningCounts = msgspec.field(default_factory=LearningCounts)
    cached: dict[str, int] = {}  # requests that the response cache was asked for, by what it knew
    cascades: dict[str, int] = {}  # cheap answers, by what became of them
    sessions: dict[str, int] = {}  # what was done to requests because of their session or caller
    shortened: dict[str, int] = {}  # prompts compressed to fit a pool of short ones, by model
    untold: dict[str, int] = {}  # prompts compared as text, by why their tokens could not be told
    continuations: dict[str, int] = {}  # streams that went on at another replica, by what broke them
    handovers: dict[str, int] = {}  # prompts handed from one replica to another, by what came of it
    broken: dict[str, int] = {}  # replies that stopped half-way, by why
    demand: dict[str, DemandCounts] = {}  # by "pool\trole"
    waiting: dict[str, int] = {}  # the held ones, by model
