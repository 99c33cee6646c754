"""What a router process is told when it starts; plain data, so that a worker needs no validation library."""

from dataclasses import dataclass

TOLD = "WEIR_ROUTER_SETTINGS"
"""Variable of the environment in which a worker finds them: they hold a key, and command lines are for all to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Limits, deadlines and the policy of one router."""

    policy: str = "shortest_ttft"
    policy_settings: tuple[tuple[str, float], ...] = ()
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    ttft_slo_s: float = 2.0  # the deadlines that predictions are held against
    tpot_slo_s: float = 0.1
    slo_classes: tuple[tuple[str, float, float, int], ...] = ()  # name, deadlines (0: those above), priority
    max_head_bytes: int = 32 << 10
    max_body_bytes: int = 32 << 20
    max_output_tokens: int = 1 << 20  # a larger max_tokens is a mistake
    max_choices: int = 128
    head_timeout_s: float = 10.0  # from a request's first byte to the end of its headers
    body_timeout_s: float = 60.0
    idle_timeout_s: float = 300.0
    deadline_s: float = 600.0  # from arrival to the last byte, unless the client says less
    connect_timeout_s: float = 2.0
    hold_s: float = 30.0  # how long a request may wait for a replica to become ready
    start_hold_s: float = 300.0  # the same where its pool gets replicas because it waits: they have to be started
    most_held: int = 10_000  # requests that wait so; one more is refused
    retries: int = 5  # attempts on other replicas per request ...
    retry_share: float = 0.2  # ... and at most so many per request served, over all of them
    continuation: bool = True  # whether a stream that breaks goes on at another replica
    stall_s: float = 30.0  # silence after which a stream counts as broken; 0: never
    hand_over: str = "nixl"  # how a prefill replica's KV comes to the decode replica: nixl, mooncake or sglang
    kv_hosts: str = ""  # hosts, comma-separated, that engines may fetch KV from beside those of the fleet's addresses
    kv_lease_s: float = 30.0  # how long a prefill replica keeps a computed prompt
    transfer_timeout_s: float = 20.0  # from a decode leg's sending to its first byte; then the prompt is computed again
    bootstrap_port: int = 8998  # of a prefill replica's bootstrap server
    suspend_s: float = 0.5  # how long a replica that refused a connection is left out
    drain_s: float = 30.0
    ext_proc: str = ""  # host:port on which Envoy's external processing is answered; empty: it is not
    ext_proc_fallbacks: int = 1  # endpoints named behind the first; 0 for data planes that take only one
    ext_proc_replies: float = 0.125  # share of the replies to be shown for what they tell: usage, failures
    ext_proc_streams: int = 128  # calls at once on a connection; a proxy with more opens another, at another worker
    rewrites: tuple[tuple[str, tuple[tuple[str, int], ...]], ...] = ()  # model asked for → (model, weight) it goes to
    boundaries: tuple[tuple[str, str, float, float], ...] = ()  # short pool, long pool, tokens and gamma
    objectives: tuple[tuple[str, int], ...] = ()  # what clients may name, and its priority
    tokens: str = "auto"  # auto: count tokens where that tells something; always; estimate: never
    text_block_bytes: int = 256  # what a block is where prompts are compared as text
    index_blocks: int = 1 << 20
    classifier: str = ""  # socket of the classifier; empty: there is none
    classifier_deadline_s: float = 0.05  # after which a request for "auto" goes on without its readings
    decision_key: str = ""  # hex; what the ids of decisions are signed with, the same for all workers
    decisions: str = ""  # file of decision records; empty: none are kept


FREE = (
    "max_head_bytes", "max_body_bytes", "max_output_tokens", "max_choices", "head_timeout_s", "body_timeout_s",
    "idle_timeout_s", "deadline_s", "connect_timeout_s", "hold_s", "start_hold_s", "most_held", "retries",
    "retry_share", "continuation", "hand_over", "kv_hosts", "kv_lease_s", "transfer_timeout_s", "bootstrap_port",
    "suspend_s", "ext_proc_streams", "text_block_bytes", "index_blocks",
)  # fmt: skip
"""The settings that `weir router --option` takes: all others have an option of their own, or are told by somebody."""

MAY_BE_ZERO = frozenset({"retries", "retry_share", "hold_s", "start_hold_s", "most_held", "suspend_s"})
"""Those of them for which 0 makes sense: none."""


def default(name: str) -> object:
    """The default of one setting."""
    return Settings.__dataclass_fields__[name].default
