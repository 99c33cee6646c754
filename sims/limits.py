"""How long a request a simulated replica, and a fleet of them, can serve."""

from collections.abc import Iterable

from policies.fleet import Replica


def limit_tokens(replica: Replica) -> int:
    """The longest prompt plus output that it takes and its KV holds; the last token needs no place."""
    return min(replica.context_limit, int(replica.perf.kv_tokens) + 1)


def limits(replicas: Iterable[Replica]) -> dict[str, int]:
    """The longest that any replica of each model takes."""
    found: dict[str, int] = {}
    for replica in replicas:
        found[replica.model] = max(found.get(replica.model, 0), limit_tokens(replica))
    return found
