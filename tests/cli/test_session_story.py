"""Sessions over real processes: a head from the simulator serves, its records teach the next one, which is judged."""

import json
import time
import urllib.request
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from router.learn.session_head import load
from tests.cli.test_margin_story import FLEET, listening
from tests.cli.weir_command import Weir, start

RULES = """\
fallback: {models: [small, large]}
learn:
  policy: session_q
  settings: {epsilon: 0.4}
  prices: {small: {input_usd: 0.1, output_usd: 0.4}, large: {input_usd: 2.5, output_usd: 10.0}}
"""
SESSIONS, TURNS = 44, 5


class Stack(NamedTuple):
    """What runs, and where it writes."""

    url: str
    folder: Path

    @property
    def decisions(self) -> Path:
        """Its decision records."""
        return self.folder / "decisions.jsonl"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("sessions")
    (folder / "rules.yaml").write_text(RULES)
    (folder / "fleet.yaml").write_text(FLEET.replace("rules.yaml}", "rules.yaml, heads: heads}"))
    trained = start("train", "sessions", "--out", str(folder / "heads"))
    assert trained.communicate(timeout=120.0)[0]
    process = start("up", str(folder / "fleet.yaml"), "--port", "0", "--workers", "2", "--time-scale", "50",
                    "--decisions", str(folder / "decisions.jsonl"))  # fmt: skip
    yield Stack(listening(process), folder)
    process.terminate()
    process.communicate(timeout=120.0)


def sent(url: str, body: dict[str, Any], *, session: str = "") -> Message:
    told = {"content-type": "application/json", **({"x-weir-session": session} if session else {})}
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), told), timeout=60.0) as reply:
        reply.read()
        headers: Message = reply.headers
        return headers


def session(stack: Stack, name: str) -> list[int]:
    """An agent whose tool fails in its second turn and, while that stands in the way of the small model, ever after.

    Returns how many turns were left out of each request.
    """
    said: list[dict[str, Any]] = [{"role": "user", "content": f"mend build {name}"}]
    failures, cuts, head = 0, [], Message()
    for at in range(TURNS):
        head = sent(f"{stack.url}/chat/completions", {"model": "auto", "messages": said, "max_tokens": 8}, session=name)
        cuts.append(int(head["x-weir-cut"] or 0))
        bad = at == 1 or (failures > cuts[-1] and head["x-weir-model"] == "small")
        failures += bad
        said.append({"role": "assistant", "content": "", "tool_calls": [
            {"id": f"c{at}", "type": "function", "function": {"name": "run", "arguments": "{}"}}]})  # fmt: skip
        said.append({"role": "tool", "tool_call_id": f"c{at}", "content": "error: exit 1" if bad else "ok"})
    rating = float(said[-1]["content"] == "ok")
    sent(f"{stack.url}/feedback", {"decision": head["x-weir-decision"], "rating": rating})
    return cuts


def written(stack: Stack) -> None:
    """Wait until every turn and every verdict stands in the records: a worker writes them when it ticks."""
    until = time.monotonic() + 30.0
    while len(stack.decisions.read_text().splitlines()) < SESSIONS * (TURNS + 1):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_failed_turns_are_cut_at_whichever_worker_and_stay_so(stack: Stack) -> None:
    cuts = [session(stack, f"s{at}") for at in range(SESSIONS)]
    assert all(one[:2] == [0, 0] for one in cuts)  # nothing has failed yet
    assert sum(max(one) > 0 for one in cuts) > SESSIONS // 3
    assert sum(one == sorted(one) for one in cuts) >= SESSIONS - 2  # another worker may not have heard in time


def test_its_records_teach_the_next_head_which_is_judged_by_them(stack: Stack, weir: Weir) -> None:
    written(stack)
    done = weir("train", "sessions", "--data", stack.decisions, "--out", stack.folder / "next", "--worth", "0.01")
    assert done.exit_code == 0, done.output
    head = load(stack.folder / "next")
    assert (head.models, head.card["sessions"], head.card["turns"]) == (("large", "small"), SESSIONS, SESSIONS * TURNS)
    assert head.card["cuts"] > 0
    found = weir("evaluate", stack.decisions, "--policy", "session_q", "--by", "session", "--value", "0.01")
    assert found.exit_code == 0, found.output
    assert f"Judged on {SESSIONS // 2} sessions" in found.output


def test_what_serves_is_said_by_weir_check(stack: Stack, weir: Weir) -> None:
    done = weir("check", stack.folder / "rules.yaml", "--fleet", stack.folder / "fleet.yaml")
    assert done.exit_code == 0, done.output
    version = load(stack.folder / "heads").version
    assert f"by head {version} of 2,400 sessions from the simulator; it tries others on 40% of the turns" in done.output
