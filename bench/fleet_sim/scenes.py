"""The tables computed anew, each under conventions of choice: cards, pools and routing."""

from itertools import product

from bench.fleet_sim.printed import Found
from sims.analytic import spares
from sims.analytic.lengths import LengthCdf, published
from sims.analytic.paper import sizing
from sims.analytic.paper.cards import Card, card
from sims.analytic.paper.computed import Computed, gpu, shape
from sims.analytic.paper.conventions import Conventions
from sims.analytic.paper.disaggregation import cheapest_pair, pairs
from sims.analytic.paper.sizing import Fleet, Split

SHORT, LONG = 8192, 65_536
YEAR_K = 8.760  # thousand hours

Figures = dict[str, float]


def slots(_: Conventions) -> Found:
    return {str(context): {"a100": card("a100").slots(context)} for context in (2048, 4096, 8192, 16384, 65536)}


def watts(_: Conventions) -> Found:
    cases = [(name, batch) for name in ("h100", "a100") for batch in (1, 4, 16, 32, 64, 128)]
    return {f"{name} {batch}": {"watts": card(name).watts(batch)} for name, batch in cases}


def annual(_: Conventions) -> Found:
    return {name: {"kusd": card(name).price_per_hour * YEAR_K} for name in ("a10g", "a100", "h100")}


def computed(conventions: Conventions) -> Found:
    cases = [*((name, "llama-70b", 8) for name in ("a100", "h100", "h200", "b200")), ("h100", "llama-8b", 1)]
    return {f"{name} {model} {gpus}": _computed(name, model, gpus, conventions) for name, model, gpus in cases}


def _computed(name: str, model: str, gpus: int, conventions: Conventions) -> Figures:
    one = Computed(gpu=gpu(name), shape=shape(model), gpus=gpus, conventions=conventions)
    return {"step_ms": one.step_s * 1e3, "slots": one.slots(SHORT)}


def figures(fleet: Fleet, against: Fleet | None = None) -> Figures:
    """All that a table may print of a fleet; the saving is over another one."""
    saving = 0.0 if against is None else 1.0 - fleet.dollars_per_hour / against.dollars_per_hour
    return {
        "cards": fleet.cards, "short": fleet.short.cards, "long": fleet.long.cards, "keeps": float(fleet.keeps),
        "kusd": fleet.dollars_per_year / 1e3, "saving_percent": 100.0 * saving, "p99_ms": fleet.short.p99_ms,
        "short_p99_ms": fleet.short.p99_ms, "long_p99_ms": fleet.long.p99_ms,
    }  # fmt: skip


def one(
    lengths: LengthCdf, rate: float, kind: Card, context: int, conventions: Conventions, ms: float = 500.0
) -> Fleet:
    """A single pool."""
    split = Split(short=kind, long=kind, boundary=context, deadline_ms=ms, conventions=conventions)
    return sizing.size(lengths, rate, sizing.alone(split, context))


def _pareto(name: str, rate: float, context: int, conventions: Conventions) -> Found:
    lengths, kind = published(name), card("a100")
    whole = one(lengths, rate, kind, context, conventions)
    found = {"one": figures(whole)}
    for boundary in map(int, lengths.tokens):
        if boundary < context and 0.01 <= lengths.share(boundary) <= 0.999:
            split = Split(short=kind, long=kind, boundary=boundary, long_context=context, conventions=conventions)
            found[str(boundary)] = figures(sizing.size(lengths, rate, split), whole)
    return found


def pareto_lmsys(conventions: Conventions) -> Found:
    return _pareto("lmsys", 100.0, LONG, conventions)


def pareto_azure(conventions: Conventions) -> Found:
    return _pareto("azure", 200.0, SHORT, conventions)


def pareto_agent(conventions: Conventions) -> Found:
    return _pareto("agent", 200.0, LONG, conventions)


def gamma(conventions: Conventions) -> Found:
    a100, azure = card("a100"), published("azure")
    split = Split(short=a100, long=a100, boundary=6144, conventions=conventions)
    found = {f"{g:.1f}": figures(fleet) for g, fleet in sizing.sweep(azure, 200.0, split).items()}
    lone = Split(short=a100, long=a100, boundary=1, conventions=conventions)
    return found | {"boundary 1": figures(sizing.size(azure, 200.0, lone))}


def agent_h100(conventions: Conventions) -> Found:
    h100, agent = card("h100"), published("agent")
    split = Split(short=h100, long=h100, boundary=4096, deadline_ms=1000.0, conventions=conventions)
    return {
        "one": figures(one(agent, 20.0, h100, LONG, conventions, 1000.0)),
        "4096": figures(sizing.size(agent, 20.0, split)),
    }


def _best(rate: float, kind: Card, conventions: Conventions) -> Figures:
    split = Split(short=kind, long=kind, boundary=4096, long_context=SHORT, conventions=conventions)
    return figures(sizing.cheapest(sizing.sweep(published("azure"), rate, split)))


def steps_h100(conventions: Conventions) -> Found:
    return {str(rate): _best(float(rate), card("h100"), conventions) for rate in (25, 50, 100, 150, 200, 300, 400)}


def compare(conventions: Conventions) -> Found:
    cases = [(name, rate) for name in ("a100", "h100", "a10g") for rate in (50, 100, 200)]
    return {f"{name} {rate}": _best(float(rate), card(name), conventions) for name, rate in cases}


def apart(conventions: Conventions) -> Found:
    azure = published("azure")
    found = {name: figures(one(azure, 100.0, card(name), SHORT, conventions)) for name in ("h100", "a100")}
    for names in ("h100 a100", "a100 h100", "h100 h100"):
        prefill, decode = (card(name) for name in names.split())
        best = cheapest_pair(pairs(azure, prefill, decode, SHORT), 100.0, 500.0, 100.0)
        if best is not None:
            found[names] = {
                "cards": best.cards, "prefill": best.prefills, "decode": best.decodes, "rate": best.rate,
                "kusd": best.dollars_per_hour * YEAR_K, "ttft_ms": best.ttft_ms, "tpot_ms": best.tpot_ms,
            }  # fmt: skip
    return found


def mixed(conventions: Conventions) -> Found:
    found = {"azure a100": figures(one(published("azure"), 100.0, card("a100"), SHORT, conventions))}
    for name, short, long in product(("azure", "lmsys"), ("a100", "a10g"), ("a100", "h100")):
        context = SHORT if name == "azure" else LONG
        split = Split(short=card(short), long=card(long), boundary=4096, long_context=context, conventions=conventions)
        found[f"{name} {short} {long}"] = figures(sizing.size(published(name), 100.0, split))
    return found


def availability(_: Conventions) -> Found:
    found = {f"0.0065 {hours}": {"value": spares.availability(0.0065, hours)} for hours in (4, 48)}
    cases = [(cards, up) for cards in (8, 25) for up in (0.987, 0.95)]
    return found | {f"{cards} at {up}": {"value": float(spares.stocked(cards, up))} for cards, up in cases}
