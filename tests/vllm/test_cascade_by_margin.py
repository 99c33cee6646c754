"""A cascade whose confidence is a real engine's log-probabilities: one engine is the small model, one the large."""

import json
import time
import urllib.request
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from bench.engines.fleet import MODEL, TWIN, Engines
from bench.vllm_e2e.client import CHAT, TEXT
from bench.vllm_e2e.stack import Weir, pool, weir_over
from policies.select.confidence import by_margin
from router.auto.leg_bodies import answer_of

LARGE = TWIN
RULES = f"""\
fallback: {{models: [{MODEL}, {LARGE}], cascade: {{by: [margin], threshold: 0, ttft_s: 600, within_s: 120}}}}
rules:
  - name: careful
    when: {{header: x-effort, is: [careful]}}
    then: {{models: [{MODEL}, {LARGE}], cascade: {{by: [margin], threshold: 1, ttft_s: 600, within_s: 120}}}}
"""
SAID = [{"role": "user", "content": "hello world, which way does a weir run?"}]


@pytest.fixture(scope="module")
def cascading(started_engines: Engines, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weir]:
    """Weir over two pools: each engine by another of its model's names."""
    folder, engines = tmp_path_factory.mktemp("cascade"), started_engines
    engines.start(lambda line: None)
    (folder / "rules.yaml").write_text(RULES)
    small, large = (
        pool(name, engines.model, [one]) for name, one in zip(("small", "large"), engines.members, strict=True)
    )
    pools = [small | {"adapters": []}, large | {"adapters": [], "served_name": LARGE}]
    with weir_over(engines, folder, told={"pools": pools, "select": {"rules": "rules.yaml"}}) as found:
        yield found


class Reply(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def choice(self) -> dict[str, Any]:
        """Its first choice."""
        return dict(json.loads(self.text)["choices"][0])


def asked(url: str, path: str = CHAT, effort: str = "usual", **more: Any) -> Reply:
    body = {"model": "auto", "messages": SAID, "max_tokens": 6, "temperature": 0} | more
    told = {"content-type": "application/json", "x-effort": effort}
    request = urllib.request.Request(f"{url}{path}", json.dumps(body).encode(), told)
    with urllib.request.urlopen(request, timeout=120.0) as reply:
        return Reply(reply.status, {k.lower(): v for k, v in reply.headers.items()}, reply.read().decode())


def cascade(weir: Weir, reply: Reply, patience_s: float = 20.0) -> dict[str, Any]:
    """What the decision record says of the cascade; a kept answer's record has its leg's id."""
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        for line in weir.decisions.read_text().splitlines():
            choice = json.loads(line).get("choice", {})
            if choice.get("decision") == reply.headers["x-weir-decision"] and "cascade" in choice:
                return dict(choice["cascade"])
        time.sleep(0.05)
    raise LookupError(f"no decision record of {reply.headers['x-weir-decision']}")


def test_a_margin_of_a_real_engine_keeps_the_answer_or_asks_the_next_model(cascading: Weir) -> None:
    kept, gone = asked(cascading.url), asked(cascading.url, effort="careful")
    assert (kept.status, gone.status) == (200, 200)
    assert [each.headers["x-weir-cascade"] for each in (kept, gone)] == ["keep", "escalate"]
    assert [each.headers["x-weir-model"] for each in (kept, gone)] == [MODEL, LARGE]
    assert kept.choice["logprobs"] is None
    for each in (kept, gone):
        told = cascade(cascading, each)
        assert told["by"] == "margin"
        assert 0.0 <= told["confidence"] <= 1.0


def test_what_was_recorded_is_the_margin_of_the_engines_own_answer(cascading: Weir, fleet: Engines) -> None:
    kept = asked(cascading.url)
    own = asked(fleet.members[0].url, model=MODEL, logprobs=True, top_logprobs=2)
    answer = answer_of(json.loads(own.text))
    assert answer is not None
    assert answer.text == kept.choice["message"]["content"]
    recorded = cascade(cascading, kept)["confidence"]
    assert recorded == pytest.approx(by_margin(answer), abs=0.02)


def test_a_client_that_asks_for_probabilities_and_streams_is_served_through_a_cascade(cascading: Weir) -> None:
    for effort in ("usual", "careful"):
        reply = asked(cascading.url, effort=effort, logprobs=True, top_logprobs=1)
        entries = reply.choice["logprobs"]["content"]
        assert {len(each["top_logprobs"]) for each in entries} == {1}
        streamed = asked(cascading.url, effort=effort, stream=True)
        assert streamed.status == 200
        assert streamed.text.rstrip().endswith("[DONE]")


def test_a_path_that_cannot_be_judged_goes_to_one_of_the_models(cascading: Weir) -> None:
    reply = asked(cascading.url, TEXT, prompt="hello world")
    assert reply.status == 200
