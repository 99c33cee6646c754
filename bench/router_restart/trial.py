"""One trial: everything up, load on, the router killed (and the pool with it, or not), the records read."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.router_restart.processes import Processes, kill, metric, until
from bench.router_restart.scene import Scene
from bench.router_restart.verdict import Decided, exact_from, hit_rate, read

BEFORE_S, AFTER_S = 4.0, 9.0
Told = Callable[[str], None]
Figures = dict[str, float | int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is restarted under which load."""

    name: str
    pool_too: bool
    rate: float


def trial(plan: Plan, scene: Scene, told: Told) -> Figures:
    """Run it; nothing is left running."""
    with TemporaryDirectory(prefix="weir-restart-") as scratch, Processes(scene, Path(scratch)) as all_:
        all_.valkey()
        all_.engines()
        pool = all_.pool()
        took = until(lambda: _pool_knows(all_), "the pool knows every cache")
        told(f"{plan.name}: the pool learned {scene.blocks:,} blocks from events in {took:.1f} s")
        router = all_.router()
        until(lambda: _blocks(all_) >= scene.blocks, "the router knows every block")
        if plan.pool_too:
            until(lambda: _saved(all_) >= scene.replicas, "every cache is kept in Redis")
        hose = all_.hose(plan.rate, BEFORE_S + AFTER_S)
        time.sleep(BEFORE_S)
        first = all_.decisions
        killed = time.monotonic()
        for process in (router, *((pool,) if plan.pool_too else ())):
            kill(process)
        started = time.monotonic()
        if plan.pool_too:
            all_.pool()
        all_.router()
        hose.wait()
        time.sleep(1.2)  # records are written every second
        holders = scene.holders()
        before = read(first, holders, scene.chain_tokens)
        after = read(all_.decisions, holders, scene.chain_tokens)
        answers = json.loads((Path(scratch) / "answers.json").read_text())
        found = figures([one for one in before if one.at > killed - BEFORE_S / 2], after, started)
        found |= load_figures(answers, killed) | {"blocks": round(_blocks(all_))}
        told(f"{plan.name}: {json.dumps(found)}")
        return found


def figures(before: list[Decided], after: list[Decided], started: float) -> Figures:
    """Times from the start of the new process, and hit rates before, until it knew again, and after."""
    exact = exact_from(after, started)
    return {
        "exact_s": None if exact is None else round(exact - started, 3),
        "serving_s": round(after[0].at - started, 3) if after else None,
        "hit_before": _rounded(hit_rate(before)),
        "hit_during": _rounded(hit_rate(one for one in after if exact is None or one.at < exact)),
        "hit_after": _rounded(hit_rate(one for one in after if exact is not None and one.at >= exact)),
        "decisions_during": sum(exact is None or one.at < exact for one in after),
        "decisions_after": sum(exact is not None and one.at >= exact for one in after),
        "exact_before": _rounded(sum(one.exact for one in before) / len(before)) if before else None,
    }


def load_figures(answers: dict[str, dict[str, int]], killed: float) -> Figures:
    """What clients saw: requests answered a second before, and how long nobody was answered."""
    quiet = [float(at) for at, counts in answers.items() if float(at) > killed + 0.1 and counts.get("answered", 0) > 0]
    before = [counts.get("answered", 0) for at, counts in answers.items() if killed - 3.0 < float(at) < killed - 0.2]
    lost = sum(counts.get("failed", 0) + counts.get("refused", 0) for counts in answers.values())
    return {
        "answered_per_s_before": round(10.0 * sum(before) / len(before)) if before else 0,
        "outage_s": round(min(quiet) - killed, 1) if quiet else None,
        "requests_broken": lost,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _pool_knows(all_: Processes) -> bool:
    known = metric(all_.pool_metrics, "weir_pool_knowledge")
    return (
        known.get('{knowledge="exact"}') == all_.scene.replicas
        and sum(metric(all_.pool_metrics, "weir_pool_kv_blocks").values()) >= all_.scene.blocks
    )


def _blocks(all_: Processes) -> float:
    return sum(metric(all_.router_metrics, "weir_index_blocks").values())


def _saved(all_: Processes) -> int:
    from redis import Redis

    with Redis.from_url(all_.redis) as client:
        kept = [client.hget(key, "stamp") for key in client.keys("weir:*:kv")]
    return sum(bool(stamp) and sum(json.loads(stamp)["tiers"].values()) > 0 for stamp in kept)
