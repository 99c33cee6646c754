"""The same scenarios through Weir's latency models: whole replicas priced and powered as all their GPUs."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from bench.fleet_sim.scenes import LONG, SHORT, one
from policies.perf.latency import LatencyModel
from policies.perf.profiles import latency_model
from sims.analytic.lengths import published
from sims.analytic.paper import sizing
from sims.analytic.paper.cards import card
from sims.analytic.paper.conventions import PRINTED
from sims.analytic.paper.disaggregation import cheapest_pair, pairs
from sims.analytic.paper.service import serve, upto
from sims.analytic.paper.sizing import Split
from sims.analytic.size import DECODE, FleetSize, PoolSize, disaggregated, one_pool, two_pools
from sims.analytic.slo import Infeasible, Slo
from sims.analytic.traffic import Traffic

KINDS = {
    "a100": ("a100-80", "llama-3.1-70b", 8),
    "h100": ("h100-sxm", "llama-3.1-70b", 8),
    "a10g": ("a10g", "llama-3.1-8b", 1),
}
"""What each hand-set card stands for: GPU, model, GPUs a replica."""

DEADLINE_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Some traffic on a short and a long pool, or on one; apart means prefill on the first and decode on the second."""

    lengths: str
    rate: float
    kinds: tuple[str, str]
    context: int
    boundary: int = 0
    apart: bool = False
    deadline_s: float = DEADLINE_S

    @property
    def name(self) -> str:
        """How it is called in the figures."""
        pools = " ".join(self.kinds if self.apart or self.boundary else self.kinds[:1])
        layout = "apart" if self.apart else f"at {self.boundary}" if self.boundary else "one pool"
        return f"{self.lengths} {self.rate:g}/s {pools} {layout}"


