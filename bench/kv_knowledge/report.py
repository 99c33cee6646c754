"""The table and the figures."""

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite

from bench.kv_knowledge.kinds import KINDS, Outcome
from bench.kv_knowledge.live import Live
from bench.kv_knowledge.scene import GPU, LOAD, MODEL, Scene
from sims.statistics import Interval, interval

COLUMNS = {
    "cached / endless cache": ("share", 3, 1.0), "cached": ("cached", 3, 1.0), "held, not known": ("missed", 4, 1.0),
    "believed, not held": ("mistaken", 4, 1.0), "p50 TTFT s": ("ttft_p50_s", 3, 1.0),
    "p90 TTFT s": ("ttft_p90_s", 2, 1.0), "mean TPOT ms": ("tpot_mean_s", 1, 1e3),
}  # fmt: skip

Found = Mapping[str, Sequence[Outcome]]
"""By kind of knowledge, one a seed."""


def over_seeds(outcomes: Sequence[Outcome], of: str) -> Interval:
    """One figure's mean and 95 % interval."""
    return interval([float(getattr(outcome, of)) for outcome in outcomes])


def table(scene: Scene, found: Found) -> str:
    """Heading and one row a kind, in markdown."""
    return "\n".join([*_heading(scene, found), *_rows(found)])


def figures(found: Found, prefix: str = "") -> dict[str, float]:
    """The flat figures of the seeds."""
    flat = dict[str, float]()
    for kind, outcomes in found.items():
        for of in ("share", "ttft_p90_s"):
            over = over_seeds(outcomes, of)
            flat[f"{prefix}{kind}_{of}"] = round(over.mean, 4)
            if isfinite(over.half):
                flat[f"{prefix}{kind}_{of}_half"] = round(over.half, 4)
    return flat


def told(live: Live) -> str:
    """What the emulated fleet did, in lines."""
    lines = [
        f"\nemulated, the first {live.requests} requests: one endless cache finds {live.infinite:.3f} of prompt tokens",
        f"simulated, exact: {live.simulated:.3f} of that",
    ]
    for kind, lived in live.lived.items():
        wait = f"p50 TTFT {lived.ttft_p50_s:.2f} s, {lived.served} served, load {lived.late_p50_s:.3f} s behind"
        lines.append(f"emulated, {kind}: {lived.share:.3f} of that; {wait}")
    return "\n".join(lines)


def _heading(scene: Scene, found: Found) -> Iterator[str]:
    replica, seeds = scene.fleet[0], next(iter(found.values()))
    yield (
        f"\n{len(scene.fleet)} replicas of {MODEL} on {scene.gpus} × {GPU}: "
        f"{replica.perf.kv_tokens:,} KV tokens in HBM, {scene.host_tokens:,} in host memory each"
    )
    rate = LOAD * scene.capacity_rps
    yield f"{len(scene.arrivals):,} requests at {rate:.2f}/s, {LOAD:.0%} of the {scene.capacity_rps:.2f}/s it finishes"
    if scene.left_out:
        yield f"left out: {scene.left_out} requests that are longer than the model's context"
    yield f"one endless cache finds {over_seeds(seeds, 'infinite').mean:.3f} of prompt tokens; {len(seeds)} seeds"


def _rows(found: Found) -> Iterator[str]:
    yield "| the router knows | " + " | ".join(COLUMNS) + " |"
    yield "|---" * (len(COLUMNS) + 1) + "|"
    for kind, outcomes in found.items():
        cells = (_cell(over_seeds(outcomes, of), digits, scale) for of, digits, scale in COLUMNS.values())
        yield f"| {KINDS[kind].says} | " + " | ".join(cells) + " |"


def _cell(over: Interval, digits: int, scale: float) -> str:
    return f"{scale * over.mean:.{digits}f} ± {scale * over.half:.{digits}f}"
