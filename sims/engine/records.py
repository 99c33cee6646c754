"""The records of the compiled loop. A field that ends in `_` is the address of an array.

Replicas and requests in flight are records of one or two cache lines each rather than columns: what one event touches
lies together, and a function takes two pointers however much it reads.
"""

from sims.engine.compiled import Small

NONE = -1
CARRIED, FRESH = 1, 2
COMPRESSIBLE, COMPRESSED = 1, 2


class Event:
    """A block that a replica came to hold or lost, on its way to the router."""

    at: float  # when it arrives there
    block: Small
    row: Small
    tier: Small
    stored: Small


class Missed:
    """An event of a batch that was lost, to be asked for again."""

    block: Small
    tier: Small
    stored: Small
    next: Small


class Block:
    """One cached block of one replica."""

    key: Small  # its number + 1; 0 when the slot is free
    holders: Small  # requests that hold it
    before: Small  # its neighbours among those that nobody holds, in the order in which they were freed
    after: Small


class Shelf:
    """Blocks of one replica in the order of use: a slower tier, or a router's history of what it sent there."""

    capacity: Small
    freed: Small  # blocks on it
    oldest: Small
    youngest: Small
    slots: Small
    spare: Small
    shift: Small
    blocks_: int
    table_: int


class Entry:
    """An entry of a heap."""

    key: int
    flight: int


class Turn:
    """A turn whose time is known."""

    at: float
    index: int


class Guess:
    """A prompt on its way to a replica, held to be in its cache until a deadline."""

    until: float
    chain: int  # its first block
    count: Small
    row: Small


class Transfer:
    """KV on its way from the replica that computed it to the one that decodes."""

    left: float  # bytes, as of the world's `moved_at`
    rate: float  # bytes a second
    flight: Small
    source: Small


class Outcome:
    """What came of one arrival, see `sims.engine.run.Run`."""

    at: float
    admitted: float
    first: float
    end: float
    predicted: float
    cached: Small
    believed: Small
    preemptions: Small
    replica: Small
    prefill: Small
    state: Small


class Flight:
    """One request between its decision and its last token."""

    index: Small  # its arrival
    row: Small
    prompt: Small
    output: Small
    target: Small  # tokens to compute before it decodes: the prompt, and what a preemption lost
    emitted: Small  # as of `base` while decoding
    computed: Small  # of target, cached tokens included
    kv: Small  # tokens with a place in its blocks, as of `base` while decoding
    named: Small  # leading blocks held under their number
    chained: Small  # full blocks of its prompt, where blocks are known; and of its answer, where those are cached
    chain: int  # where they begin
    cached: Small  # tokens found cached at its first admission; NONE before
    preemptions: Small
    new: Small  # tokens of its chunk in the step in flight
    next: Small  # in the queue it is in, or among the chunks of the step in flight
    model: Small
    serial: Small  # number of its last admission
    carried: Small  # CARRIED while its KV comes from another replica, FRESH until the step of its first token there
    visual: Small  # leading tokens of its images that are still to be encoded
    encoder: Small  # the replica that encodes them, until it has; NONE: the one that computes its prompt
    base: int  # the step counter when it began to decode
    due: float  # when it reaches its engine
    admitted: float  # when its first step began
    first: float
    queued: float  # what the view counts for it
    attended: float
    context: float


class Engine:
    """One replica's engine; `sims.replica` says what it does. What an event touches comes first."""

    # The phase in flight: `steps` steps from `start` on, the first of `first_s`, each next one `growth_s` longer.
    start: float  # of the phase; where none is in flight, of the next step to form
    first_s: float
    growth_s: float
    flying: Small
    steps: Small
    taken: Small  # steps of the same work already entered
    chunks: Small  # prompts that the step in flight computes a part of
    first_chunk: Small
    last_chunk: Small
    # Its queues.
    first_coming: Small
    last_coming: Small
    first_waiting: Small
    last_waiting: Small
    waiting: Small
    # The batch.
    batch: Small  # requests that decode: the size of their heap
    partial: Small  # the one part-way through its prompt, or NONE
    serial: Small  # admissions so far
    plain: Small  # free blocks without a number
    freed: Small  # cached blocks that nobody holds
    counter: int  # steps done
    reserved: int  # steps whose blocks are taken
    context: int  # tokens that decoding requests attend to
    needing_: int  # decoding requests by the step, modulo the block size, in which they need a new block
    heap_: int  # Entry, by the step after which each finishes
    queued: int  # prompt tokens still to be computed
    load_s: float  # seconds that the step now formed waits for blocks from slower tiers
    # The step in flight, for the meter.
    step_context: int
    step_batch: Small
    left: Small  # requests that its forming left in the queue
    # What /metrics shows: the end of the last whole step.
    shown_running: Small
    shown_waiting: Small
    shown_blocks: Small
    prefill_tokens: Small
    busy_s: float
    busy_joules: float
    role: Small
    first_image: Small  # requests whose images it encodes for others
    last_image: Small
    images: Small
    encoding: Small  # visual tokens that the step in flight encodes ...
    imaged: Small  # ... and how many of them for others
    stalled: Small  # 1 while nothing can be computed for want of blocks that transfers hold
    sending: Small  # transfers from it
    receiving: Small  # ... and to it
    fresh: Small  # requests in its batch that are FRESH
    # What it is.
    block: Small  # tokens
    chunk_tokens: Small
    max_seqs: Small
    row: Small
    frontend_s: float
    base_s: float
    sequence_s: float
    context_s: float
    slowdown: float
    host_s: float
    expert_s: float
    experts: float
    top_k: float
    prefill_base_s: float
    token_s: float
    attention_s: float
    idle_w: float
    busy_w: float
    sequence_j: float
    context_j: float
    limit_w: float
    transfer_bytes_per_s: float
    transfer_base_s: float
    kv_bytes_per_token: float
    encode_token_s: float
    embedding_bytes: float
    host_token_s: float  # seconds to bring one token from host memory, from disk; inf where that is not worth it
    disk_token_s: float
    # Its cache.
    capacity: Small  # blocks
    oldest: Small  # the first of the freed ones to go
    youngest: Small
    slots: Small  # ever used
    spare: Small  # a list of slots free again
    shift: Small  # 32 - bits of its table's size
    sent: Small  # requests sent to it
    served: Small
    blocks_: int  # Block
    table_: int  # from block to slot: (block + 1) << 32 | slot, 0 for none
    # What it tells of its cache.
    told_at: float  # the stamp of its last batch of events
    batches: Small  # so far
    losing: Small  # 1 while that batch is one that never arrives
    gap: Small  # 1 from the first such batch to the next that arrives
    first_missed: Small
    last_missed: Small


