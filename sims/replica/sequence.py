"""The state of one job inside an engine."""

from sims.replica.jobs import Job


class Sequence:
    """One job: what is computed of it, what it holds. Owned and changed by the scheduler alone."""

    __slots__ = (
        "admitted",
        "base",
        "cached",
        "cancelled",
        "chain",
        "computed",
        "decoding",
        "emitted",
        "expected",
        "id",
        "kv",
        "named",
        "output",
        "preemptions",
        "prompt",
        "remote",
        "serial",
        "target",
        "visual",
    )

    def __init__(self, job: Job, caching: bool) -> None:
        self.id = job.id
        self.prompt = job.prompt_tokens
        self.output = job.output_tokens
        self.visual = job.visual_tokens  # to be encoded with its first chunk; 0 from then on
        self.chain = job.blocks + job.output_blocks if caching else ()
        self.target = job.prompt_tokens  # tokens to compute before it decodes: the prompt, and what a preemption lost
        self.remote = job.remote_tokens  # tokens whose KV came from another replica; lost by a preemption
        self.emitted = 0  # as of `base` while decoding
        self.computed = 0  # of target, cached tokens included
        self.kv = 0  # tokens with a place in its blocks, as of `base` while decoding
        self.named = 0  # leading blocks held under a hash
        self.cached = -1  # tokens found cached at its first admission; -1 before
        self.expected = 0  # tokens to compute, estimated while it waits
        self.preemptions = 0
        self.admitted = -1.0  # when its first step began, in seconds; -1 before
        self.serial = 0  # number of its last admission: the order of running requests
        self.base = 0  # the decode counter when it began to decode
        self.decoding = False
        self.cancelled = False
