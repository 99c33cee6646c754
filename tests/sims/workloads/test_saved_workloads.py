"""Workloads as files."""

from pathlib import Path

import pytest

from policies.registry import BadSetting
from sims.traces.reading.row import BadTrace
from sims.workloads.cdf import Cdf
from sims.workloads.drawing.saved import load, opened, save, text
from sims.workloads.servegen import Servegen
from sims.workloads.shared_prefix import SharedPrefix

FITTED = Servegen.fit(Cdf(rate_rps=30.0).columns(1, count=400))


@pytest.mark.parametrize(
    "workload",
    [Cdf(lengths='a "quoted" \\ name'), SharedPrefix(stages=((3.0, 20.0), (10.0, 20.0)), anew=False), FITTED],
)
def test_any_settings_come_back(workload: Cdf | SharedPrefix | Servegen, tmp_path: Path) -> None:
    path = tmp_path / "w.toml"
    save(workload, path)
    assert load(path) == workload
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_names_its_workload_and_its_settings() -> None:
    assert text(SharedPrefix(groups=3)).startswith('workload = "shared_prefix"\n\n[settings]\ngroups = 3\n')


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("workload =", "is not TOML"),
        ("[settings]\n", "names no workload"),
        ('workload = "cdf"\nsize = 3\n', "names no workload: write workload = NAME and its .settings., nothing else"),
        ('workload = "cdff"\n', "no workload 'cdff': did you mean 'cdf'"),
        ('workload = "cdf"\n[settings]\nrate_rsp = 3.0\n', "did you mean 'rate_rps'"),
        ('workload = "cdf"\n[settings]\nrate_rps = "fast"\n', "rate_rps must be float"),
        ('workload = "cdf"\n[settings]\nrate_rps = -3.0\n', "rate_rps must be from"),
        ('workload = "cdf"\n[settings]\nprompt = [1, 2]\noutput = [3]\n', "w.toml: "),
    ],
)
def test_a_bad_file_is_refused_by_name(content: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "w.toml"
    path.write_text(content)
    with pytest.raises(BadTrace, match=rf"w\.toml.*{said}" if "w.toml" not in said else said):
        load(path)


def test_a_workload_is_opened_by_name_or_file_and_settings_change_it(tmp_path: Path) -> None:
    path = tmp_path / "w.toml"
    save(Cdf(rate_rps=3.0, lengths="lmsys"), path)
    assert opened(str(path)) == Cdf(rate_rps=3.0, lengths="lmsys")
    assert opened(str(path), {"rate_rps": 9.0}) == Cdf(rate_rps=9.0, lengths="lmsys")
    assert opened("cdf", {"rate_rps": 9.0}) == Cdf(rate_rps=9.0)
    with pytest.raises(BadSetting, match="did you mean 'rate_rps'"):
        opened(str(path), {"rate_rsp": 9.0})


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadTrace, match="cannot be read: no such file or directory: check the path"):
        load(tmp_path / "w.toml")
