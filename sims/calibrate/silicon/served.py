"""The served-latency model: levels for TPOT and TTFT, and what they are fitted on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from policies.perf.profiles import model
from sims.calibrate.silicon.mixed import Fit, Level, Numbers, Rows, fit
from sims.calibrate.silicon.physics import (
    COMPONENTS,
    SATURATED,
    Scene,
    busy,
    prompt_parts,
    scene,
    step_parts,
)
from sims.calibrate.silicon.setting import Setting

SHAPE = ("backend", "system", "model", "precision", "mode", "gpus", "parallel")
LOAD = ("load", "load2")
GUESSED = ("guessed_load", "guessed_load2", "guessed_gpus", "guessed_prefill", "guessed_shape", "guessed_mix")

TPOT_LEVELS = (
    Level(keys=(), spread=0.5, slopes=GUESSED, slope_spread=0.5),
    Level(keys=("backend",), spread=0.25, slopes=GUESSED, slope_spread=0.15),
    Level(keys=("system",), spread=0.25),
    Level(keys=("model",), spread=0.25),
    Level(keys=("precision", "system"), spread=0.15),
    Level(keys=("parallel", "backend", "mixture"), spread=0.2),
    Level(keys=("mode", "known", "backend"), spread=0.25, slopes=LOAD, slope_spread=0.15),
    Level(keys=("system", "model", "backend", "precision"), spread=0.15),
    Level(keys=("system", "model", "backend", "precision", "mode"), spread=0.0, slopes=LOAD, slope_spread=0.075),
    Level(keys=("backend", "version", "system", "model"), spread=0.0, slopes=("one", "load"), slope_spread=0.1),
    Level(keys=SHAPE, spread=0.0, slopes=("one",), slope_spread=0.1),
)
"""Spreads: guesses of how much efficiencies differ, scaled as a whole after trying a few scales on groups left out."""

FULL = (
    "one", "load", "load2", "isl", "osl", "spread", "prompt", "queue", "queue2", "load_isl", "load_osl", "load_prompt",
    "isl2",
)  # fmt: skip

TTFT_LEVELS = (
    Level(keys=(), spread=0.75, slopes=FULL, slope_spread=0.1),
    Level(keys=("mode", "backend"), spread=0.45, slopes=FULL, slope_spread=0.04),
    Level(keys=("model",), spread=0.4, slopes=("one", "load", "isl", "osl"), slope_spread=0.03),
    Level(keys=("system",), spread=0.3, slopes=("one", "load"), slope_spread=0.03),
    Level(keys=("backend", "model"), spread=0.3, slopes=("one", "load", "isl"), slope_spread=0.025),
    Level(keys=("backend", "system"), spread=0.15),
    Level(keys=("system", "model", "backend", "precision"), spread=0.4),
    Level(keys=("backend", "version", "system", "model"), spread=0.2),
    Level(keys=SHAPE, spread=0.3),
)

FRONTEND_S = 0.03
"""Seconds of a TTFT that are neither prompt nor step, before fitting."""

QUEUED = 0.3
"""Share of the other clients' prompts, at peak arithmetic, that come before one, before fitting."""

