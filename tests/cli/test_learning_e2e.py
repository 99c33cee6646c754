"""A learner in real processes: two workers over an emulated fleet, feedback at either, records that can be judged."""

import json
import signal
import subprocess
import urllib.request
from collections import Counter
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from cli.kin import descendants
from cli.selections import selections
from tests.cli.test_cli_e2e import stopped
from tests.cli.weir_command import start

FLEET = """\
pools:
  - {name: cheap, gpu: l4, model: llama-3.1-8b, served_name: small, replicas: 1}
  - {name: dear, gpu: h100-sxm, model: qwen3-32b, served_name: large, replicas: 1}
select: {rules: rules.yaml}
"""
RULES = """\
fallback: {models: [small, large]}
learn:
  policy: epsilon_greedy
  settings: {epsilon: 0.5}
  objective: {worth_usd: 1.0}
  context: [turns]
  memory: learned.bin
"""
ASKED = 60


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    (tmp_path / "rules.yaml").write_text(RULES)
    (tmp_path / "fleet.yaml").write_text(FLEET)
    return tmp_path / "fleet.yaml"


@pytest.fixture
def begun(fleet: Path) -> Iterator["subprocess.Popen[str]"]:
    decisions = fleet.parent / "decisions.jsonl"
    more = ("--port", "0", "--workers", "2", "--time-scale", "20", "--decisions", str(decisions))
    process = start("up", str(fleet), *more)
    yield process
    if process.poll() is None:
        process.terminate()
        process.communicate(timeout=120.0)


def sent(url: str, body: dict[str, Any]) -> tuple[int, Message]:
    """One request on a connection of its own: whichever worker takes it."""
    told = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(told, timeout=30.0) as reply:
        reply.read()
        return reply.status, reply.headers


def asked(url: str) -> str:
    """The model that one request was given; its answer is good if it is the large one."""
    body = {"model": "auto", "messages": [{"role": "user", "content": "which?"}], "max_tokens": 4}
    _, head = sent(f"{url}/chat/completions", body)
    model = str(head["x-weir-model"])
    told = {"decision": head["x-weir-decision"], "rating": float(model == "large")}
    assert sent(f"{url}/feedback", told)[0] == 202
    return model


def test_two_workers_learn_which_model_is_good_and_their_records_can_be_judged(
    begun: "subprocess.Popen[str]", fleet: Path
) -> None:
    assert begun.stdout is not None
    url = next(line for line in begun.stdout if line.startswith("ready: ")).split()[1]
    family = descendants(begun.pid)
    models = [asked(url) for _ in range(ASKED)]
    code, _ = stopped(begun, family, signal.SIGINT)
    assert code == 0
    late = Counter(models[ASKED // 2 :])
    assert late["large"] > late["small"] > 0
    found = selections(fleet.parent / "decisions.jsonl")
    assert len(found) == ASKED
    assert all(one.quality == float(one.options[one.chosen].model == "large") for one in found)
    assert {json.dumps(one.options[0].pool) for one in found} == {'"cheap"'}
    assert (fleet.parent / "learned.bin").stat().st_size > ASKED * 40
