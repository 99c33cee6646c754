"""One run in figures. Field names are the report's keys and stay."""

from dataclasses import dataclass
from math import nan
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field

from sims.engine.run import REFUSED, SERVED, SHED, UNFINISHED, Run
from sims.measure.quantiles import Spread, Values
from sims.measure.window import Window


class Slo(NamedTuple):
    """Deadlines in seconds: of the first token, and of each token after it."""

    ttft_s: float
    tpot_s: float


class Promised(NamedTuple):
    """The same of every arrival."""

    ttft_s: Values
    tpot_s: Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Counts, bills and energy are of the whole run; latencies, rates and shares of the window after the warm-up."""

    requests: Annotated[float, Field(description="arrivals of the whole run")]
    completed: Annotated[float, Field(description="arrivals whose last token came")]
    shed: Annotated[float, Field(description="turned away for want of room")]
    refused: Annotated[float, Field(description="longer than any replica of their model can hold")]
    unfinished: Annotated[float, Field(description="not served when the run ended")]
    unstable: Annotated[bool, Field(description="the queue grew without end, in any seed; the run ended early")]
    counted: Annotated[float, Field(description="arrivals after the warm-up: what latencies and shares are taken over")]
    span_s: Annotated[float, Field(description="from the warm-up's end to the last arrival: what rates are taken over")]
    ttft_s: Annotated[Spread, Field(description="seconds from arrival to the first token at the client")]
    tpot_s: Annotated[Spread, Field(description="mean seconds a token after the first, of each request")]
    e2e_s: Annotated[Spread, Field(description="seconds from arrival to the last token")]
    queue_s: Annotated[Spread, Field(description="seconds from arrival to the first engine step")]
    offered_rps: Annotated[float, Field(description="arrivals a second")]
    goodput_rps: Annotated[float, Field(description="requests a second that met both deadlines")]
    goodput_share: Annotated[float, Field(description="of arrivals, those that met both deadlines")]
    ttft_slo_share: Annotated[float, Field(description="of arrivals, those that met the deadline of the first token")]
    tpot_slo_share: Annotated[float, Field(description="of arrivals, those that met the deadline of later tokens")]
    output_tokens_per_s: Annotated[float, Field(description="output tokens made a second")]
    cached_token_share: Annotated[float, Field(description="of prompt tokens, those that the engine found cached")]
    believed_token_share: Annotated[float, Field(description="of prompt tokens, those the router believed cached")]
    cached_error_share: Annotated[float, Field(description="mean of |believed - found| tokens over the prompt's")]
    ttft_error_p50: Annotated[float, Field(description="median of |predicted - actual| TTFT over the actual")]
    ttft_bias_s: Annotated[float, Field(description="mean of predicted less actual TTFT, seconds")]
    quality: Annotated[float, Field(description="mean judged quality of answers; null where answers are not judged")]
    quality_in_time: Annotated[float, Field(description="the same, an answer past a deadline being worth nothing")]
    usd_per_thousand_right: Annotated[float, Field(description="dollars per 1,000 right answers in time")]
    preemptions: Annotated[float, Field(description="times that a running request lost its KV")]
    utilisation: Annotated[float, Field(description="of the replicas' time up, the share in which they computed")]
    gpu_hours: Annotated[float, Field(description="GPU-hours paid for")]
    cost_usd: Annotated[float, Field(description="dollars paid for them")]
    usd_per_million_tokens: Annotated[float, Field(description="dollars per million output tokens")]
    energy_joules: Annotated[float, Field(description="joules that the replicas drew")]
    tokens_per_joule: Annotated[float, Field(description="output tokens per joule")]
    end_s: Annotated[float, Field(description="simulated seconds until the last thing happened")]
    wall_s: Annotated[float, Field(description="seconds that simulating it took on one core")]
    requests_per_wall_s: Annotated[float, Field(description="requests simulated in a second")]


def metrics(
    run: Run, window: Window, slo: Slo | Promised, wall_s: float = nan, quality: Values | None = None
) -> Metrics:
    """The figures of one run; `quality` is what each arrival's answer was judged, 0..1."""
    return Metrics(
        **counts(run), **latencies(run, window), **service(run, window, slo), **tokens(run, window),
        **beliefs(run, window), **judged(run, window, slo, quality), **bills(run),
        wall_s=wall_s, requests_per_wall_s=ratio(len(run.at), wall_s),
    )  # fmt: skip


def ratio(above: float, below: float) -> float:
    """Their quotient, nan where there is nothing to divide by."""
    return float(above / below) if below > 0.0 else nan


