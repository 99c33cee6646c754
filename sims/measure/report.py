"""The reports of `weir replay`, `compare` and `sweep`. Field names are the JSON's keys and stay."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from sims.measure.paired import Paired
from sims.measure.seeds import Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceFacts:
    """What was replayed, at the rate the trace or workload has itself."""

    name: str
    requests: int
    span_s: Annotated[float, Field(description="from the first arrival to the last")]
    rate_rps: float
    prompt_tokens: Annotated[float, Field(description="mean tokens of a prompt")]
    output_tokens: Annotated[float, Field(description="mean tokens of an answer")]
    block_tokens: Annotated[int, Field(description="tokens of one block; 0 where nothing is known of shared prefixes")]
    sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolFacts:
    """One pool of the fleet file."""

    name: str
    gpu: str
    model: str
    role: str
    replicas: int
    gpus_per_replica: int
    usd_per_hour: Annotated[float, Field(description="of the whole pool")]


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetFacts:
    """The fleet that was simulated, before anything that a sweep varies."""

    file: str
    replicas: int
    gpus: int
    usd_per_hour: float
    pools: tuple[PoolFacts, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """What goodput counts against, seconds."""

    ttft_s: float
    tpot_s: float


@dataclass(frozen=True, kw_only=True)  # without slots: one of two bases may have them
class Context:
    """What every report tells of its making."""

    weir: Annotated[str, Field(description="version of Weir that made it")]
    partial: Annotated[bool, Field(description="interrupted: only the runs that were done are in it")]
    runs_done: int
    runs_asked: Annotated[int, Field(description="points times seeds")]
    elapsed_s: Annotated[float, Field(description="seconds that the command took")]
    trace: TraceFacts
    fleet: FleetFacts
    slo: Deadlines
    rate: Annotated[str, Field(description="as asked for: xK times the trace's own, or requests a second")]
    conditions: Annotated[dict[str, Any], Field(description="what else the simulation was told, by name")]
    seeds_asked: int
    seeds_vary: Annotated[str, Field(description="what differs between two seeds, in a sentence")]
    warmup_share: Annotated[float, Field(description="of the arrivals' span that does not count")]
    notes: Annotated[tuple[str, ...], Field(description="what a reader should know, in sentences")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay(Context, Measured):
    """`weir replay`: one policy over one fleet; the figures stand at the top."""

    kind: Literal["replay"] = "replay"
    policy: str
    settings: Annotated[dict[str, float], Field(description="the policy's settings, defaults among them")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compare(Context):
    """`weir compare`: several policies over the same requests."""

    kind: Literal["compare"] = "compare"
    policies: Annotated[dict[str, Measured], Field(description="the figures of every policy")]
    against: Annotated[str, Field(description="the policy that the others are compared with")]
    paired: Annotated[
        dict[str, dict[str, Paired]], Field(description="each other policy's figures less those of `against`")
    ]
    sentences: Annotated[tuple[str, ...], Field(description="what the table says")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point(Measured):
    """One point of a sweep."""

    point: Annotated[dict[str, str | float | bool], Field(description="the value of every path that was varied")]
    rate_rps: Annotated[float, Field(description="requests a second that were offered")]
    policy: str
    replicas: int
    usd_per_hour: Annotated[float, Field(description="of the fleet at this point")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Knee:
    """Where goodput leaves the offered rate, of the points that differ in nothing else."""

    point: Annotated[dict[str, str | float | bool], Field(description="what these points have in common")]
    rate_rps: Annotated[float, Field(description="the highest rate of which 90 % meet their deadlines")]
    goodput_rps: Annotated[float, Field(description="goodput there")]
    reached: Annotated[bool, Field(description="whether a higher rate was tried that missed it")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep(Context):
    """`weir sweep`: settings varied by path."""

    kind: Literal["sweep"] = "sweep"
    over: Annotated[dict[str, tuple[str | float | bool, ...]], Field(description="the values tried, by path")]
    points: tuple[Point, ...]
    knees: tuple[Knee, ...]
    pareto: Annotated[
        tuple[int, ...], Field(description="places in `points` that no other beats in both TTFT p90 and $ per million")
    ]


Report = Replay | Compare | Sweep
