"""Questions on two topics, a small model that knows one of them and a large one that knows both."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from policies.fleet import Replica
from policies.perf.profiles import latency_model
from policies.select.objective import Objective
from sims.arrivals import NONE, Arrivals
from sims.select.choosers import Value
from sims.select.judging import Judging
from sims.select.questions import Questions

SMALL, LARGE = "llama-3.1-8b", "qwen3-32b"
USD = (1e-7, 1e-6)


def questions(count: int = 40) -> Questions:
    law = np.arange(count) % 2 == 0
    quality = np.stack([law, np.ones(count)], axis=1).astype(np.float64)
    return Questions(
        name="made_up",
        models=(SMALL, LARGE),
        topics=tuple("law" if each else "physics" for each in law),
        expected=0.2 + 0.6 * quality,
        quality=quality,
        out_tokens=np.tile([30.0, 10.0], (count, 1)),
    )


def arrivals(count: int = 60, gap_s: float = 0.5, topics: Sequence[str] = (), **more: Any) -> Arrivals:
    names = tuple(dict.fromkeys(topics))
    topic = np.array([names.index(each) for each in topics] or [NONE] * count, np.int32)
    lengths = np.full(count, 200)
    return Arrivals.drawn(
        gap_s * np.arange(count, dtype=np.float64), lengths, lengths // 4, topic=topic, topics=names, **more
    )


def fleet(small: int = 1, large: int = 1) -> list[Replica]:
    kinds = [(SMALL, "l40s", 1)] * small + [(LARGE, "h100-sxm", 2)] * large
    return [
        Replica(name=f"r{i}", address="", pool=model, model=model, gpu=gpu, perf=latency_model(gpu, model, gpus))
        for i, (model, gpu, gpus) in enumerate(kinds)
    ]


def judging(worth: float = 0.01, surge: float = 6.0, **more: Any) -> Judging:
    value = Value(usd_per_token=USD, objective=Objective(worth_usd=worth, surge=surge))
    return Judging(questions=questions(), value=value, **more)
