"""Whatever a setting is, the workload draws sensible arrivals or is refused in one sentence."""

from contextlib import suppress
from dataclasses import fields
from itertools import islice
from math import inf, isnan, nan
from pathlib import Path
from typing import Any

import pytest

from policies.registry import BadSetting
from sims.arrival import Arrival
from sims.traces.reading.row import MOST_TOKENS, BadTrace
from sims.workloads.drawing.saved import load, save
from sims.workloads.drawing.workload import WORKLOADS, chosen

NUMBERS: list[Any] = [
    -1,
    0,
    -1.0,
    0.0,
    nan,
    inf,
    -inf,
    1e-300,
    1e300,
    10**12,
    10**30,
    1,
    3.7,
]
OTHERS: list[Any] = ["", "x", True, None, (), ((),), (1,), ((1.0, 2.0),), (("a", "b"),), ((0.0, 1.0), (1.0, 5.0)), {}]
CASES = [
    (name, field.name, value)
    for name in WORKLOADS.names()
    for field in fields(WORKLOADS[name])  # type: ignore[arg-type]
    for value in NUMBERS + OTHERS
]


@pytest.mark.parametrize(("name", "key", "value"), CASES)
def test_an_odd_setting_is_refused_or_makes_sense(name: str, key: str, value: Any) -> None:
    with suppress(BadSetting, BadTrace):
        sensible(list(islice(chosen(name, {key: value}).arrivals(1), 40)))


def sensible(drawn: list[Arrival]) -> None:
    assert drawn
    for a in drawn:
        assert 0.0 <= a.at < inf
        assert 1 <= a.prompt_tokens <= MOST_TOKENS
        assert 1 <= a.output_tokens <= MOST_TOKENS
        assert a.after_s is None or (not isnan(a.after_s) and 0.0 <= a.after_s < inf)


@pytest.mark.parametrize("name", WORKLOADS.names())
def test_a_file_with_an_odd_value_is_refused_by_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / "w.toml"
    save(chosen(name), path)
    text = path.read_text()
    for line in text.splitlines()[3:]:
        key = line.partition(" = ")[0]
        path.write_text(text.replace(line, f'{key} = [["odd"]]'))
        with pytest.raises(BadTrace, match=r"w\.toml: "):
            load(path)
