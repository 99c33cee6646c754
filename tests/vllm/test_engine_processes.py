"""Engines as processes: started through the launcher, gone with it, told of when they die."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.engines import launch
from bench.engines.engine import Engine, runs
from bench.engines.fleet import ADAPTERS, connector, engine_ports, make_engines, options
from bench.engines.launch import EngineDied, Launcher, last_words

# Stands for the launcher inside vLLM's environment: a process that answers nothing is forked for every line.
SCRIPT = """
import os, signal, sys, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print("a library says hello", flush=True)
print("READY", flush=True)
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        os.setsid()
        time.sleep(60 if "lives" in line else 0)
        os._exit(0)
    print(pid, flush=True)
"""


@pytest.fixture
def launcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Launcher]:
    script = tmp_path / "launcher.py"
    script.write_text(SCRIPT)
    monkeypatch.setattr(launch, "SCRIPT", script)
    monkeypatch.setattr(launch, "PYTHON", Path(sys.executable))
    found = Launcher(log=tmp_path / "launcher.log")
    yield found
    found.stop()


def engine(launcher: Launcher, tmp_path: Path, what: str) -> Engine:
    (ports,) = engine_ports(1)
    return Engine(name="engine-0", ports=ports, options=[what], log=tmp_path / "engine-0.log", launcher=launcher)


def test_an_engine_runs_until_it_is_killed_and_runs_again_on_the_same_ports(launcher: Launcher, tmp_path: Path) -> None:
    one = engine(launcher, tmp_path, "lives")
    assert not one.alive
    one.start()
    first, address = one.pid, one.address
    assert one.alive
    assert not one.answers()
    one.kill()
    assert not one.alive
    one.start()
    assert one.pid != first
    assert one.address == address
    one.stop()
    assert not runs(one.pid)


def test_an_engine_that_ends_while_it_starts_is_told_with_its_last_words(launcher: Launcher, tmp_path: Path) -> None:
    one = engine(launcher, tmp_path, "dies")
    one.log.write_text("one\nValueError: no such model\n")
    one.start()
    one._gone(10.0)
    with pytest.raises(EngineDied, match="no such model"):
        one.answers()


def test_a_vllm_that_does_not_import_is_told_with_its_last_words(launcher: Launcher, tmp_path: Path) -> None:
    launch.SCRIPT.write_text("raise ImportError('libcudart is missing')")
    with pytest.raises(EngineDied, match="libcudart is missing"):
        engine(launcher, tmp_path, "lives").start()


def test_a_process_that_nobody_looked_at_does_not_run() -> None:
    with subprocess.Popen(["true"]) as process:
        while runs(process.pid):
            pass
        assert process.poll() is None or process.returncode == 0
    assert not runs(process.pid)


def test_engines_share_a_model_and_no_port(tmp_path: Path) -> None:
    found = make_engines(tmp_path, 3)
    ports = [getattr(one.ports, name) for one in found.members for name in ("http", "events", "replay", "side")]
    assert len(set(ports)) == len(ports) == 12
    assert {one.options[0] for one in found.members} == {str(found.model)}


def test_events_are_listened_on_rather_than_connected_to(tmp_path: Path) -> None:
    """vLLM binds an address with a star, and connects to any other."""
    (ports,) = engine_ports(1)
    told = " ".join(options(tmp_path / "tiny", [tmp_path / name for name in ADAPTERS], ports))
    assert f"tcp://*:{ports.events}" in told
    assert f"tcp://*:{ports.replay}" in told
    assert all(name in told for name in ADAPTERS)
    assert connector()["kv_connector"] == "NixlConnector"


def test_last_words_are_the_end_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "some.log"
    assert last_words(log) == ""
    log.write_text("\n".join(map(str, range(40))))
    assert last_words(log, 2) == "38\n39"
