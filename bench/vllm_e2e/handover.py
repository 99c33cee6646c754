"""Prefill on one engine, decode on another, KV handed over by NIXL: the answer must be one engine's."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from bench.engines.fleet import ADAPTERS, MODEL
from bench.vllm_e2e.client import CHAT, TEXT, Heard, answer, ask
from bench.vllm_e2e.kills import told
from bench.vllm_e2e.pages import series
from bench.vllm_e2e.stack import Weir
from bench.vllm_e2e.traffic import Asked, words

ROLES = ("prefill", "decode")
ANSWER_TOKENS = 24
REMOTE_DECODE = {
    "do_remote_decode": True,
    "do_remote_prefill": False,
    "remote_engine_id": None,
    "remote_block_ids": None,
    "remote_host": None,
    "remote_port": None,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """One request handed over, beside one engine's answer."""

    kind: str
    expected: Heard
    heard: Heard
    fetched: float = 0.0  # prompt tokens that the decoding engine says came from the other

    @property
    def equal(self) -> bool:
        """Whether a client could not tell the two answers apart."""
        return self.heard.whole and told(self.heard) == told(self.expected)


def requests(count: int, seed: int) -> list[Asked]:
    """Prompts long enough to be worth handing over, of several kinds, streamed and not."""
    rng, found = Random(seed), []
    for number in range(count):
        text, streamed = words(rng, 150), number % 4 >= 2
        body: dict[str, Any] = {"model": ADAPTERS[0] if number % 5 == 4 else MODEL, "max_tokens": ANSWER_TOKENS}
        body |= {"temperature": 0, "return_token_ids": True}
        body |= {"stream": True, "stream_options": {"include_usage": True}} if streamed else {}
        kind = f"{'text' if number % 2 else 'chat'}{', streamed' if streamed else ''}"
        said = {"prompt": text} if number % 2 else {"messages": [{"role": "user", "content": text}]}
        found.append(Asked(kind=kind, path=TEXT if number % 2 else CHAT, body={**body, **said}))
    return found


def by_hand(prefill: str, decode: str, asked: Asked, identity: str) -> Heard:
    """The hand-over without Weir: both engines are asked, one after the other, as their documents say."""
    once = {key: value for key, value in asked.body.items() if key not in ("stream", "stream_options")}
    first = answer(prefill, asked.path, {**once, "max_tokens": 1, "kv_transfer_params": REMOTE_DECODE}, identity)
    given = {"kv_transfer_params": first["kv_transfer_params"]}
    return ask(decode, asked.path, {**asked.body, **given}, identity)


def through_weir(weir: Weir, decode: str, engine: str, asked: Sequence[Asked], name: str) -> list[Handed]:
    """Each request through Weir, then at one engine alone: only afterwards, so that nothing of it is cached before."""
    found = []
    for number, one in enumerate(asked):
        before = fetched(decode)
        heard = ask(weir.url, one.path, one.body, f"{name}-{number}")
        if not heard.whole:  # whatever keeps this one from being served keeps the others, a deadline each
            found.append(Handed(kind=one.kind, expected=Heard(), heard=heard))
            break
        taken = fetched(decode) - before
        found.append(Handed(kind=one.kind, expected=ask(engine, one.path, one.body), heard=heard, fetched=taken))
    return found


def fetched(engine: str) -> float:
    """Prompt tokens that an engine took from another's memory so far."""
    return series(engine, "vllm:prompt_tokens_by_source_total", 'source="external_kv_transfer"')
