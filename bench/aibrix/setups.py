"""What each set-up of a campaign was: who routed, which engine, what was cached where, in which order it was run.

From AIBrix's test/regression manifests (v0.2.1 and v0.3.0) and production-stack's run.sh (Apache-2.0). All run
`--enable-chunked-prefill false --max-model-len 32000`: vLLM's first engine then computes whole prompts, up to 32,000
tokens a step; its second one (0.8.5, v0.3.0's campaign where there is no KV connector) ignores the flag.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from bench.aibrix.rows import Row, Steps
from policies.perf.gpu import GpuProfile

GIB = float(2**30)
HOST_BYTES = 120 * GIB  # LMCACHE_MAX_LOCAL_CPU_SIZE, VINEYARD_CACHE_CPU_MEM_LIMIT_GB and AIBrix's L1 capacity alike
LINK_SHARE = 0.8  # of a PCIe link's nominal rate that copies reach, as gpus/*.toml assume of networks
ETHERNET_BYTES_PER_S = 3.125e9  # to v0.2.1's one vineyard server, nominal: 25 Gb/s is assumed, not published
REPLICAS = 8
FEW = 5  # rows that say something
SEEN_BEFORE = 0.9  # TTFT of users of the step before over the others', below which steps were run upwards


AFFINE = ("session", "prefix")
ROUTERS = (*AFFINE, "connections", "least_request")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """A cache outside the GPU."""

    bytes: float
    bytes_per_s: float
    shared: bool  # one for all replicas, else one each


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """One arrangement of router, engine and caches."""

    router: str  # one of ROUTERS
    whole_prompts: bool  # vLLM's first engine; else its second, which chunks
    prefix_caching: bool = True  # in GPU memory
    outside: Outside | None = None


def setup(name: str, release: str, gpu: GpuProfile) -> Setup:
    """The arrangement that a set-up's name stands for; raises ValueError for one nobody knows."""
    first = version(release) < (0, 3)
    host = Outside(bytes=HOST_BYTES, bytes_per_s=LINK_SHARE * gpu.host_bytes_per_s, shared=False)
    if name.startswith("ps_stack"):
        # Its manifest leaves --enable-prefix-caching out, which is off by default in the first engine.
        return Setup(router="session", whole_prompts=True, prefix_caching=False, outside=host)
    if name.startswith("ps_naive"):
        return Setup(router="session", whole_prompts=first)
    if name.startswith("naive"):
        return Setup(router="connections", whole_prompts=first)
    if name.startswith("aibrix_naive_prefix"):
        return Setup(router="prefix", whole_prompts=first)
    if name.startswith("aibrix_naive"):
        return Setup(router="least_request", whole_prompts=first)
    if name.startswith("aibrix_kvcache_external"):
        remote = Outside(bytes=REPLICAS * HOST_BYTES, bytes_per_s=gpu.network_bytes_per_s, shared=True)
        return Setup(router="prefix", whole_prompts=True, outside=remote)
    if name.startswith("aibrix_kvcache"):
        return Setup(router="prefix", whole_prompts=True, outside=host)
    if name.startswith("aibrix"):
        vineyard = Outside(bytes=HOST_BYTES, bytes_per_s=LINK_SHARE * ETHERNET_BYTES_PER_S, shared=True)
        return Setup(router="least_request", whole_prompts=True, outside=vineyard)
    raise ValueError(f"set-up {name!r} is not one this benchmark knows: add it to bench/aibrix/setups.py")


def version(release: str) -> tuple[int, ...]:
    """A release as numbers: v0.2.1 is (0, 2, 1)."""
    return tuple(int(part) for part in release.lstrip("v").split(".") if part.isdigit())


def order(name: str, router: str, steps: Steps) -> list[float]:
    """The rates in the order they were run, which decides what was cached when: by its name, else by its rows.

    Where nobody is sent where they were before the order hardly matters and the rows hardly tell it: upwards then.
    """
    rates = sorted(steps)
    if name.endswith(("high_low", "low_high")):
        upwards = name.endswith("low_high")
    else:
        upwards = router not in AFFINE or _upwards(steps)
    return rates if upwards else rates[::-1]


def _upwards(steps: Steps) -> bool:
    """Whether users that the next lower rate had too were answered sooner: then that step was run just before."""
    ratios = [ratio for low, high in _neighbours(steps) if (ratio := _ratio(steps[low], steps[high])) is not None]
    return bool(ratios) and fmean(ratios) < SEEN_BEFORE


def _neighbours(steps: Steps) -> list[tuple[float, float]]:
    """Pairs of neighbouring rates of the lower half, where queues do not drown the difference."""
    rates = sorted(steps)
    return list(pairwise(rates))[: max(len(rates) // 2, 1)]


def _ratio(low: Sequence[Row], high: Sequence[Row]) -> float | None:
    """TTFT of users that the lower step had over that of the others; None where there are too few of either."""
    users = {row.user for row in low}
    seen = [row.ttft_s for row in high if row.user in users]
    others = [row.ttft_s for row in high if row.user not in users]
    return fmean(seen) / fmean(others) if min(len(seen), len(others)) >= FEW else None
