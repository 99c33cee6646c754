"""What a prompt's blocks are keyed by: tokens, adapter, cache salt, and where there are no tokens the body's text."""

import json
from pathlib import Path
from typing import Any

import pytest

from policies.kv.blocks import hash_tokens
from router.core import Core, Placement
from router.gateway.body import BadRequest, Limits, parse, tokenise
from router.intake import apply
from router.order import Order
from router.settings import Settings
from tests.router.routers import core_of, described
from tests.weir.model_folder import user, write
from weir.block_roots import root
from weir.v1 import fleet_pb2

SETTINGS = Settings(policy="prefix_affinity")
LIMITS = Limits(1000, 8)
PROMPT = "a prompt that is long enough for some blocks, said again and again. " * 12
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 4000}}


def exact(tokenizer: str = "llama3", **facts: Any) -> Core:
    """One replica whose events are believed."""
    told = described("a", "h:1", tokenizer=tokenizer, events="tcp://h:5557", adapters=["ad1", "ad2"], **facts)
    core = core_of(SETTINGS, told)
    apply(core, fleet_pb2.FleetUpdate(reports=[fleet_pb2.ReplicaReport(name="a", ready=True, knowledge="exact")]))
    return core


def order(core: Core, model: str = "m", path: bytes = b"/v1/completions", **fields: Any) -> Order:
    """A body as the gateway makes an order of it."""
    body = {
        "model": model,
        **({"prompt": PROMPT} if path.endswith(b"/completions") and "chat" not in str(path) else {}),
    }
    made = parse(path, json.dumps({**body, **fields}).encode(), "q", LIMITS)
    vocabulary = core.models[model].vocabulary(made)
    if vocabulary is not None and made.tokens is None:
        tokenise(made, core.models[model].chat_template, vocabulary)
    return made


def chat(core: Core, *messages: dict[str, Any], **fields: Any) -> Order:
    return order(core, path=b"/v1/chat/completions", messages=list(messages), **fields)


def stored(core: Core, tokens: list[int], adapter: str = "", salt: str = "") -> None:
    """The replica's event: it computed these tokens."""
    blocks = hash_tokens(tokens, 16, root(adapter, salt)).tolist()
    told = fleet_pb2.KvEvent(replica="a", kind=fleet_pb2.KvEvent.STORED, blocks=blocks)
    apply(core, fleet_pb2.FleetUpdate(events=[told]))


def cached(core: Core, made: Order) -> float:
    placed = core.place(made, 0.0)
    assert isinstance(placed, Placement)
    return placed.cached_tokens


def test_prompts_share_blocks_only_under_the_same_adapter_and_salt() -> None:
    keys = [("m", ""), ("ad1", ""), ("ad2", ""), ("m", "s"), ("m", "ad1"), ("ad1", "s"), ("ad1", "ad1")]
    for model, salt in keys:
        core = exact()
        tokens = order(core).tokens
        assert tokens is not None
        stored(core, list(tokens), "" if model == "m" else model, salt)
        for other, own in keys:
            more: dict[str, Any] = {"cache_salt": own} if own else {}
            held = cached(core, order(core, other, **more))
            assert (held > 100.0) == ((other, own) == (model, salt))


def test_the_last_token_is_always_computed_and_so_is_the_block_it_ends() -> None:
    core = exact()
    for n, held in ((32, 16.0), (33, 32.0), (16, 0.0), (1, 0.0)):
        stored(core, list(range(n)))
        assert cached(core, Order("q", "m", b"", tokens=list(range(n)))) == held


def test_text_of_another_salt_or_adapter_is_another_prompt() -> None:
    core = core_of(SETTINGS, described("a", "h:1", adapters=["ad1"]))
    body = {"model": "m", "prompt": PROMPT * 5}

    def held(model: str, **more: str) -> float:
        return cached(
            core, parse(b"/v1/completions", json.dumps({**more, **body, "model": model}).encode(), "q", LIMITS)
        )

    assert held("m") == 0.0
    assert held("m") > 0.0
    assert held("ad1") == held("m", cache_salt="s") == 0.0
    assert held("m", cache_salt="s") > 0.0


