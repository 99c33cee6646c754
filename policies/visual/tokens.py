"""Visual tokens of one image, family by family: what the released processors count, re-implemented and checked there.

`round` is to even, as theirs.
"""

from collections.abc import Callable
from math import ceil, floor, sqrt
from typing import Any

from policies.visual.encoder import encoder

Rule = Callable[..., tuple[int, int]]
"""(width, height, the rule's settings) → tokens that the encoder makes, tokens that they take in the prompt."""


class BadImage(ValueError):
    """An image that the model would refuse; one sentence."""


def visual_tokens(family: str, width: int, height: int) -> int:
    """Tokens that the encoder makes of an image; raises UnknownProfile, BadImage."""
    return _counted(family, width, height)[0]


def prompt_tokens(family: str, width: int, height: int) -> int:
    """Tokens that an image takes in the prompt, row breaks and tile marks included; raises UnknownProfile, BadImage."""
    return _counted(family, width, height)[1]


def _counted(family: str, width: int, height: int) -> tuple[int, int]:
    if width < 1 or height < 1:
        raise BadImage(f"an image of {width} x {height} pixels: both must be at least 1")
    rule: dict[str, Any] = dict(encoder(family).rule)
    return RULES[rule.pop("kind")](width, height, **rule)


def fixed(width: int, height: int, tokens: int) -> tuple[int, int]:
    """Every image is scaled to one size."""
    return tokens, tokens


def resized(width: int, height: int, unit: int, least_pixels: int, most_pixels: int) -> tuple[int, int]:
    """Qwen: both sides to a multiple of the unit, the area kept within bounds; a token a square of the unit."""
    if max(width, height) > 200 * min(width, height):
        raise BadImage(f"an image of {width} x {height} pixels: one side may be at most 200 times the other")
    high, wide = round(height / unit) * unit, round(width / unit) * unit
    if high * wide > most_pixels:
        by = sqrt(height * width / most_pixels)
        high, wide = (max(unit, floor(side / by / unit) * unit) for side in (height, width))
    elif high * wide < least_pixels:
        by = sqrt(least_pixels / (height * width))
        high, wide = (ceil(side * by / unit) * unit for side in (height, width))
    tokens = (high // unit) * (wide // unit)
    return tokens, tokens


def by_ratio(width: int, height: int, tile: int, tile_tokens: int, most_tiles: int) -> tuple[int, int]:
    """InternVL: the grid of tiles nearest to the image's shape, and a thumbnail beside more than one."""
    grids = [(i, j) for i in range(1, most_tiles + 1) for j in range(1, most_tiles + 1) if i * j <= most_tiles]
    best, least = (1, 1), float("inf")
    for i, j in sorted(grids, key=lambda grid: grid[0] * grid[1]):
        off = abs(width / height - i / j)
        if off < least or (off == least and width * height > 0.5 * tile * tile * i * j):
            best, least = (i, j), off
    tiles = best[0] * best[1]
    tokens = tile_tokens * (tiles + (tiles > 1))
    return tokens, tokens


def rows(width: int, height: int, unit: int, most_side: int) -> tuple[int, int]:
    """Pixtral: shrunk to fit, a token a square of the unit, and a mark at each row's end."""
    by = max(width / most_side, height / most_side, 1.0)
    down, across = ceil(floor(height / by) / unit), ceil(floor(width / by) / unit)
    return down * across, down * (across + 1)


def by_scale(width: int, height: int, tile: int, tile_tokens: int, most_tiles: int) -> tuple[int, int]:
    """Llama 4: the grid that enlarges the image least, else the one that shrinks it least; and the whole beside it."""
    grids = [(a, b) for a in range(1, most_tiles + 1) for b in range(1, most_tiles + 1) if a * b <= most_tiles]
    scales = {grid: min(grid[0] * tile / height, grid[1] * tile / width) for grid in grids}
    larger = [scale for scale in scales.values() if scale >= 1.0]
    chosen = min(larger) if larger else max(scales.values())
    down, across = min((grid for grid in grids if scales[grid] == chosen), key=lambda grid: grid[0] * grid[1])
    tiles = down * across
    tokens = tile_tokens * (tiles + (tiles > 1))
    marks = down * (across - 1) + down + 3 if tiles > 1 else 3
    return tokens, tokens + marks


def unpadded(width: int, height: int, tile: int, side: int, grids: tuple[tuple[int, int], ...]) -> tuple[int, int]:
    """LLaVA-NeXT: the grid that keeps most of the image, its padding cut off again, row breaks, and the whole image."""
    best, kept, wasted = (0, 0), -1, 0
    for high, wide in grids:
        by = min(wide / width, high / height)
        area = min(int(width * by) * int(height * by), width * height)
        waste = high * wide - area
        if area > kept or (area == kept and waste < wasted):
            best, kept, wasted = (high, wide), area, waste
    down, across = side * (best[0] // tile), side * (best[1] // tile)
    if width / height > across / down:
        down -= 2 * ((down - int(round(height * across / width, 7))) // 2)
    else:
        across -= 2 * ((across - int(round(width * down / height, 7))) // 2)
    tokens = down * across + side * side
    return tokens, tokens + down


RULES: dict[str, Rule] = {
    "fixed": fixed, "resized": resized, "by_ratio": by_ratio, "rows": rows, "by_scale": by_scale, "unpadded": unpadded,
}  # fmt: skip