CLIENT_S = 0.5e-3
"""Seconds that each other client adds to a TTFT at the front, before fitting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """TPOT and TTFT models, fitted on the same groups."""

    tpot: Fit
    ttft: Fit


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """Of each setting: seconds, and whether it is below saturation as the model itself sees it."""

    tpot_s: Numbers
    ttft_s: Numbers
    below: npt.NDArray[np.bool_]


def train(settings: Sequence[Setting]) -> Served:
    """Fit both models; TTFTs of settings whose clients overflow the KV memory or whose workers are not told, queueing
    artefacts, are left out."""
    s = scene(settings)
    tpot = fit(
        tpot_rows(settings, s), np.array([one.tpot_s for one in settings]), TPOT_LEVELS, noise=0.08, outlier=0.08
    )
    clear = np.flatnonzero(~s.overflowing & np.array([one.known for one in settings]))
    times = np.array([one.ttft_s for one in settings])[clear]
    ttft = fit(ttft_rows(settings, s).take(clear), times, TTFT_LEVELS, noise=0.1, outlier=0.08)
    return Served(tpot=tpot, ttft=ttft)


def predict(served: Served, settings: Sequence[Setting]) -> Predicted:
    """Predict settings, known groups or new ones.

    Below saturation: the clients' requests fit the KV memory, prompts take no more than half of the prefilling GPUs'
    time at half their peak, and it is told how many workers share the clients.
    """
    s = scene(settings)
    tpot_s = np.exp(served.tpot.predict(tpot_rows(settings, s)))
    told = np.array([one.known for one in settings])
    below = told & ~s.overflowing & (busy(s, tpot_s) <= SATURATED)
    return Predicted(tpot_s=tpot_s, ttft_s=np.exp(served.ttft.predict(ttft_rows(settings, s))), below=below)


def tpot_rows(settings: Sequence[Setting], s: Scene) -> Rows:
    """What TPOT is predicted from: the parts of a token's time, and how loaded a worker is."""
    load = np.log2(s.running) / 4.0 - 1.0
    guessed = np.array([0.0 if one.known else 1.0 for one in settings])
    spread, total = np.log2(s.gpus) / 2.0 - 1.0, np.log2(s.clients / s.gpus) / 4.0 - 1.0
    features = {
        "one": np.ones(len(load)), "load": load, "load2": load**2,
        "guessed_load": guessed * total, "guessed_load2": guessed * total**2, "guessed_gpus": guessed * spread,
        "guessed_prefill": guessed * (np.log2(s.prefill_gpus) / 2.0 - 1.0),
        "guessed_shape": guessed * np.log2(s.isl / s.osl) / 3.0, "guessed_mix": guessed * total * spread,
    }  # fmt: skip
    return Rows(parts=step_parts(s), features=features, labels=labels(settings))


def ttft_rows(settings: Sequence[Setting], s: Scene) -> Rows:
    """What TTFT is predicted from: a prompt's own time, and how many prompts may come before it."""
    products, attention, once = prompt_parts(s)
    steps = step_parts(s)[:, [COMPONENTS.index(name) for name in ("fixed", "weights", "context", "host")]].sum(axis=1)
    prompt = products + attention
    clients = s.clients / s.prefill_workers
    parts = np.stack(
        [
            np.full(len(prompt), FRONTEND_S),
            2.0 * prompt,
            once,
            2.0 * steps,
            QUEUED * clients * prompt,
            clients * CLIENT_S,
        ],
        axis=1,
    )
    alone = parts[:, :4].sum(axis=1)
    load, isl, osl = np.log2(clients) / 4.0 - 1.2, (np.log2(s.isl) - 11.0) / 2.0, (np.log2(s.osl) - 10.0) / 2.0
    queue, size = np.log1p(0.5 * clients * prompt / alone), np.log2(prompt) / 4.0 + 1.5
    features = {
        "one": np.ones(len(load)), "load": load, "load2": load**2, "isl": isl, "isl2": isl**2, "osl": osl,
        "spread": np.log2(s.prefill_gpus) / 2.0 - 1.0, "prompt": size, "queue": queue, "queue2": queue**2,
        "load_isl": load * isl, "load_osl": load * osl, "load_prompt": load * size,
    }  # fmt: skip
    return Rows(parts=parts, features=features, labels=labels(settings))


def labels(settings: Sequence[Setting]) -> dict[str, list[str]]:
    """The names that levels are made of."""
    return {
        "backend": [one.backend for one in settings],
        "system": [one.system for one in settings],
        "model": [one.model for one in settings],
        "precision": [one.precision for one in settings],
        "mode": [one.mode for one in settings],
        "known": ["told" if one.known else "guessed" for one in settings],
        "version": [one.version for one in settings],
        "gpus": [str(one.gpus) for one in settings],
        "parallel": [_parallel(one) for one in settings],
        "mixture": ["experts" if model(one.model).experts else "dense" for one in settings],
    }


def _parallel(one: Setting) -> str:
    return ("e" if one.expert_parallel else "") + ("d" if one.data_parallel else "") or "t"
