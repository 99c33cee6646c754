"""A cascade by log-probability margins over real processes: what the small model is sure of it keeps, and is right."""

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from tests.cli.weir_command import start

FLEET = """\
pools:
  - {name: cheap, gpu: l4, model: llama-3.1-8b, served_name: small, replicas: 1}
  - {name: dear, gpu: h100-sxm, model: qwen3-32b, served_name: large, replicas: 1}
select: {rules: rules.yaml}
"""
RULES = "fallback: {models: [small, large], cascade: {by: [margin], threshold: 0.5, ttft_s: 600}}\n"
QUESTIONS = 60


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A running stack's address, and its decision records."""
    folder = tmp_path_factory.mktemp("margins")
    (folder / "rules.yaml").write_text(RULES)
    (folder / "fleet.yaml").write_text(FLEET)
    decisions = folder / "decisions.jsonl"
    process = start("up", str(folder / "fleet.yaml"), "--port", "0", "--workers", "1", "--time-scale", "50",
                    "--decisions", str(decisions))  # fmt: skip
    yield listening(process), decisions
    process.terminate()
    process.communicate(timeout=120.0)


def listening(process: "subprocess.Popen[str]") -> str:
    """Where it can be asked, once it can."""
    assert process.stdout is not None
    return next(line for line in process.stdout if line.startswith("ready: ")).split()[1]


def ask(url: str, model: str, at: int, **more: Any) -> tuple[Message, dict[str, Any]]:
    body = {"model": model, "max_tokens": 8, "messages": [{"role": "user", "content": f"What is {at} times {at}?"}]}
    told = urllib.request.Request(
        f"{url}/chat/completions", json.dumps(body | more).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(told, timeout=60.0) as reply:
        return reply.headers, json.loads(reply.read())


def test_doubtful_answers_go_to_the_large_model_and_kept_ones_are_right_more_often(router: tuple[str, Path]) -> None:
    url, _ = router
    right: dict[str, list[bool]] = {"keep": [], "escalate": []}
    for at in range(QUESTIONS):
        headers, answer = ask(url, "auto", at)
        act = headers["x-weir-cascade"]
        assert headers["x-weir-model"] == ("small" if act == "keep" else "large")
        assert answer["choices"][0]["logprobs"] is None  # the client did not ask for them
        alone, _ = ask(url, "small", at, logprobs=True)
        right[act].append(alone["x-weir-emulate-right"] == "yes")
    kept, escalated = (sum(right[act]) / len(right[act]) for act in ("keep", "escalate"))
    assert min(map(len, right.values())) >= QUESTIONS // 5
    assert kept > escalated + 0.1


def test_the_record_has_the_margin_and_what_the_leg_cost(router: tuple[str, Path]) -> None:
    url, decisions = router
    ask(url, "auto", 7)
    stated = [json.loads(line)["choice"]["cascade"] for line in decisions.read_text().splitlines()
              if "cascade" in json.loads(line).get("choice", {})]  # fmt: skip
    assert all(one["by"] == "margin" and 0.0 < one["confidence"] < 1.0 for one in stated)
    assert {one["act"] for one in stated} == {"keep", "escalate"}
    assert all((one["confidence"] >= 0.5) == (one["act"] == "keep") for one in stated)
    assert all(leg["cost_usd"] > 0.0 for one in stated for leg in one["legs"])


def test_a_client_that_asked_for_probabilities_has_as_many_as_it_asked_for(router: tuple[str, Path]) -> None:
    url, _ = router
    for at in range(12):
        _, answer = ask(url, "auto", at, logprobs=True, top_logprobs=1)
        entries = answer["choices"][0]["logprobs"]["content"]
        assert {len(each["top_logprobs"]) for each in entries} == {1}