def test_a_models_own_files_make_the_engines_tokens(tmp_path: Path) -> None:
    core = exact(str(write(tmp_path / "m")))
    made = chat(core, user(PROMPT), user("hello"))
    whole = "".join(f"<|im_start|>user\n{text}<|im_end|>\n" for text in (PROMPT, "hello")) + "<|im_start|>assistant\n"
    files: Any = core.models["m"].vocabulary(made)
    assert list(made.tokens or ()) == files.encode(whole)
    stored(core, list(made.tokens or ()))
    assert cached(core, made) == float((len(made.tokens or ()) - 1) // 16 * 16)


@pytest.mark.parametrize(("fields", "why"), [
    ({"messages": [{"role": "user", "content": [{"type": "text", "text": PROMPT}, IMAGE]}]}, "media"),
    ({"messages": [user(PROMPT)], "chat_template": "{{ 1 }}"}, "chat_template"),
])  # fmt: skip
def test_what_cannot_be_made_here_is_compared_as_text_with_what_was_sent_as_text(
    tmp_path: Path, fields: dict[str, Any], why: str
) -> None:
    core = exact(str(write(tmp_path / "m")))
    made = order(core, path=b"/v1/chat/completions", **fields)
    assert (made.tokens, made.untold) == (None, why)
    assert cached(core, made) == 0.0
    again = core.place(made, 0.0)
    assert isinstance(again, Placement)
    assert again.cached_tokens > 0.0
    assert core.knowledge(again) == "approximate"
    assert not again.exact
    assert core.metrics.untold == {why: 2}


def test_text_never_enters_what_is_known_of_a_replica_that_sends_events(tmp_path: Path) -> None:
    core = exact(str(write(tmp_path / "m")))
    cached(core, chat(core, user(PROMPT), chat_template="x"))
    assert len(core.held.index) == 0
    assert len(core.held.guessed) > 0


def test_an_image_is_a_thousand_tokens_whatever_its_bytes() -> None:
    core = exact(context_limit=4096)
    parts = [{"type": "text", "text": "what is it?"}, {**IMAGE, "image_url": {"url": "x" * 400_000}}]
    placed = core.place(chat(core, {"role": "user", "content": parts}), 0.0)
    assert isinstance(placed, Placement)
    assert 900.0 < placed.prompt_tokens < 1100.0


@pytest.mark.parametrize("path", [b"/v1/chat/completions", b"/v1/completions"])
@pytest.mark.parametrize("salt", [1, "", ["s"], {"a": 1}, "x" * 2000, True])
def test_a_salt_that_is_no_salt_is_refused_by_name(path: bytes, salt: object) -> None:
    body = {"model": "m", "messages": [user("x")], "prompt": "x", "cache_salt": salt}
    with pytest.raises(BadRequest) as bad:
        parse(path, json.dumps(body).encode(), "q", LIMITS)
    assert bad.value.param == "cache_salt"
    assert bad.value.message.endswith(".")


def test_no_salt_and_a_salt_that_is_null_are_the_same(tmp_path: Path) -> None:
    core = exact()
    assert order(core, cache_salt=None).salt == order(core).salt == ""


@pytest.mark.parametrize("body", [
    b'{"model":"m","prompt":"\xff\xfe"}', b'{"model":"m","cache_salt":"\xc3","prompt":"x"}',
    b'{"model":"m","prompt":[1,2,-3]}', b'{"model":"m","prompt":[1,4294967296]}', b'{"model":"m","prompt":[1,2.5]}',
    b'{"model":"m","prompt":[1,NaN]}',
])  # fmt: skip
def test_tokens_and_text_that_are_none_are_refused_in_a_sentence(body: bytes) -> None:
    with pytest.raises(BadRequest) as bad:
        parse(b"/v1/completions", body, "q", LIMITS)
    assert bad.value.message.endswith(".")


def test_half_of_a_surrogate_pair_is_refused_by_a_models_own_files_too(tmp_path: Path) -> None:
    core = exact(str(write(tmp_path / "m")))
    with pytest.raises(BadRequest, match="surrogate"):
        order(core, prompt="a\udc00 b")


def test_the_engines_word_on_its_blocks_goes_before_the_fleet_files() -> None:
    core = exact()
    apply(
        core, fleet_pb2.FleetUpdate(replicas=[described("a", "h:1", tokenizer="llama3", events="e", block_tokens=32)])
    )
    assert core.models["m"].block_tokens == 32


def test_a_router_remembers_a_bounded_number_of_salts() -> None:
    model = exact().models["m"]
    for i in range(3000):
        assert model.roots(f"s{i}") == model.roots(f"s{i}")
    assert len(model._roots) <= 1024
