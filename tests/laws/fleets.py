"""Fleets in arbitrary but possible states, as hypothesis draws them and as numpy draws them by the thousand."""

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from policies.cached import Cached
from policies.fleet import (
    CONTEXT_TOKENS,
    DECODE,
    DISK,
    ENCODE,
    HBM,
    HOST,
    KV_TOKENS,
    KV_USED,
    LIMIT_TOKENS,
    MIXED,
    MODEL,
    POOL,
    PREFILL,
    QUEUED_ATTENDED,
    QUEUED_TOKENS,
    READY,
    REMOTE,
    ROLE,
    RUNNING,
    TIERS,
    TRANSFER_S,
    WAITING,
    Fleet,
    Replica,
    Table,
)
from policies.perf.profiles import latency_model
from policies.request import Ask

# Dense and mixture-of-experts models, slow and fast GPUs, one GPU and eight.
PROFILES = (
    ("l4", "qwen3-8b", 1),
    ("a10g", "llama-3.1-8b", 1),
    ("a100-80", "llama-3.1-8b", 1),
    ("h100-sxm", "llama-3.1-70b", 8),
    ("h100-sxm", "mixtral-8x7b", 2),
    ("h200", "qwen3-235b-a22b", 8),
    ("mi300x", "qwen3-30b-a3b", 1),
)
MOST = 16
"""Replicas of the largest fleet drawn."""


class Snapshot(NamedTuple):
    """What one decision sees."""

    ask: Ask
    table: Table
    cached: Cached
    names: tuple[str, ...]

    def permuted(self, order: list[int]) -> "Snapshot":
        """The same fleet with its replicas in another order."""
        names = tuple(self.names[i] for i in order)
        return self._replace(table=self.table[order], cached=self.cached[order], names=names)

    def changed(self, row: int, **columns: float) -> "Snapshot":
        """The same fleet with some columns of one replica added to."""
        table = self.table.copy()
        for name, more in columns.items():
            table[row, COLUMN[name]] += more
        return self._replace(table=table)


COLUMN = {
    "running": RUNNING, "waiting": WAITING, "queued_tokens": QUEUED_TOKENS, "context_tokens": CONTEXT_TOKENS,
    "kv_used": KV_USED, "queued_attended": QUEUED_ATTENDED,
}  # fmt: skip


@cache
def described() -> Table:
    """Shape [len(PROFILES), MOST, columns]: every profile's row at every place, idle and ready, under its own key."""
    fleets = []
    for gpu, model, gpus in PROFILES:
        fleet = Fleet(MOST)
        perf = latency_model(gpu, model, gpus)
        for i in range(MOST):
            fleet.add(Replica(name=name(i), address="h:1", pool="p", model="m", gpu=gpu, perf=perf))
        fleets.append(fleet.table.copy())
    table = np.stack(fleets)
    table[:, :, READY] = 1.0
    table[:, :, MODEL] = 0.0
    return table


def name(i: int) -> str:
    """The name of the replica first drawn at place i."""
    return f"replica-{i}"


@st.composite
def asks(draw: st.DrawFn) -> Ask:
    """A request for model 0."""
    return Ask(
        float(draw(st.integers(1, 2**31 - 1))),
        float(draw(st.one_of(st.just(0), st.integers(1, 2**31 - 1)))),
        0.0,
        float(draw(st.integers(1, 120_000))),
        float(draw(st.integers(0, 4096))),
        float(draw(st.integers(1, 2000))),
        draw(st.sampled_from((0.5, 2.0, 30.0))),
        draw(st.sampled_from((0.005, 0.03, 0.1))),
    )


@st.composite
def snapshots(draw: st.DrawFn, least: int = 0, most: int = 6, *, twins: bool = False) -> Snapshot:
    """A request and a fleet; `twins`: every replica is of the same kind and state, ready and eligible."""
    n, ask = draw(st.integers(least, most)), draw(asks())
    if twins:
        row, held = draw(rows(0, eligible=True)), draw(holdings(ask))
        pairs = [(row, held)] * n
    else:
        pairs = [(draw(rows(i)), draw(holdings(ask))) for i in range(n)]
    table = np.zeros((n, described().shape[2]))
    cached = np.zeros((n, TIERS))
    for i, (row, held) in enumerate(pairs):
        table[i], cached[i] = row, held
        table[i, 0] = described()[0, i, 0]
        table[i, POOL] = draw(st.sampled_from((0.0, 0.0, 1.0, 2.0))) if not twins else 0.0
    return Snapshot(ask, table, cached, tuple(name(i) for i in range(n)))


