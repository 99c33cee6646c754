"""The clock around one decision."""

from time import perf_counter_ns

import numpy as np

from bench.decide.scene import BLOCK_TOKENS, BLOCKS, Hashes, Scene
from policies.kv.index import BlockIndex
from policies.native.placer import Placer
from policies.request import Ask, Request, mix31


def compiled_us(scene: Scene, decisions: int) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Microseconds of each decision: what is asked, the look-up, the choice, and its prediction read back."""
    placer, taken = scene.placer, np.zeros(decisions)
    for turn in range(decisions):
        ready(placer, scene.prompts[turn % len(scene.prompts)])
        draw = float(mix31(turn, 1))
        begun = perf_counter_ns()
        placer.ask(draw, 0.0, 0.0, BLOCKS * BLOCK_TOKENS, 512.0, 200.0, 2.0, 0.1)
        placer.place_hashed(BLOCK_TOKENS, 0.0)
        told = placer.told
        _ = told[0], told[1], told[2], told[3], told[4]
        taken[turn] = perf_counter_ns() - begun
    return taken / 1e3


def plain_us(scene: Scene, decisions: int) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """The same in plain Python, over the same memory."""
    placer, taken = scene.placer, np.zeros(decisions)
    cached = np.zeros_like(placer.cached)
    for turn in range(decisions):
        hashes = scene.prompts[turn % len(scene.prompts)]
        ask = Ask(float(mix31(turn, 1)), 0.0, 0.0, BLOCKS * BLOCK_TOKENS, 512.0, 200.0, 2.0, 0.1)
        request = Request("", "", ask)
        begun = perf_counter_ns()
        BlockIndex.longest(placer.index, hashes, BLOCK_TOKENS, cached)
        placer.policy.decide(request, placer.fleet.table, cached, 0.0)
        taken[turn] = perf_counter_ns() - begun
    return taken / 1e3


def ready(placer: Placer, hashes: Hashes) -> None:
    """Put a prompt's hashes where hashing it would."""
    placer.blocks.array[: len(hashes)] = hashes
    placer.blocks.n = len(hashes)


def agrees(scene: Scene) -> bool:
    """Whether the compiled look-up and the plain one tell the same of the first prompt."""
    placer, hashes = scene.placer, scene.prompts[0]
    ready(placer, hashes)
    placer.ask(1.0, 0.0, 0.0, BLOCKS * BLOCK_TOKENS, 512.0, 200.0, 2.0, 0.1)
    placer.place_hashed(BLOCK_TOKENS, 0.0)
    cached = np.zeros_like(placer.cached)
    BlockIndex.longest(placer.index, hashes, BLOCK_TOKENS, cached)
    return bool((cached == placer.cached).all())
