"""What two sides measured, as figures and ratios; which of them are promised."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

Figures = dict[str, float]
Told = Mapping[str, Any]

CHAIN_US = 100.0


def compare(tag: str, blocks: int, loaded: Told, found: Sequence[Told], churned: Told, overhead: Told) -> Figures:
    """One scene's figures. Ratios are Weir over Dynamo, medians over rounds in which each side had its turn."""
    figures = {
        "find_p50_us": median(one["weir"]["p50_us"] for one in found),
        "dynamo_find_p50_us": median(one["dynamo"]["p50_us"] for one in found),
        "find_p99_us": median(one["weir"]["p99_us"] for one in found),
        "dynamo_find_p99_us": median(one["dynamo"]["p99_us"] for one in found),
        "call_us": median(one["weir"]["call_us"] for one in found),
        "dynamo_call_us": median(one["dynamo"]["call_us"] for one in found),
        "find_over_dynamo": median(one["weir"]["p50_us"] / one["dynamo"]["p50_us"] for one in found),
        "find_over_dynamo_less_calls": median(inside(one) for one in found),
        "bytes_a_block": loaded["weir"]["bytes"] / blocks,
        "dynamo_bytes_a_block": loaded["dynamo"]["bytes"] / blocks,
        "hash_32k_us": overhead["weir"]["hash_32k_us"],
        "dynamo_hash_32k_us": overhead["dynamo"]["hash_32k_us"],
    }
    for name, told in (("load", loaded), ("churn", churned)):
        figures |= {f"{name}_{figure}": value for figure, value in ingested(told).items()}
    return {f"{tag}_{name}": round(value, 3) for name, value in figures.items()}


def inside(found: Told) -> float:
    """The ratio of look-ups without what a look-up of nothing takes: Dynamo's asks another thread."""
    ours, theirs = (found[side]["p50_us"] - found[side]["call_us"] for side in ("weir", "dynamo"))
    return float(max(ours, 0.0) / max(theirs, 1e-9))


def ingested(told: Told) -> Figures:
    """Events and blocks a second: messages against messages, and hashes that lie in memory already."""
    weir, dynamo = told["weir"]["ways"], told["dynamo"]["ways"]["json"]
    rates = {name: rate(way, "events") for name, way in weir.items()} | {"dynamo": rate(dynamo, "events")}
    blocks = rate(weir["message"], "blocks"), rate(weir["array"], "blocks"), rate(dynamo, "blocks")
    return {
        "events_per_s": rates["message"],
        "array_events_per_s": rates["array"],
        "dynamo_events_per_s": rates["dynamo"],
        "blocks_per_s": blocks[0],
        "dynamo_blocks_per_s": blocks[2],
        "events_over_dynamo": rates["message"] / rates["dynamo"],
        "events_over_dynamo_in_cpu_s": rate(weir["message"], "events", "cpu_s") / rate(dynamo, "events", "cpu_s"),
        "blocks_over_dynamo": blocks[0] / blocks[2],
        "array_blocks_over_dynamo": blocks[1] / blocks[2],
    }


def rate(way: Told, what: str, over: str = "seconds") -> float:
    """So many a second; nothing measured is none."""
    return float(way[what] / way[over]) if way[over] else 0.0


def target(scenes: Sequence[tuple[int, int]]) -> dict[str, dict[str, float]]:
    """What is promised of each scene."""
    wanted = dict[str, dict[str, float]]()
    for blocks, replicas in scenes:
        tag = f"{blocks // 10**6}m_{replicas}"
        wanted |= {f"{tag}_find_over_dynamo": {"most": 1.0}, f"{tag}_load_events_over_dynamo": {"least": 1.0}}
        wanted |= {f"{tag}_churn_events_over_dynamo": {"least": 1.0}, f"{tag}_hash_32k_us": {"most": CHAIN_US}}
    return wanted


def met(found: Figures, scenes: Sequence[tuple[int, int]]) -> bool:
    """Whether every figure that is promised was measured and holds."""
    return all(name in found and holds(found[name], bound) for name, bound in target(scenes).items())


def holds(value: float, bound: Mapping[str, float]) -> bool:
    """Whether a figure keeps its bound."""
    return bound.get("least", value) <= value <= bound.get("most", value)
