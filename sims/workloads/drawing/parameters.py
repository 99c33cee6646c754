"""A generator's published figures, from the TOML file beside it."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sims.workloads.drawing.lengths import Quantiles

FOLDER = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """The figures, as the TOML file groups them."""

    prompt: Quantiles
    output: Quantiles
    published: dict[str, Any]  # what a generated stream must show
    shape: dict[str, float]  # what was tuned so that it does


@cache
def parameters(name: str) -> Parameters:
    """The parameters of the workload of that name."""
    table = tomllib.loads((FOLDER / f"{name}.toml").read_text())
    return Parameters(
        prompt=Quantiles.of(table["prompt"]["quantiles"]),
        output=Quantiles.of(table["output"]["quantiles"]),
        published=table["published"],
        shape=table.get("shape", {}),
    )
