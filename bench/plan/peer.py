"""vllm-sr-sim's own optimiser on the same lengths and rate, and its fleet simulated here.

It knows A10G, A100 and H100 cards and one pair of coefficients for each; its boundary, gamma and counts are taken as it
prints them, one of our replicas for one of its GPUs. It reads no model, so nothing more is told it.
"""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from math import ceil
from pathlib import Path

import numpy as np

from bench.gateway.installs import wheels
from bench.gateway.places import RUN, VENVS, make_folders
from sims.arrivals import Arrivals
from sims.engine.simulate import simulate
from sims.plan.asked import Asked, Offer
from sims.plan.judge import Judge
from sims.plan.kinds import Kind, kind
from sims.plan.traffic import Sampled
from sims.plan.trial import Trial

FAMILY, WHEEL = "vllm-sr-sim", "vllm-sr-sim==0.1.0.dev20260713123629"
CARDS = {"a10g": "a10g", "a100": "a100-80", "h100": "h100-sxm"}
REQUESTS = 10_000  # of its own simulation
COMPRESSIBLE = 0.75  # of the prompts that gamma lets it compress: its default
MOST_GROWN = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Theirs:
    """One fleet as the optimiser prints it."""

    short_gpu: str  # our profile's name
    long_gpu: str
    short: int
    long: int
    boundary: int  # tokens, prompt and answer
    gamma: float

    def grown(self, times: float) -> tuple[int, int]:
        """So many times the fleet, whole replicas of each pool."""
        return ceil(self.short * times - 1e-9), ceil(self.long * times - 1e-9)


def optimised(case: str, traffic: Sampled, ttft_s: float) -> Iterator[Theirs]:
    """What it recommends for every pair of cards and some boundaries; raises InstallError, CalledProcessError."""
    make_folders()
    wheels(FAMILY, WHEEL)
    lengths = RUN / f"{case}-lengths.json"
    totals = traffic.arrivals.prompt_tokens + traffic.arrivals.output_tokens
    lengths.write_text(json.dumps(cdf(totals)))
    for (short, long), share in product(product(CARDS, ("a100", "h100")), (0.75, 0.9)):
        boundary = 2 ** round(np.log2(np.quantile(totals, share)))
        if boundary >= totals.max():
            continue
        found = _optimise(lengths, traffic.analytic.rate, ttft_s, boundary, int(totals.max()), short, long)
        if found is not None:
            yield found


def cdf(totals: "np.typing.NDArray[np.int32]") -> list[list[float]]:
    """Lengths as it reads them: [tokens, share of requests no longer] at even shares and powers of two."""
    powers = 2.0 ** np.arange(5, int(np.ceil(np.log2(totals.max()))) + 1)
    edges = np.unique(np.concatenate([np.quantile(totals, np.linspace(0.02, 1.0, 50)).round(), powers]))
    shares = np.searchsorted(np.sort(totals), edges, side="right") / len(totals)
    return [[float(edge), float(share)] for edge, share in zip(edges, shares, strict=True) if share > 0.0]


def _optimise(
    lengths: Path, rate: float, ttft_s: float, boundary: int, longest: int, short: str, long: str
) -> Theirs | None:
    out = RUN / "vllm-sr-sim.json"
    command = [
        str(VENVS / FAMILY / "bin" / "vllm-sr-sim"), "optimize", "--cdf", str(lengths), "--lam", f"{rate:.3f}",
        "--slo", f"{1000.0 * ttft_s:g}", "--b-short", str(boundary), "--long-max-ctx", str(longest),
        "--gpu-short", short, "--gpu-long", long, "--n-sim-req", str(REQUESTS), "--out", str(out),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    rows = [row for row in json.loads(out.read_text()) if row["source"] == "simulated" and row["slo_met"]]
    if not rows:
        return None
    best = min(rows, key=lambda row: row["annualised_cost_kusd"])
    return Theirs(
        short_gpu=CARDS[short], long_gpu=CARDS[long], short=best["n_s"], long=best["n_l"], boundary=boundary,
        gamma=best["gamma"],
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Resimulated:
    """Their fleet here."""

    usd_per_hour: float  # as printed, at our prices
    meets: bool  # as printed
    grown_usd_per_hour: float  # grown until it meets the deadlines; inf where four times as many do not


def resimulated(theirs: Theirs, asked: Asked, traffic: Sampled) -> Resimulated:
    """The fleet under its own division by length, prompts compressed as it wishes, and under our policy: the better."""
    kinds = kinds_of(theirs, asked)
    divided = replace(asked, policy="length_split", settings=(("threshold", float(theirs.boundary)),))
    squeezed = replace(traffic, arrivals=compressed(traffic.arrivals, theirs.boundary, theirs.gamma))
    judges = [
        Judge(trial=Trial(asked=how, kinds=kinds, traffic=given, simulate=simulate))
        for how, given in ((divided, squeezed), (asked, traffic))
    ]
    usd = [kind.usd_per_hour for kind in kinds]
    cost = float(np.dot(usd, theirs.grown(1.0)))
    least = min(_least(judge, theirs) for judge in judges)
    return Resimulated(
        usd_per_hour=cost,
        meets=least <= 1.0,
        grown_usd_per_hour=float(np.dot(usd, theirs.grown(least))) if least < float("inf") else least,
    )


def kinds_of(theirs: Theirs, asked: Asked) -> tuple[Kind, Kind]:
    """Their two pools; the short one comes first in the fleet."""
    pairs = (("short", theirs.short_gpu), ("long", theirs.long_gpu))
    short, long = (kind(asked, Offer(gpu=gpu), 1, name) for name, gpu in pairs)
    return short, long


def compressed(arrivals: Arrivals, boundary: int, gamma: float) -> Arrivals:
    """Prompts of requests up to gamma boundaries cut to fit it, three in four, for nothing; it keeps their blocks."""
    totals = arrivals.prompt_tokens + arrivals.output_tokens
    coins = np.random.Generator(np.random.PCG64([boundary, 0xC0])).random(len(totals))
    room = boundary - arrivals.output_tokens
    cut = (totals > boundary) & (totals <= gamma * boundary) & (room > 0) & (coins < COMPRESSIBLE)
    if not cut.any() or len(arrivals.blocks):
        return arrivals
    return replace(arrivals, prompt_tokens=np.where(cut, room, arrivals.prompt_tokens).astype(np.int32))


def _least(judge: Judge, theirs: Theirs) -> float:
    """How many times the fleet it takes, to a twentieth; inf beyond four."""
    if judge.verdict(theirs.grown(1.0)).meets:
        return 1.0
    if not judge.verdict(theirs.grown(MOST_GROWN)).meets:
        return float("inf")
    low, high = 1.0, MOST_GROWN
    while high - low > 0.05:
        middle = 0.5 * (low + high)
        low, high = (low, middle) if judge.verdict(theirs.grown(middle)).meets else (middle, high)
    return high
