"""SIGKILL for an engine in the middle of streams: each must come out as if nothing had happened."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random
from typing import Any

from bench.engines.engine import Engine
from bench.engines.fleet import MODEL
from bench.vllm_e2e.client import CHAT, TEXT, Heard, ask
from bench.vllm_e2e.stack import Weir
from bench.vllm_e2e.traffic import Asked, words

STREAM_TOKENS = 160
KILL_AFTER = 20  # tokens that every stream has had
BEGUN_S = 180.0  # within which every stream has had them, on a machine however busy


@dataclass(frozen=True, slots=True, kw_only=True)
class Survived:
    """One stream through a kill, beside the same request undisturbed."""

    kind: str
    expected: Heard
    heard: Heard
    struck: bool  # whether it was on the engine that was killed

    @property
    def equal(self) -> bool:
        """Whether it is whole, with the same tokens, text and end."""
        return self.heard.whole and told(self.heard) == told(self.expected)


def told(heard: Heard) -> tuple[list[int], str, str, Any, Any]:
    """What a client is told, the cached tokens apart."""
    usage = heard.usage
    return heard.ids, heard.text, heard.finish, usage.get("prompt_tokens"), usage.get("completion_tokens")


def streams(count: int, seed: int, models: Sequence[str] = (MODEL,)) -> list[Asked]:
    """Long greedy streams, chats and texts; half of them show their token ids.

    Adapters go with adapters: vLLM 0.32 on the CPU answers a request for the model itself wrongly when a request for
    an adapter is in the same batch, with or without Weir.
    """
    rng, found = Random(seed), []
    for number in range(count):
        content = words(rng, 40)
        common: dict[str, Any] = {"max_tokens": STREAM_TOKENS, "temperature": 0, "stream": True}
        common["stream_options"] = {"include_usage": True}
        if number % 4 < 2:
            common["return_token_ids"] = True
        body: dict[str, Any] = {"model": models[number // 2 % len(models)], **common}
        if number % 2:
            found.append(Asked(kind="text", path=TEXT, body={**body, "prompt": content}))
        else:
            chat = {**body, "messages": [{"role": "user", "content": content}]}
            found.append(Asked(kind="chat", path=CHAT, body=chat))
    return found


def through_a_kill(weir: Weir, victim: Engine, replica: str, asked: Sequence[Asked], engine: str) -> list[Survived]:
    """All streams at once through Weir, the victim, a replica of that name, killed once each has begun.

    What they should have been `engine` tells afterwards: before, it would come to hold their prompts and draw them all.
    """
    begun, ready, lock = set[int](), threading.Event(), threading.Lock()

    def watched(number: int) -> Heard:
        pieces = 0

        def seen(_: Heard) -> None:
            nonlocal pieces
            pieces += 1
            if pieces == KILL_AFTER:
                with lock:
                    begun.add(number)
                    if len(begun) == len(asked):
                        ready.set()

        return ask(weir.url, asked[number].path, asked[number].body, f"kill-{replica}-{number}", seen)

    with ThreadPoolExecutor(len(asked)) as threads:
        jobs = [threads.submit(watched, number) for number in range(len(asked))]
        ready.wait(BEGUN_S)
        victim.kill()
        heard = [job.result() for job in jobs]
    expected = [ask(engine, one.path, one.body) for one in asked]
    return [
        Survived(kind=one.kind, expected=before, heard=after, struck=after.replica == replica)
        for one, before, after in zip(asked, expected, heard, strict=True)
    ]
