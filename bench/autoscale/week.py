"""The week: ServeGen's clients, their rates sampled down, and what the fleet is made of."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from bench.plan.traffic import file_of
from policies.fleet import Replica
from policies.perf.profiles import latency_model
from sims.arrivals import Arrivals
from sims.engine.conditions import Conditions
from sims.traces.reading.rows import rows
from sims.workloads.servegen import Servegen

DATA = Path(__file__).parents[3] / "shared" / "data"
CATEGORY, MODEL, GPU, GPUS = "m-large", "llama-3.1-70b", "a100-80", 4
RATE_RPS = 12.0  # on average over the week; the recording has 196
MOST = 24  # replicas
START_S, READ_BYTES_PER_S = 180.0, 2.0e9
TTFT_S, TPOT_S = 5.0, 0.1
DAY_S, WINDOW_S = 86_400, 600
A_DAY = DAY_S // WINDOW_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """Days of the recording, counted from its first."""

    first: int
    count: int

    def arrivals(self, data: Path, seed: int, rate_rps: float = RATE_RPS) -> Arrivals:
        """The requests of these days as one seed draws them; raises FileNotFoundError where nothing is recorded."""
        rates = file_of(data, "servegen", f"{CATEGORY}_rates.csv*")
        begin = min(row.number_of("t_s") for row in rows(rates))
        source = Servegen(
            folder=str(data / "servegen"), category=CATEGORY, rate_rps=rate_rps,
            from_s=begin + self.first * DAY_S, span_s=float(self.count * DAY_S),
        )  # fmt: skip
        batches = [batch for batch in islice(source.batches(seed), self.count * A_DAY) if len(batch)]
        return Arrivals.drawn(
            np.concatenate([batch.at for batch in batches]) - batches[0].at[0],
            np.concatenate([batch.prompt_tokens for batch in batches]),
            np.concatenate([batch.output_tokens for batch in batches]),
        )


def recorded_days(data: Path) -> int:
    """Whole days of the recording, one at least; raises FileNotFoundError where nothing is recorded, or `BadTrace`."""
    at = [row.number_of("t_s") for row in rows(file_of(data, "servegen", f"{CATEGORY}_rates.csv*"))]
    return max(round((max(at) - min(at) + WINDOW_S) / DAY_S), 1)


def fleet() -> list[Replica]:
    """The most replicas there can be, in one pool."""
    perf = latency_model(GPU, MODEL, GPUS)
    return [
        Replica(name=f"r{i}", address="", pool="pool", model=MODEL, gpu=GPU, perf=perf, context_limit=131_072)
        for i in range(MOST)
    ]


def conditions(seed: int) -> Conditions:
    """A start takes three minutes in all, and the router is told the deadlines."""
    loading = fleet()[0].perf.load_seconds(READ_BYTES_PER_S)
    return Conditions(
        seed=seed, provision_s=START_S - loading, read_bytes_per_s=READ_BYTES_PER_S, ttft_slo_s=TTFT_S,
        tpot_slo_s=TPOT_S,
    )  # fmt: skip
