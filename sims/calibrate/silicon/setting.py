"""One measured deployment: what served what, to how many clients, and how fast."""

import csv
import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import NamedTuple


class BadMeasurement(ValueError):
    """A row that makes no sense; the message names file, row and what is wrong."""


SYSTEMS = {
    "h100_sxm": "h100-sxm", "h200_sxm": "h200", "b200_sxm": "b200", "b300_sxm": "b300", "gb200": "gb200",
    "gb300": "gb300",
}  # fmt: skip
MODELS = {
    "deepseek": "deepseek-v3", "kimi-k2": "kimi-k2.5", "minimax-m2": "minimax-m2.5", "gpt-oss-120b": "gpt-oss-120b",
    "qwen3.5-397b": "qwen3.5-397b-a17b", "qwen3-235b": "qwen3-235b-a22b", "qwen3-32b": "qwen3-32b",
    "qwen3-30b-a3b": "qwen3-30b-a3b", "qwen3-8b": "qwen3-8b", "glm-5": "glm-5", "llama-3.1-70b": "llama-3.1-70b",
    "llama-3.1-8b": "llama-3.1-8b", "mixtral-8x7b": "mixtral-8x7b",
}  # fmt: skip
"""What a model's path contains, in small letters, and our profile of it; R1 and V3 have one shape."""

WIDTHS = {"bf16": 2.0, "fp8": 1.0, "fp4": 0.5625, "int4": 0.53}
"""Bytes a weight, scales included."""


class Group(NamedTuple):
    """What is left out of a fit as a whole."""

    system: str
    model: str
    backend: str
    mode: str
    isl: int
    osl: int

    def __str__(self) -> str:
        return "|".join(map(str, self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A deployment under a closed loop of clients; times in seconds, counts of one worker unless said."""

    system: str  # profile of its GPU
    model: str  # profile of its model
    backend: str
    version: str
    precision: str
    mode: str  # agg, or disagg: prefill and decode on workers of their own
    isl: int  # prompt tokens
    osl: int  # output tokens
    gpus: int  # of a worker that decodes
    expert_parallel: bool
    data_parallel: bool  # attention
    workers: int  # that decode
    prefill_gpus: int
    prefill_workers: int
    clients: float  # of all workers together
    known: bool  # whether the numbers of workers are told; 1 stands where not
    ttft_s: float
    tpot_s: float
    told_model: str = field(default="", compare=False)  # as the sheet calls it: one measurement may have two names

    @property
    def group(self) -> Group:
        """The group it belongs to."""
        return Group(self.system, self.model, self.backend, self.mode, self.isl, self.osl)

    @property
    def told_group(self) -> Group:
        """The same as the sheet calls it: finer, for one model may have two names."""
        return self.group._replace(model=self.told_model)


def read(path: Path) -> tuple[list[Setting], int]:
    """The settings of a CSV file and how many rows have unknown hardware or models; raises BadMeasurement, OSError."""
    with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as lines:
        found = [setting(row, f"{path.name}, row {number}") for number, row in enumerate(csv.DictReader(lines), 1)]
    return [one for one in found if one is not None], sum(one is None for one in found)


def setting(row: Mapping[str, str], where: str) -> Setting | None:
    """One row; None for hardware or a model without a profile. Raises BadMeasurement."""
    path = row["model_path"].lower()
    model = next((profile for part, profile in MODELS.items() if part in path), None)
    if row["system"] not in SYSTEMS or model is None:
        return None
    split = row["mode"] == "disagg"
    shape = _Shape(row, "decode_" if split else "")
    clients = _number(row, "concurrency", where) or _clients(row, where)
    return Setting(
        system=SYSTEMS[row["system"]],
        model=model,
        backend=row["backend"],
        version=row["backend_version"],
        precision=_precision(row["precision"], path),
        mode=row["mode"],
        isl=int(_needed(row, "isl", where)),
        osl=int(_needed(row, "osl", where)),
        gpus=shape.gpus if split else shape.deduced,
        expert_parallel=shape.experts > 1,
        data_parallel=shape.copies > 1,
        workers=_count(row, "decode_num_workers") if split else 1,
        prefill_gpus=_Shape(row, "prefill_").gpus if split else shape.deduced,
        prefill_workers=_count(row, "prefill_num_workers") if split else 1,
        clients=clients,
        known=not split or bool(row["decode_num_workers"]),
        ttft_s=1e-3 * _needed(row, "silicon_ttft_ms", where),
        tpot_s=1e-3 * _needed(row, "silicon_tpot_ms", where),
        told_model=path.rpartition("/")[2],
    )


class _Shape:
    """How a worker is spread over GPUs."""

    def __init__(self, row: Mapping[str, str], part: str) -> None:
        self.tensor = _count(row, f"{part}tp_size")
        self.copies = _count(row, f"{part}attention_dp_size")
        self.split = _count(row, f"{part}moe_tp_size")
        self.experts = _count(row, f"{part}moe_ep_size")

    @property
    def gpus(self) -> int:
        return self.tensor * self.copies

    @property
    def deduced(self) -> int:
        """GPUs where the sheets multiply a group by itself: tensor × expert groups of the same GPUs."""
        if self.experts > self.gpus:
            return max(self.tensor, self.copies)
        if self.experts == self.split > 1 and self.experts * self.split == self.gpus:
            return self.experts
        return self.gpus


def _precision(told: str, path: str) -> str:
    return told or ("fp8" if "fp8" in path else "fp4" if "fp4" in path else "bf16")


def _clients(row: Mapping[str, str], where: str) -> float:
    """Clients where only the batch is told."""
    if row["mode"] == "disagg":
        return _needed(row, "decode_batch_size", where) * _count(row, "decode_num_workers")
    return _needed(row, "batch_size", where) * _count(row, "attention_dp_size")


def _count(row: Mapping[str, str], name: str) -> int:
    return max(1, int(float(row[name] or 1)))


def _number(row: Mapping[str, str], name: str, where: str) -> float:
    """The number, 0 where the cell is empty; raises BadMeasurement."""
    try:
        found = float(row[name] or 0.0)
    except ValueError:
        found = -1.0
    if not (isfinite(found) and found >= 0.0):
        raise BadMeasurement(f"{where}: {name} is {row[name]!r}; give a number, 0 or more")
    return found


def _needed(row: Mapping[str, str], name: str, where: str) -> float:
    found = _number(row, name, where)
    if not found:
        raise BadMeasurement(f"{where}: {name} is missing; give a number above 0, or leave the row out")
    return found
