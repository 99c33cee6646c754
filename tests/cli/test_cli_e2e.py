"""Whole fleets as real processes, and nothing left of them afterwards."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from cli.kin import descendants
from tests.cli.weir_command import TINY, start

PATIENCE_S = 120.0
MODEL = "llama-3.1-8b"

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def started() -> Iterator[Start]:
    """Starts `weir`; what a failed test leaves is stopped."""
    processes: list[subprocess.Popen[str]] = []

    def begin(*arguments: object) -> "subprocess.Popen[str]":
        processes.append(start(*map(str, arguments)))
        return processes[-1]

    yield begin
    for process in processes:
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=PATIENCE_S)
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()


def stopped(process: "subprocess.Popen[str]", family: list[int], how: signal.Signals) -> tuple[int, str]:
    process.send_signal(how)
    _, said = process.communicate(timeout=PATIENCE_S)
    assert not [pid for pid in family if Path(f"/proc/{pid}").exists()]
    return process.returncode, said


def test_up_serves_openai_clients_and_leaves_nothing_running(started: Start, tmp_path: Path) -> None:
    decisions = tmp_path / "decisions.jsonl"
    process = started("up", str(TINY), "--port", "0", "--time-scale", "20", "--decisions", str(decisions))
    assert process.stdout is not None
    url = next(line for line in process.stdout if line.startswith("ready: ")).split()[1]
    family = descendants(process.pid)
    assert len(family) >= 5  # emulator, registry, pool service, router and its worker
    question: list[ChatCompletionMessageParam] = [{"role": "user", "content": "What regulates the flow between pools?"}]
    with openai.OpenAI(base_url=url, api_key="none", timeout=20.0, max_retries=0) as client:
        whole = client.chat.completions.create(model=MODEL, messages=question, max_tokens=20)
        assert whole.choices[0].message.content
        with client.chat.completions.create(model=MODEL, messages=question, max_tokens=20, stream=True) as parts:
            assert "".join(part.choices[0].delta.content or "" for part in parts if part.choices)
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.create(model="nope", messages=question)
    code, said = stopped(process, family, signal.SIGINT)
    assert (code, "stopped" in said) == (0, True)
    assert len(decisions.read_text().splitlines()) == 2


def test_up_says_which_service_died_and_stops_the_others(started: Start) -> None:
    process = started("up", str(TINY), "--port", "0")
    assert process.stdout is not None
    next(line for line in process.stdout if line.startswith("pool service: "))
    family = descendants(process.pid)
    os.kill(family[0], signal.SIGKILL)
    _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert "the emulator was killed by signal 9" in said
    assert not [pid for pid in family if Path(f"/proc/{pid}").exists()]


def test_demo_compares_policies_and_leaves_nothing_running(started: Start, tmp_path: Path) -> None:
    out = tmp_path / "demo.json"
    process = started(
        "demo", "--policies", "random,shortest_ttft", "--fleet", str(TINY), "--seconds", "3", "--rate", "4",
        "--time-scale", "10", "--json", str(out),
    )  # fmt: skip
    said, complaints = process.communicate(timeout=2 * PATIENCE_S)
    assert process.returncode == 0, complaints
    assert "shortest_ttft" in said
    found = json.loads(out.read_text())
    assert set(found["policies"]) == {"random", "shortest_ttft"}
    for figures in found["policies"].values():
        assert figures["requests"] == figures["completed"] > 50
        assert figures["ttft_s"]["p90"] > 0.0
    assert len(found["sentences"]) == 3


def test_demo_stops_everything_when_interrupted(started: Start) -> None:
    process = started("demo", "--policies", "random", "--fleet", str(TINY), "--seconds", "60", "--rate", "2")
    while len(family := descendants(process.pid)) < 5:
        assert process.poll() is None
    code, said = stopped(process, family, signal.SIGTERM)
    assert code == 128 + signal.SIGTERM
    assert "nothing is left running" in said