SCENES = (
    Scene(lengths="lmsys", rate=100.0, kinds=("a100", "a100"), context=LONG),
    Scene(lengths="lmsys", rate=100.0, kinds=("a100", "a100"), context=LONG, boundary=4096),
    Scene(lengths="azure", rate=200.0, kinds=("a100", "a100"), context=SHORT),
    Scene(lengths="azure", rate=200.0, kinds=("a100", "a100"), context=SHORT, boundary=3072),
    Scene(lengths="agent", rate=200.0, kinds=("a100", "a100"), context=LONG),
    Scene(lengths="agent", rate=200.0, kinds=("a100", "a100"), context=LONG, boundary=16384),
    Scene(lengths="agent", rate=20.0, kinds=("h100", "h100"), context=LONG, deadline_s=1.0),
    Scene(lengths="agent", rate=20.0, kinds=("h100", "h100"), context=LONG, boundary=4096, deadline_s=1.0),
    Scene(lengths="azure", rate=100.0, kinds=("h100", "h100"), context=SHORT),
    Scene(lengths="azure", rate=100.0, kinds=("a10g", "a10g"), context=SHORT),
    Scene(lengths="azure", rate=100.0, kinds=("a10g", "h100"), context=SHORT, boundary=4096),
    Scene(lengths="azure", rate=100.0, kinds=("a100", "h100"), context=SHORT, apart=True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One scenario in both modes."""

    scene: Scene
    paper: tuple[int, ...]  # instances a pool
    paper_kusd: float
    physical: FleetSize | None  # None where it cannot be had, for the reason in `why`
    why: str

    @property
    def told(self) -> str:
        """One line: instances, dollars, first token, and why they differ."""
        paper = f"{_plus(self.paper)} instances ${self.paper_kusd:,.0f}K"
        if self.physical is None:
            return f"paper {paper}; physical none: {self.why}"
        fleet = self.physical
        replicas = _plus(tuple(pool.replicas for pool in fleet.pools))
        first_s = max(pool.load.ttft.quantile(0.99) for pool in fleet.pools if pool.role != DECODE)
        kept = "kept" if first_s <= self.scene.deadline_s else "missed"
        return (
            f"paper {paper}; physical {replicas} replicas of {fleet.gpus} GPUs ${fleet.dollars_per_year / 1e3:,.0f}K, "
            f"TTFT p99 {first_s:.2g} s ({self.scene.deadline_s:g} s {kept}), {fleet.tokens_per_joule:.3g} tok/J; "
            f"{self.why}"
        )


def _plus(counts: tuple[int, ...]) -> str:
    return "+".join(str(count) for count in counts)


def model(kind: str) -> LatencyModel:
    """The replica that a hand-set card stands for, at that card's price a GPU."""
    gpu, served, gpus = KINDS[kind]
    return latency_model(gpu, served, gpus, price_per_gpu_hour=card(kind).price_per_hour)


def compare(scene: Scene) -> Compared:
    """A scenario in both modes."""
    counts, kusd = _paper(scene)
    try:
        fleet = _physical(scene)
    except Infeasible as error:
        return Compared(scene=scene, paper=counts, paper_kusd=kusd, physical=None, why=str(error))
    why = "; ".join(_why(scene, pool, at) for at, pool in enumerate(fleet.pools))
    return Compared(scene=scene, paper=counts, paper_kusd=kusd, physical=fleet, why=why)


def compared() -> Iterator[Compared]:
    """Every scenario."""
    return map(compare, SCENES)


def _paper(scene: Scene) -> tuple[tuple[int, ...], float]:
    lengths, (short, long) = published(scene.lengths), (card(kind) for kind in scene.kinds)
    if scene.apart:
        best = cheapest_pair(pairs(lengths, short, long, scene.context), scene.rate, 0.5, 0.1)
        best = best or cheapest_pair(pairs(lengths, short, long, scene.context), scene.rate, inf, inf)
        assert best is not None
        return (best.prefills, best.decodes), best.dollars_per_hour * 8.760
    if not scene.boundary:
        fleet = one(lengths, scene.rate, short, scene.context, PRINTED, scene.deadline_s * 1e3)
        return (fleet.cards,), fleet.dollars_per_year / 1e3
    split = Split(
        short=short, long=long, boundary=scene.boundary, long_context=scene.context,
        deadline_ms=scene.deadline_s * 1e3, conventions=PRINTED,
    )  # fmt: skip
    fleet = sizing.size(lengths, scene.rate, split)
    return (fleet.short.cards, fleet.long.cards), fleet.dollars_per_year / 1e3


def _physical(scene: Scene) -> FleetSize:
    """By load and memory alone; what becomes of the deadline is told, because many cannot keep it at any size."""
    traffic = Traffic.from_totals(published(scene.lengths), scene.rate)
    short, long = (model(kind) for kind in scene.kinds)
    if scene.apart:
        return disaggregated(traffic, short, long, Slo())
    if scene.boundary:
        return two_pools(traffic, short, long, Slo(), boundary=scene.boundary)
    return one_pool(traffic, short, Slo())


def _why(scene: Scene, pool: PoolSize, at: int) -> str:
    """What a replica does in each mode."""
    load, kind = pool.load, scene.kinds[at if scene.boundary or scene.apart else 0]
    paper = "" if scene.apart else f" (paper {_paper_rate(scene, at):.3g})"
    told = [f"{kind} finishes {load.capacity / pool.replicas:.3g} requests/s a replica{paper}"]
    if load.demand.prefills:
        told.append(f"prompts take {100.0 * load.prefill_share:.0f} % of its time")
    if load.demand.decodes:
        told.append(f"{load.tpot.mean_s * 1e3:.0f} ms a token at {load.batch:.0f} running")
    if load.demand.concurrency < load.demand.model.max_seqs:
        told.append(f"memory for {load.demand.concurrency} at once")
    return ", ".join(told)


def causes() -> dict[str, str]:
    """Why the modes differ, in figures of the A100 scenes."""
    paper, real, context = card("a100"), model("a100"), 2048.0
    chunk, batch = paper.chunk_tokens, paper.slots(SHORT)
    added_ms = 1e3 * (real.step(batch, batch * context, chunk) - real.decode_seconds(batch, batch * context))
    split = {scene.boundary: compare(scene) for scene in SCENES if (scene.lengths, scene.rate) == ("lmsys", 100.0)}
    gpus = [one.physical.gpus for one in split.values() if one.physical is not None]
    return {
        "why dollars": f"an instance is Llama-3-70B on {real.gpus} GPUs at the price and watts of one; here it has all",
        "why prompts": f"{chunk} prompt tokens are billed as one more decode step, at no cost to others; computing "
        f"them holds up the {batch} others {added_ms:.0f} ms",
        "why splitting": "a slot sets aside the longest context of its pool, so a short pool has many more; an engine "
        f"pages memory, and the split of LMSYS at 4,096 goes from {gpus[0]} to {gpus[1]} GPUs",
        "why first tokens": "a deadline is held against the wait and the mean prompt alone on its card; here against "
        "the p99 of waits, the steps in between and the prompt itself",
        "why small cards": "a10g has 32,768 blocks of memory there, 524,288 tokens; beside an 8B model's weights "
        f"{model('a10g').kv_tokens:,} fit",
    }


def _paper_rate(scene: Scene, at: int) -> float:
    lengths, kind = published(scene.lengths), card(scene.kinds[at])
    last = scene.boundary if scene.boundary and at == 0 else scene.context
    if scene.boundary and at == 1:
        points = [(tokens, share) for tokens, share in upto(lengths.above(scene.boundary), LONG)]
        return serve(points, scene.context, kind, PRINTED, floor=scene.boundary + 1).rate
    return serve(upto(lengths, last), last, kind, PRINTED).rate
