"""What a report tells of how it was made."""

from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from math import isfinite
from typing import Any

from sims.arrivals import NONE, Arrivals
from sims.measure.report import Deadlines, FleetFacts, PoolFacts, TraceFacts
from sims.sweep.inputs import Inputs
from sims.sweep.study import Study
from weir.codec import latency
from weir.fleetfile import FleetFile, message

TOLD_ELSEWHERE = ("seed", "ttft_slo_s", "tpot_slo_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What one command was given: all that a report says beside its figures."""

    inputs: Inputs
    trace: TraceFacts
    fleet_file: str
    notes: tuple[str, ...] = ()


def context(setting: Setting, study: Study, *remarks: str) -> dict[str, Any]:
    """The fields that every report has; `remarks` are what the runs showed and a reader should know."""
    inputs = setting.inputs
    conditions = {name: each for name, each in asdict(inputs.conditions).items() if name not in TOLD_ELSEWHERE}
    return {
        "weir": weir_version(),
        "partial": study.interrupted,
        "runs_done": len(study.found),
        "runs_asked": len(study.units),
        "elapsed_s": study.elapsed_s,
        "trace": setting.trace,
        "fleet": fleet_facts(inputs.fleet, setting.fleet_file),
        "slo": Deadlines(ttft_s=inputs.fleet.slo.ttft_s, tpot_s=inputs.fleet.slo.tpot_s),
        "rate": str(inputs.rate),
        "conditions": conditions,
        "seeds_asked": study.seeds,
        "seeds_vary": inputs.traffic.varies,
        "warmup_share": inputs.warmup,
        "notes": (*setting.notes, *remarks),
    }


def weir_version() -> str:
    """The installed version; of a checkout that is not installed, nothing is known."""
    try:
        return version("weir")
    except PackageNotFoundError:
        return "unknown"


def trace_facts(name: str, arrivals: Arrivals) -> TraceFacts:
    """A trace in figures, at its own rate."""
    sessions = arrivals.session[arrivals.session != NONE]
    rate = arrivals.rate_rps
    return TraceFacts(
        name=name,
        requests=len(arrivals),
        span_s=arrivals.span_s,
        rate_rps=rate if isfinite(rate) else 0.0,
        prompt_tokens=float(arrivals.prompt_tokens.mean()),
        output_tokens=float(arrivals.output_tokens.mean()),
        block_tokens=arrivals.block_tokens,
        sessions=len(set(sessions.tolist())),
    )


def fleet_facts(fleet: FleetFile, file: str) -> FleetFacts:
    """A fleet in figures; raises `UnknownProfile` or `DoesNotFit`."""
    perfs = [latency(message(pool, 0, "")) for pool in fleet.pools]
    pools = tuple(
        PoolFacts(
            name=pool.name,
            gpu=pool.gpu,
            model=pool.serves,
            role=pool.role,
            replicas=pool.size,
            gpus_per_replica=pool.gpus_per_replica,
            usd_per_hour=pool.size * perf.price_per_hour,
        )
        for pool, perf in zip(fleet.pools, perfs, strict=True)
    )
    return FleetFacts(
        file=file,
        replicas=sum(pool.replicas for pool in pools),
        gpus=sum(pool.replicas * pool.gpus_per_replica for pool in pools),
        usd_per_hour=sum(pool.usd_per_hour for pool in pools),
        pools=pools,
    )
