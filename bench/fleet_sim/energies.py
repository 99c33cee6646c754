"""The tables of power and tokens a joule computed anew, each under conventions of choice."""

from bench.fleet_sim.printed import Found
from bench.fleet_sim.scenes import LONG, SHORT, Figures
from sims.analytic.lengths import published
from sims.analytic.paper import energy
from sims.analytic.paper.cards import HandSet, card
from sims.analytic.paper.computed import Computed, gpu, shape
from sims.analytic.paper.conventions import CORRECTED, Conventions
from sims.analytic.paper.flex import curtail
from sims.analytic.paper.service import whole

MODELS = (
    ("llama-8b", 1, 2.0, 0.0),
    ("llama-70b", 8, 2.0, 0.0),
    ("llama-405b", 8, 2.0, 0.0),
    ("qwen3-235b", 8, 2.0, 22e9),
    ("deepseek-v3", 8, 1.0, 37e9),
)
"""Name, GPUs, bytes a value, active parameters where a step is said to read those alone."""


def tokens_per_joule(conventions: Conventions) -> Found:
    cases = [(name, kind) for name in ("azure", "lmsys") for kind in ("h100", "a100", "a10g")]
    return {f"{name} {kind}": _pool(name, card(kind), conventions) for name, kind in cases}


def _pool(name: str, kind: HandSet, conventions: Conventions) -> Figures:
    one = energy.pool(whole(published(name)), 100.0, kind, SHORT, conventions)
    return {
        "tokens_per_joule": one.tokens_per_joule, "cards": one.cards, "utilisation": one.utilisation,
        "watts": one.watts, "p99_ms": one.p99_ms,
    }  # fmt: skip


def tokens_per_joule_parted(conventions: Conventions) -> Found:
    found = {}
    for name, boundary in (("azure", 4096), ("lmsys", 2048)):
        pools = (card("a10g"), SHORT), (card("h100"), SHORT)
        parted = energy.together(energy.parted(published(name), 100.0, boundary, *pools, conventions))[2]
        alone = _pool(name, card("h100"), conventions)["tokens_per_joule"]
        gain = 100.0 * (parted / alone - 1.0)
        found[f"{name} {boundary}"] = {"tokens_per_joule": parted, "gain_percent": gain}
    return found


def flex(conventions: Conventions) -> Found:
    return {str(share): _flex(200.0, 40, "h100", share, conventions) for share in (0, 10, 20, 30, 40, 50)}


def flex_a100(conventions: Conventions) -> Found:
    return {str(share): _flex(100.0, 15, "a100", share, conventions) for share in (5, 10, 25)}


def _flex(rate: float, cards: int, kind: str, share: int, conventions: Conventions) -> Figures:
    one = curtail(published("azure"), rate, cards, card(kind), share / 100.0, conventions=conventions)
    return {"batch": one.batch, "watts": one.watts, "kilowatts": one.kilowatts, "p99_ms": one.p99_ms}


def context(_: Conventions) -> Found:
    h100, b200 = card("h100"), energy.b200()
    return {
        str(tokens): {
            "h100_slots": h100.slots(tokens), "h100": energy.full(h100, tokens),
            "b200_slots": b200.slots(tokens), "b200": energy.full(b200, tokens),
        }
        for tokens in (2048, 4096, 8192, 16384, 32768, 65536, 131072)
    }  # fmt: skip


def architecture(conventions: Conventions) -> Found:
    return {
        name: {kind: _computed(kind, name, gpus, width, active, conventions) for kind in ("h100", "b200")}
        for name, gpus, width, active in MODELS
    }


def _computed(kind: str, model: str, gpus: int, width: float, active: float, conventions: Conventions) -> float:
    one = Computed(
        gpu=gpu(kind), shape=shape(model), gpus=gpus, bytes_per_value=width, active_params=active,
        conventions=conventions,
    )  # fmt: skip
    return energy.full(one, SHORT)


def topology(conventions: Conventions) -> Found:
    found: dict[str, Figures] = {}
    for name, boundary in (("azure", 4096), ("lmsys", 1536)):
        for kind, one in (("h100", card("h100")), ("b200", energy.b200())):
            found |= _topologies(f"{name} {kind}", name, boundary, one, conventions)
    return found


def _topologies(label: str, name: str, boundary: int, one: HandSet, conventions: Conventions) -> dict[str, Figures]:
    lengths, rate, pools = published(name), 1000.0, ((one, boundary), (one, LONG))
    layouts = {
        "one": [energy.pool(whole(lengths), rate, one, LONG, conventions)],
        "two": energy.parted(lengths, rate, boundary, *pools, conventions),
        "gamma": energy.parted(lengths, rate, 2 * boundary, *pools, conventions),
    }
    base = energy.together(layouts["one"])[2]
    found = {}
    for layout, built in layouts.items():
        instances, kilowatts, tokens = energy.together(built)
        found[f"{label} {layout}"] = {
            "instances": instances, "kilowatts": kilowatts, "tokens_per_joule": tokens,
            "gain_percent": 100.0 * (tokens / base - 1.0),
        }  # fmt: skip
    return found


def loaded(conventions: Conventions) -> Found:
    small = Computed(gpu=gpu("h100"), shape=shape("llama-8b"), gpus=1, conventions=conventions)
    return {
        "llama-70b 8192": {"tokens_per_joule": energy.loaded(card("h100"), SHORT)},
        "llama-70b 65536": {"tokens_per_joule": energy.loaded(card("h100"), LONG)},
        "llama-8b 8192": {"tokens_per_joule": energy.loaded(small, SHORT)},
    }


def generation(conventions: Conventions) -> Found:
    found = {}
    for kind in ("h100", "h200", "b200", "gb200"):
        one = Computed(gpu=gpu(kind), shape=shape("llama-70b"), gpus=8, conventions=conventions)
        slots = one.slots(SHORT)
        found[kind] = {
            "step_ms": one.step_s * 1e3, "slots": slots, "watts": one.watts(slots),
            "tokens_per_joule": energy.full(one, SHORT),
        }  # fmt: skip
    return found


def per_gpu(_: Conventions) -> Found:
    found = {}
    for kind in ("h100", "h200", "b200", "gb200"):
        one = Computed(gpu=gpu(kind), shape=shape("llama-70b"), gpus=8, conventions=CORRECTED)
        found[kind] = {"slots": one.slots(SHORT), "tokens_per_joule": energy.full(one, SHORT) / one.gpus}
    return found


def per_gpu_context(_: Conventions) -> Found:
    return {str(tokens): {"tokens_per_joule": energy.full(card("h100"), tokens) / 8} for tokens in (SHORT, LONG)}
