"""What a deployment's time goes into, from datasheets alone: the terms that fitted constants then scale."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from policies.perf.profiles import gpu, model
from sims.calibrate.silicon.setting import WIDTHS, Setting

Numbers = npt.NDArray[np.float64]

LAYER_S = 20e-6
JOIN_LAYER_S = 10e-6
HOST_S = 20e-6
PASS_LAYER_S = 50e-6
"""Seconds, in round numbers: a layer's launch, joining GPUs, host work a sequence, a layer of a prefill pass."""

USED = 0.88
"""Of memory, by weights and KV."""

KV_WIDTH = {"bf16": 1.0, "fp8": 0.65, "fp4": 0.65, "int4": 0.65}
"""KV bytes over 16-bit ones: quantised deployments keep it in 8 or 16 bits, which the sheets do not tell."""

NOTHING_S = 1e-9
SATURATED = 0.5
"""Share of the prefilling GPUs' time, at half their peak arithmetic, above which prompts queue behind each other."""

MOST_GUESSED_WORKERS = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Columns over settings: what they are and what follows from it; each array is [settings]."""

    clients: Numbers
    isl: Numbers
    osl: Numbers
    gpus: Numbers
    prefill_gpus: Numbers
    layers: Numbers
    hidden: Numbers
    active: Numbers  # parameters a token meets
    shared: Numbers  # parameters every step reads
    total: Numbers
    experts: Numbers
    top_k: Numbers
    expert_params: Numbers
    attention_flops: Numbers
    kv_bytes: Numbers  # of one token, over all the GPUs that hold a copy
    width: Numbers  # bytes a weight
    reading: Numbers  # bytes a second of one GPU
    flops: Numbers  # of one GPU at that precision
    bf16_flops: Numbers
    link: Numbers
    room: Numbers  # KV tokens of one decode worker
    workers: Numbers  # that decode, guessed where not told
    prefill_workers: Numbers
    split: Numbers  # 1 for disagg
    copies: Numbers  # 1 where attention is data parallel

    @property
    def running(self) -> Numbers:
        """Clients of a decode worker, no more than its KV holds."""
        return np.minimum(self.clients / self.workers, np.maximum(self.room / self.held, 1.0))

    @property
    def held(self) -> Numbers:
        """Tokens a sequence holds on average while it decodes."""
        return self.isl + self.osl / 2

    @property
    def overflowing(self) -> npt.NDArray[np.bool_]:
        """Whether the clients' full requests outgrow the KV memory."""
        return self.clients / self.workers * (self.isl + self.osl) > self.room


def scene(settings: Sequence[Setting]) -> Scene:
    """The columns of some settings; raises UnknownProfile."""
    rows = [_row(one) for one in settings]
    return Scene(**{f.name: np.array([row[f.name] for row in rows], dtype=np.float64) for f in fields(Scene)})


def _row(one: Setting) -> dict[str, float]:
    card, shape, width = gpu(one.system), model(one.model), WIDTHS[one.precision]
    spread = 1.0 if one.data_parallel and shape.kv_heads == 1 else shape.kv_copies(one.gpus)
    kv_bytes = shape.kv_bytes_per_token * KV_WIDTH[one.precision] * spread
    free = card.memory_bytes * USED * one.gpus - shape.total_params * width
    room = max(free / kv_bytes, one.isl + one.osl)
    return {
        "clients": one.clients, "isl": one.isl, "osl": one.osl, "gpus": one.gpus, "prefill_gpus": one.prefill_gpus,
        "layers": shape.layers, "hidden": shape.hidden, "active": shape.active_params, "shared": shape.shared_params,
        "total": shape.total_params, "experts": shape.experts, "top_k": shape.top_k,
        "expert_params": shape.expert_params, "attention_flops": shape.attention_flops, "kv_bytes": kv_bytes,
        "width": width, "reading": card.memory_bytes_per_s, "flops": _flops(one), "bf16_flops": card.bf16_flops,
        "link": card.link_bytes_per_s, "room": room, "workers": _workers(one, room),
        "prefill_workers": one.prefill_workers, "split": one.mode == "disagg", "copies": one.data_parallel,
    }  # fmt: skip


def _flops(one: Setting) -> float:
    card = gpu(one.system)
    if one.precision == "fp4" and card.memory_bytes_per_s > 7e12:
        return 4.0 * card.bf16_flops
    return 2.0 * card.bf16_flops if one.precision == "fp8" else card.bf16_flops


def _workers(one: Setting, room: float) -> float:
    """Decode workers: those told; else four to six small ones for few clients and one large one for many, as in the
    recipes that tell, and enough for the clients' KV."""
    if one.known:
        return float(one.workers)
    load = np.log2(one.clients / one.gpus)
    usual = 2.0 ** (2.83 + 0.074 * load - 0.51 * np.log2(one.gpus) - 0.0162 * load**2)
    guessed = 1.0 if one.gpus >= 16 else min(max(usual, 1.0), MOST_GUESSED_WORKERS)
    return float(max(guessed, one.clients * (one.isl + one.osl / 2) / room / 0.9))


def prompt_parts(s: Scene) -> tuple[Numbers, Numbers, Numbers]:
    """Seconds of one prompt at peak figures: matrix products, attention, and the pass that it takes at least."""
    products = 2.0 * s.isl * s.active / (s.prefill_gpus * s.flops)
    attention = s.attention_flops * s.isl**2 / 2.0 / (s.prefill_gpus * s.bf16_flops)
    once = s.layers * PASS_LAYER_S + s.total * s.width / (s.prefill_gpus * s.reading)
    return products, attention, once


COMPONENTS = ("fixed", "weights", "context", "host", "join", "sequence", "products", "attention", "pass")


def step_parts(s: Scene) -> Numbers:
    """Seconds a token costs a client, part by part [settings, COMPONENTS]: decode steps, and the prompts of the other
    clients that are computed meanwhile on the same GPUs."""
    running = s.running
    chosen = np.where(s.experts > 0, 1.0 - s.top_k / np.maximum(s.experts, 1.0), 0.0)
    touched = np.where(s.experts > 0, s.experts * (1.0 - chosen**running), 0.0)
    dense = s.shared * s.width / np.where(s.copies > 0, 1.0, s.gpus)
    joined = s.gpus > 1
    prompts = [np.where(s.split > 0, NOTHING_S, running / s.osl * part) for part in prompt_parts(s)]
    parts = [
        s.layers * LAYER_S,
        (dense + touched * s.expert_params * s.width / s.gpus) / s.reading,
        running * s.held * s.kv_bytes / (s.gpus * s.reading),
        running * HOST_S,
        np.where(joined, s.layers * JOIN_LAYER_S, NOTHING_S),
        running * (2.0 * s.active / (s.gpus * s.flops) + np.where(joined, 4.0 * s.hidden * s.layers / s.link, 0.0)),
        *prompts,
    ]
    return np.stack(parts, axis=1)


def busy(s: Scene, tpot_s: Numbers) -> Numbers:
    """Share of the prefilling GPUs' time that prompts take, at half of peak, when tokens take `tpot_s`."""
    products, attention, _ = prompt_parts(s)
    prompts_per_s = s.clients / (s.osl * tpot_s)
    return np.asarray(prompts_per_s * (products + attention) / 0.5 / s.prefill_workers)