def counts(run: Run) -> dict[str, Any]:
    """What became of all arrivals."""
    kinds = {"completed": SERVED, "shed": SHED, "refused": REFUSED, "unfinished": UNFINISHED}
    number = np.bincount(run.state, minlength=4)
    told = {name: int(number[kind]) for name, kind in kinds.items()}
    return {"requests": len(run.state), **told, "unstable": run.unstable, "preemptions": int(run.preemptions.sum())}


def latencies(run: Run, window: Window) -> dict[str, Any]:
    """Spreads over the arrivals that count."""
    counted = window.counted
    waited = np.where(np.isfinite(run.admitted), run.admitted - run.at, np.inf)
    columns = {"ttft_s": run.ttft_s, "tpot_s": run.tpot_s, "e2e_s": run.e2e_s, "queue_s": waited}
    return {name: Spread.of(np.sort(values[counted])) for name, values in columns.items()}


def service(run: Run, window: Window, slo: Slo | Promised) -> dict[str, Any]:
    """How many came, and how many were served in time."""
    counted, n = window.counted, int(window.counted.sum())
    first, later = (run.ttft_s <= slo.ttft_s)[counted], (run.tpot_s <= slo.tpot_s)[counted]
    met = int((first & later).sum())
    came = float((run.at[counted] <= window.end_s).sum())
    return {
        "counted": n,
        "span_s": window.span_s,
        "offered_rps": ratio(came, window.span_s),
        "goodput_rps": ratio(met, window.span_s),
        "goodput_share": ratio(met, n),
        "ttft_slo_share": ratio(float(first.sum()), n),
        "tpot_slo_share": ratio(float(later.sum()), n),
    }


def tokens(run: Run, window: Window) -> dict[str, Any]:
    """Tokens made within the window, and prompt tokens that need not be computed."""
    told = window.counted & (run.state == SERVED)
    prompts = float(run.prompt_tokens[told].sum())
    return {
        "output_tokens_per_s": ratio(made(run, window), window.span_s),
        "cached_token_share": ratio(float(run.cached[told].sum()), prompts),
        "believed_token_share": ratio(float(run.believed[told].sum()), prompts),
        "cached_error_share": ratio(float(np.abs(run.cached[told] - run.believed[told]).sum()), prompts),
    }


def made(run: Run, window: Window) -> float:
    """Output tokens made within the window, each request's spread evenly between its first token and its last."""
    came = np.isfinite(run.first)
    first, amount = run.first[came], run.output_tokens[came].astype(np.float64)
    end = np.where(np.isfinite(run.end[came]), run.end[came], max(run.end_s, window.end_s))
    within = np.minimum(end, window.end_s) - np.maximum(first, window.start_s)
    lasting = end > first
    share = np.where(lasting, np.clip(within, 0.0, None) / np.where(lasting, end - first, 1.0), within >= 0.0)
    return float((amount * share).sum())


def beliefs(run: Run, window: Window) -> dict[str, Any]:
    """How well the router foresaw the first token."""
    told = window.counted & np.isfinite(run.first) & np.isfinite(run.predicted_ttft_s)
    actual: Values = run.ttft_s[told]
    off = run.predicted_ttft_s[told] - actual
    if not len(off):
        return {"ttft_error_p50": nan, "ttft_bias_s": nan}
    return {"ttft_error_p50": float(np.median(np.abs(off) / actual)), "ttft_bias_s": float(off.mean())}


def judged(run: Run, window: Window, slo: Slo | Promised, quality: Values | None) -> dict[str, Any]:
    """How good the answers were, and what a right one cost; nan where they are not judged."""
    names = ("quality", "quality_in_time", "usd_per_thousand_right")
    if quality is None or not window.counted.any():
        return dict.fromkeys(names, nan)
    met = (run.ttft_s <= slo.ttft_s) & (run.tpot_s <= slo.tpot_s)
    mean, in_time = float(quality[window.counted].mean()), float((quality * met)[window.counted].mean())
    return dict(zip(names, (mean, in_time, ratio(1e3 * run.cost_usd, in_time * len(quality))), strict=True))


def bills(run: Run) -> dict[str, Any]:
    """What the whole run cost in dollars and joules."""
    output = float(run.output_tokens[run.state == SERVED].sum())
    joules, dollars = float(run.joules.sum()), run.cost_usd
    return {
        "utilisation": ratio(float(run.busy_s.sum()), float(run.up_s.sum())),
        "gpu_hours": run.gpu_hours,
        "cost_usd": dollars,
        "usd_per_million_tokens": ratio(1e6 * dollars, output),
        "energy_joules": joules,
        "tokens_per_joule": ratio(output, joules),
        "end_s": run.end_s,
    }
