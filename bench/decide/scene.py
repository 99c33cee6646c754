"""A fleet at work and an index that knows a million blocks."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from policies.fleet import Fleet, Replica
from policies.native.index import BlockBuffer, NativeIndex
from policies.native.placer import Placer
from policies.perf.profiles import latency_model
from policies.policy import routing

BLOCKS = 256  # of one prompt
BLOCK_TOKENS = 16
KNOWN = 1_000_000  # blocks the index knows in all
PROMPTS = 256  # different ones in turn, so that a look-up is not of what the last one warmed
SHARED, COMMON = 32, 128  # leading blocks of a prompt that everybody, or one replica in eight, holds
WHOLE = 4  # replicas that hold all of a prompt
MODEL = "llama-3.1-8b"
GPUS = ("h100-sxm", "a100-80", "l40s")

Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Everything one measurement needs."""

    placer: Placer
    prompts: list[Hashes]


def typical(replicas: int) -> Scene:
    """Every replica holds the system prompt, one in eight the next 96 blocks, four all 256."""
    rng = np.random.default_rng(replicas)
    shared = draw(rng, SHARED)
    prompts = [np.concatenate([shared, draw(rng, BLOCKS - SHARED)]) for _ in range(PROMPTS)]
    index = empty_index(replicas)
    for row in range(replicas):
        index.store(row, shared)
    for turn, prompt in enumerate(prompts):
        for row in range(turn % 8, replicas, 8):
            index.store(row, prompt[:COMMON])
        for row in rng.choice(replicas, WHOLE, replace=False):
            index.store(int(row), prompt)
    return scene(rng, replicas, index, prompts)


def worst(replicas: int) -> Scene:
    """Every replica's prefix ends elsewhere, so none drops out early and all must be told apart."""
    rng = np.random.default_rng(replicas)
    prompts = [draw(rng, BLOCKS) for _ in range(PROMPTS)]
    index = empty_index(replicas)
    for prompt in prompts:
        for place, row in enumerate(rng.permutation(replicas)):
            index.store(int(row), prompt[: -(-BLOCKS * (place + 1) // replicas)])
    return scene(rng, replicas, index, prompts)


CASES = {"typical": typical, "worst": worst}


def empty_index(replicas: int) -> NativeIndex:
    """As a router keeps it."""
    return NativeIndex(1 << 20, replicas=replicas, generations=2)


def draw(rng: np.random.Generator, count: int) -> Hashes:
    """So many block hashes that nobody else has."""
    return rng.integers(2, 1 << 63, count, dtype=np.uint64)


def scene(rng: np.random.Generator, replicas: int, index: NativeIndex, prompts: list[Hashes]) -> Scene:
    """Fill the index up to a million blocks and put the policy over it."""
    for row in range(replicas):
        missing = KNOWN - len(index)
        index.store(row, draw(rng, missing // (replicas - row)))
    placer = Placer(routing("shortest_ttft"), busy_fleet(rng, replicas), index, BlockBuffer())
    return Scene(placer=placer, prompts=prompts)


def busy_fleet(rng: np.random.Generator, replicas: int) -> Fleet:
    """Replicas of one model on three kinds of GPU, each with work of its own."""
    fleet, perfs = Fleet(replicas), [latency_model(gpu, MODEL) for gpu in GPUS]
    for i in range(replicas):
        kind = i % len(GPUS)
        fleet.add(
            Replica(name=f"replica-{i}", address="", pool=GPUS[kind], model=MODEL, gpu=GPUS[kind], perf=perfs[kind])
        )
    columns = fleet.columns
    columns.ready[:] = 1.0
    columns.running[:] = rng.integers(0, 64, replicas)
    columns.waiting[:] = rng.integers(0, 4, replicas)
    columns.queued_tokens[:] = columns.waiting * 1500.0
    columns.context_tokens[:] = columns.running * 1200.0
    columns.kv_used[:] = columns.context_tokens + columns.queued_tokens
    return fleet