class World:
    """Everything of one simulation."""

    now: float
    until: float  # return to the caller before this time
    staleness_s: float
    kv_staleness_s: float
    stamp: float  # when what a replica's cache now tells reaches the router
    replicas: int
    words: int  # of 64 replicas
    telling: int  # whether the router listens to caches
    matching: int  # whether the policy reads what is cached
    remembering: int  # whether it reads its own history instead
    match_blocks: int  # the most that are compared
    tiers: int  # 1 where only HBM holds blocks
    prefix: int  # the state of the hash of request ids after "seed-"
    missing: int  # requests that wait for their first token
    in_flight: int  # requests held or sent that have not ended
    most_in_flight: int  # more are turned away at once; 0: none is
    most_missing: int  # more than these, and the run is unstable
    # The fleet's table and the decision.
    decide: int  # the address of the policy's function
    decoder: int  # ... and of those that choose who decodes, who encodes
    encoder: int
    encode_tokens: int  # the most visual tokens that a step encodes beside decoding
    relays_first: int  # 1 where the first token of a prompt that is handed over comes from where it was computed
    table_: int
    cached_: int
    ask_: int
    told_: int
    settings_: int
    settings: int
    expected_: int  # output tokens expected of each model
    limits_: int  # context limit of each model
    # Arrivals.
    order_: int  # those whose time is given, in its order
    ordered: int
    ahead: int  # how many of them have come
    times_: int
    prompts_: int
    outputs_: int
    visuals_: int
    sessions_: int
    models_: int
    following_: int
    after_: int
    squeezing_: int  # by arrival: COMPRESSIBLE where its prompt may be compressed, COMPRESSED where it was
    bounds_: int  # boundary between the short and the long pool of each model, 0 where there is none
    gammas_: int  # boundaries up to which its prompts are compressed, see `policies.boundary`
    chains_: int
    ends_: int
    memo_: int  # the slot in which each block of each arrival was last found
    turns_: int  # a heap of Turn
    turns: int
    # Replicas, requests in flight and what came of them.
    engines_: int
    flights_: int
    flights: int  # ever used
    spare: int
    outcomes_: int
    # Requests held at the router, a queue a model and rank: the lower the rank, the sooner they are served.
    queue_s: float  # how long one is held for room; 0: only while nobody is ready
    held: int
    models: int
    ranks: int
    ranks_: int  # by arrival
    classes_: int  # by arrival
    ttfts_: int  # deadlines of each class
    tpots_: int
    first_held_: int
    last_held_: int
    next_held_: int  # by arrival
    # Metrics as scraped.
    scraping: int
    scrape_s: float
    scrape_at: float  # the next time
    scrapes_: int  # a ring of what was scraped: LOOKS numbers a replica
    scraped_at_: int
    scrape_slots: int
    first_scrape: int
    last_scrape: int
    looks_: int  # room for one look at every replica
    # KV on its way.
    transfers_: int
    transfers: int
    moved_at: float
    # The agenda: a tournament by the time at which each replica, or the first transfer, next does something.
    due_: int
    tree_: int
    leaves: int
    # What the router knows of caches.
    known_: int  # replicas by tier and block, in words of 64 bits
    distinct: int  # blocks
    live_: int
    touched_: int  # rows of `cached` that are not zero
    touched: int
    ring_: int  # Event
    ring_mask: int
    ring_first: int
    ring_last: int
    ring_room: int  # the most that one event may add
    event_loss: float  # share of batches that never arrive
    event_gaps: int  # what the router does about them, a place in `conditions.GAPS`
    missed_: int  # Missed
    missed: int  # places ever used
    missed_spare: int
    missing_events: int  # to be asked for again
    # What it expects of caches beside: one more plane of `known_`, behind those of the tiers.
    expecting: int  # whether it does at all
    guesses_: int  # a heap of Guess
    guesses: int
    most_guesses: int  # beyond which it expects no more
    histories_: int  # Shelf
    hosts_: int  # Shelf
    disks_: int  # Shelf
