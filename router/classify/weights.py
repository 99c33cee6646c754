"""Where the weights of packaged models lie, and how they are read: no hub, no framework."""

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Tensors = Mapping[str, npt.NDArray[np.generic]]

KINDS = {"F32": np.float32, "F16": np.float16, "I64": np.int64}


class NoModel(ValueError):
    """No embedding model can be used; says what to install or name."""


def package_folder(package: str) -> Path | None:
    """The folder of an installed package, without importing it; None where it is absent."""
    found = find_spec(package)
    places = list(found.submodule_search_locations or []) if found else []
    return Path(places[0]) if places else None


def packaged(package: str, inner: str) -> Path | None:
    """A file inside an installed package; None where either is absent."""
    folder = package_folder(package)
    path = folder / inner if folder else None
    return path if path and path.is_file() else None


def read_tensors(path: Path) -> Tensors:
    """All tensors of a safetensors file; raises `NoModel` for a file of another kind."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8 : 8 + length])
        return {name: _tensor(data, 8 + length, told) for name, told in header.items() if name != "__metadata__"}
    except (ValueError, KeyError, TypeError, AttributeError) as bad:
        raise NoModel(f"{path} is not a safetensors file that can be read here: {bad}") from bad


def _tensor(data: bytes, begin: int, told: dict[str, Any]) -> npt.NDArray[np.generic]:
    first, last = told["data_offsets"]
    kind: np.dtype[np.generic] = np.dtype(KINDS[told["dtype"]])
    return np.frombuffer(data[begin + first : begin + last], kind).reshape(told["shape"])
