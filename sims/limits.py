"""How long a request a simulated replica can serve."""

from policies.fleet import Replica


def limit_tokens(replica: Replica) -> int:
    """The longest prompt plus output that it takes and its KV holds; the last token needs no place."""
    return min(replica.context_limit, int(replica.perf.kv_tokens) + 1)
