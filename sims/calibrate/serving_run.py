"""A measured run of one inference server, request by request, and the same requests on the engine model."""

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from policies.perf.latency import LatencyModel
from policies.perf.profiles import gpu_names, latency_model, model_names
from sims.calibrate.replayed import Asked, Times, replayed


class BadRun(ValueError):
    """A run that cannot be replayed; the message says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One request as it was served: times in seconds, arrival from the first one's."""

    arrival_s: float
    prompt: int
    output: int
    ttft_s: float
    tpot_s: float  # mean gap between its tokens; 0 for a single token


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingRun:
    """What was run, and how every request fared."""

    name: str
    gpu: str
    model: str
    gpus: int  # a replica
    engines: int  # data-parallel copies that take requests in turn
    shared_experts: bool  # experts spread over the copies
    max_seqs: int
    chunk_tokens: int
    kv_tokens: int | None  # None: what the memory leaves
    served: tuple[Served, ...]


def runs(folder: Path) -> list[ServingRun]:
    """Every run below a folder, `hardware/model/{meta.json,requests.jsonl}[.gz]`, by name; raises BadRun."""
    found = [read(path.parent) for path in sorted(folder.glob("*/*/requests.jsonl*"))]
    if not found:
        raise BadRun(f"{folder} holds no hardware/model/requests.jsonl.gz: name the folder above them")
    return found


def read(folder: Path) -> ServingRun:
    """One run: its meta file and its requests; raises BadRun."""
    meta = json.loads(_text(folder, "meta.json"))
    options = meta["engine_kwargs"]
    cache = meta.get("kv_cache") or {}
    return ServingRun(
        name=f"{folder.parent.name}/{folder.name}",
        gpu=_known(folder.parent.name, gpu_names()),
        model=_known(folder.name, model_names()),
        gpus=int(options.get("tensor_parallel_size", 1)),
        engines=int(options.get("data_parallel_size", 1)),
        shared_experts=bool(options.get("enable_expert_parallel", False)),
        max_seqs=int(options["max_num_seqs"]),
        chunk_tokens=int(options["max_num_batched_tokens"]),
        kv_tokens=cache.get("num_kv_tokens"),
        served=_served(folder, [json.loads(line) for line in _text(folder, "requests.jsonl").splitlines() if line]),
    )


def perf(run: ServingRun, host_s: float) -> LatencyModel:
    """The latency model of one of the run's engines: kernel times as measured, and host work a sequence."""
    known = latency_model(
        run.gpu, run.model, run.gpus, chunk_tokens=run.chunk_tokens, max_seqs=run.max_seqs, kv_tokens=run.kv_tokens,
        slowdown=1.0, host_s=host_s, frontend_s=0.0,
    )  # fmt: skip
    return _spread(known, run.engines) if run.shared_experts and run.engines > 1 else known


def replay(run: ServingRun, latency: LatencyModel) -> list[Times]:
    """TTFT and TPOT in seconds of every request, in the run's order, on engines that take them in turn."""
    found = [Times(0.0, 0.0)] * len(run.served)
    for first in range(run.engines):
        taken = range(first, len(run.served), run.engines)
        asked = [Asked(one.arrival_s, one.prompt, one.output) for one in run.served[first :: run.engines]]
        for index, times in zip(taken, replayed(asked, latency), strict=True):
            found[index] = times
    return found


def _spread(latency: LatencyModel, copies: int) -> LatencyModel:
    """The model of one copy that holds its share of the experts and computes them for the tokens of all copies.

    The experts that n tokens of each copy touch here, E/d·(1 - (1 - k/E)^(d·n)), are those of E/d experts of which a
    token chooses so many that it misses one with probability (1 - k/E)^d.
    """
    share = latency.experts / copies
    missed = (1.0 - latency.top_k / latency.experts) ** copies
    return replace(latency, experts=share, top_k=share * (1.0 - missed))


def _served(folder: Path, rows: list[dict[str, Any]]) -> tuple[Served, ...]:
    """Requests by arrival. Arrivals are on another clock than the rest: the quickest to be queued took no time."""
    if not rows:
        raise BadRun(f"{folder} has no requests")
    shift = min(row["queued_ts"] - row["arrival_time"] for row in rows)
    rows = sorted(rows, key=lambda row: float(row["arrival_time"]))
    start = rows[0]["arrival_time"]
    return tuple(
        Served(
            arrival_s=row["arrival_time"] - start,
            prompt=int(row["input_toks"]),
            output=int(row["output_toks"]),
            ttft_s=row["first_token_ts"] - row["arrival_time"] - shift,
            tpot_s=(row["last_token_ts"] - row["first_token_ts"]) / max(int(row["output_toks"]) - 1, 1),
        )
        for row in rows
    )


def _known(name: str, profiles: Sequence[str]) -> str:
    """The profile that a folder is named after: dashes and case aside, the longest that its name begins with."""
    plain = name.lower().replace("-", "")
    fitting = [profile for profile in profiles if plain.startswith(profile.replace("-", ""))]
    fitting = fitting or [profile for profile in profiles if profile.replace("-", "").startswith(plain)]
    if not fitting:
        raise BadRun(f"no profile fits {name!r}; known: {', '.join(profiles)}")
    return max(fitting, key=len)


def _text(folder: Path, name: str) -> str:
    packed = folder / f"{name}.gz"
    if packed.exists():
        return gzip.decompress(packed.read_bytes()).decode()
    if not (folder / name).exists():
        raise BadRun(f"{folder} has no {name}")
    return (folder / name).read_text()
