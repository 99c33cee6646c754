"""Compare all routing policies on real traces: `python -m bench.order --data DIR`."""

import sys

from bench.policies.__main__ import judged
from bench.policies.contest import Outcomes
from bench.policies.verdict import is_fastest, is_undominated
from bench.policies.workload import AGENTS, LONG, TRACES, Trace
from policies.policy import ROUTES

REUSE = (LONG, AGENTS)


def in_front(trace: Trace, found: Outcomes) -> bool:
    """On the Pareto front of p90 TTFT and cost, and the fastest of all where prefixes return."""
    return is_undominated(found) and (trace not in REUSE or is_fastest(found))


if __name__ == "__main__":
    sys.exit(judged("order", TRACES, ROUTES.names(), in_front))