@st.composite
def rows(draw: st.DrawFn, place: int, *, eligible: bool = False) -> npt.NDArray[np.float64]:
    """One replica in some state."""
    row: npt.NDArray[np.float64] = described()[draw(st.integers(0, len(PROFILES) - 1)), place].copy()
    if eligible:
        row[LIMIT_TOKENS] = 1e6
    else:
        row[READY] = draw(st.sampled_from((1.0, 1.0, 1.0, 0.0)))
        row[MODEL] = draw(st.sampled_from((0.0, 0.0, 0.0, 1.0)))
        row[ROLE] = draw(st.sampled_from((MIXED, MIXED, MIXED, PREFILL, DECODE, ENCODE)))
    row[RUNNING], row[WAITING] = draw(st.integers(0, 40)), draw(st.integers(0, 10))
    each = draw(st.integers(1, 8000))
    row[QUEUED_TOKENS], row[QUEUED_ATTENDED] = row[WAITING] * each, row[WAITING] * each * each / 2
    row[CONTEXT_TOKENS] = row[RUNNING] * draw(st.integers(1, 8000))
    row[KV_USED] = min(row[QUEUED_TOKENS] + row[CONTEXT_TOKENS], row[KV_TOKENS])
    return row


@st.composite
def loads(draw: st.DrawFn) -> dict[str, float]:
    """Requests that a replica has beside the others: waiting ones with their prompts, running ones with context."""
    waiting, running = draw(st.integers(0, 5)), draw(st.integers(0, 20))
    each, context = draw(st.integers(1, 8000)), running * draw(st.integers(1, 8000))
    return {
        "waiting": waiting, "queued_tokens": waiting * each, "queued_attended": waiting * each * each / 2,
        "running": running, "context_tokens": context, "kv_used": waiting * each + context,
    }  # fmt: skip


@st.composite
def holdings(draw: st.DrawFn, ask: Ask) -> npt.NDArray[np.float64]:
    """Leading tokens held in each tier: never falling from tier to tier, at most the prompt."""
    shares = sorted(draw(st.tuples(*[st.sampled_from((0.0, 0.0, 0.25, 0.5, 1.0))] * TIERS)))
    held: npt.NDArray[np.float64] = np.floor(np.array(shares) * ask.prompt_tokens)
    return held


def many(rng: np.random.Generator, cases: int, n: int) -> tuple[npt.NDArray[np.float64], Table, Cached]:
    """So many requests (shape [cases, 8]), fleets of n ([cases, n, columns]) and what they hold ([cases, n, tiers])."""
    asked = np.column_stack((
        rng.integers(1, 2**31, cases), rng.integers(1, 2**31, cases) * (rng.random(cases) < 0.5), np.zeros(cases),
        np.floor(np.exp(rng.uniform(0.0, 11.5, cases))), rng.integers(0, 4096, cases), rng.integers(1, 2000, cases),
        rng.choice((0.5, 2.0, 30.0), cases), rng.choice((0.005, 0.03, 0.1), cases),
    )).astype(np.float64)  # fmt: skip
    tables = described()[rng.integers(0, len(PROFILES), (cases, n)), np.arange(n)]
    _occupy(rng, tables, (cases, n))
    shares = np.sort(rng.choice((0.0, 0.0, 0.25, 0.5, 1.0), (cases, n, TIERS)), axis=2)
    return asked, tables, np.floor(shares * asked[:, 3, None, None])


def _occupy(rng: np.random.Generator, tables: Table, shape: tuple[int, int]) -> None:
    """Put every replica into some state; one fleet in four has an idle look-alike of each, so that ties are common."""
    tables[..., READY] = rng.random(shape) < 0.8
    tables[..., MODEL] = rng.random(shape) < 0.15
    # Half the fleets have roles apart, the others hardly any.
    apart = rng.random((shape[0], *[1] * (len(shape) - 1))) < 0.5
    tables[..., ROLE] = np.where(rng.random(shape) < np.where(apart, 0.4, 0.95), MIXED, rng.integers(1, 4, shape))
    slower = np.where(rng.random(shape) < 0.3, 10.0 ** rng.uniform(0.0, 3.0, shape), 1.0)
    tables[..., TRANSFER_S] *= slower
    busy = rng.random(shape) < 0.75
    tables[..., RUNNING] = rng.integers(0, 300, shape) * (rng.random(shape) < 0.7) * busy
    tables[..., WAITING] = rng.integers(0, 20, shape) * (rng.random(shape) < 0.5) * busy
    each = rng.integers(1, 16000, shape)
    tables[..., QUEUED_TOKENS] = tables[..., WAITING] * each
    tables[..., QUEUED_ATTENDED] = tables[..., WAITING] * each * each / 2
    tables[..., CONTEXT_TOKENS] = tables[..., RUNNING] * rng.integers(1, 16000, shape)
    held = tables[..., QUEUED_TOKENS] + tables[..., CONTEXT_TOKENS]
    tables[..., KV_USED] = np.minimum(held, tables[..., KV_TOKENS])
    tables[..., POOL] = rng.integers(0, 3, shape)


assert (HBM, HOST, DISK, REMOTE) == (0, 1, 2, 3)
