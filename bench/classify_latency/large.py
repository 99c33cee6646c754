"""How long large bodies hold a gateway's loop: of 1, 4 and 10 MB and of every form that takes long somewhere.

`python -m bench.classify_latency.large` prints one line a form. A callback's processor time is what it holds the loop
for, whoever else uses the machine; clients and replicas are threads of their own.
"""

import argparse
import asyncio
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from bench.classify_latency.loop import ANSWER, REPLY, Held, gateway_over, measured, settle
from policies.native.library import ensure_built
from policies.select.rules.build import ruleset
from policies.select.rules.known import is_learned, signals
from router.auto.auto import Auto

MEGABYTE = 1_000_000
SIZES = (1, 4, 10)  # MB
EACH = 5  # requests of a form
WORDS = "the quick brown fox jumps over the lazy dog and asks why. "
TURN, EMPTY = {"role": "user", "content": WORDS * 4}, {"role": "user", "content": ""}


def line(size: int) -> list[object]:
    """One line without a space."""
    return [{"role": "user", "content": "a" * size}]


def prose(size: int) -> list[object]:
    """Sentences."""
    return [{"role": "user", "content": WORDS * (size // len(WORDS))}]


def scripts(size: int) -> list[object]:
    """Letters of three bytes, Latin ones between."""
    return [{"role": "user", "content": "日本語 and " * (size // 14)}]


def hidden(size: int) -> list[object]:
    """Characters that nobody sees."""
    return [{"role": "user", "content": "\u200b" * (size // 3)}]


def turns(size: int) -> list[object]:
    """A conversation of some 250 bytes a turn."""
    return [TURN] * (size // 265)


def empty(size: int) -> list[object]:
    """As many messages as there is room for."""
    return [EMPTY] * (size // 30)


def image(size: int) -> list[object]:
    """A picture in base64."""
    parts = [{"type": "text", "text": "what is it"}, {"type": "image_url", "image_url": {"url": "QUJD" * (size // 4)}}]
    return [{"role": "user", "content": parts}]


FORMS: Mapping[str, Callable[[int], list[object]]] = {
    form.__name__: form for form in (line, prose, scripts, hidden, turns, empty, image)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Milliseconds that a request's longest callback held the loop for, and seconds until its reply came; medians."""

    longest_ms: float
    reply_s: float


def request(form: str, size: int, model: str = "auto") -> bytes:
    """A whole request with a body of about so many bytes."""
    body = msgspec.json.encode({"model": model, "messages": FORMS[form](size)})
    return b"POST /v1/chat/completions HTTP/1.1\r\nhost: w\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def rules() -> dict[str, Any]:
    """Rules that read every signal of a request's structure and text; none of them fires."""
    known = signals()
    tests: list[object] = []
    for name in sorted(known):
        told = known[name]
        if not is_learned(name, known):
            if told.kind == "label":
                tests.append({"signal": name, "is": [told.labels[-2] if told.labels else "-"]})
            else:
                tests.append({"signal": name, "at_least": 1e12})
    return {"fallback": {"models": ["m"]}, "rules": [
        {"name": "all", "when": {"any": tests}, "then": {"models": ["m"]}}]}  # fmt: skip


def held(form: str, size: int, times: int = EACH) -> Hold:
    """Send some requests of one form."""
    ensure_built()
    found, longest = Held(), list[float]()
    with measured(found.callbacks):
        asyncio.run(_scene(request(form, size), found, longest, times))
    return Hold(longest_ms=1e3 * float(np.median(longest)), reply_s=float(np.median(found.went_on)))


async def _scene(asked: bytes, found: Held, longest: list[float], times: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as place:
        threading.Thread(target=_replica, args=(place,), daemon=True).start()
        gateway = gateway_over(place.getsockname()[1], 1 << 28)
        listener = socket.create_server(("127.0.0.1", 0))
        await gateway.start(listener)
        gateway.auto = Auto(gateway, ruleset(rules()))
        port = listener.getsockname()[1]
        await asyncio.to_thread(_send, port, request("prose", MEGABYTE))  # all that is needed runs by then
        settle()
        for _ in range(times):
            await asyncio.sleep(0)  # what was done here so far is no request's
            found.callbacks.clear()
            begun = time.monotonic()
            await asyncio.to_thread(_send, port, asked)
            found.went_on.append(time.monotonic() - begun)
            longest.append(max(found.callbacks))
        await gateway.drain()


def _send(port: int, asked: bytes) -> None:
    """Clients and replicas are threads of their own: what they do is not the loop's."""
    with socket.create_connection(("127.0.0.1", port)) as caller:
        caller.sendall(asked)
        reply = b""
        while not reply.endswith(ANSWER):
            reply += caller.recv(1 << 16) or b"broken off"
            assert reply.startswith(b"HTTP/1.1 200"), reply[:200]


def _replica(place: socket.socket) -> None:
    """Answers whatever comes once it is whole."""
    while True:
        try:
            caller, _ = place.accept()
        except OSError:
            return
        threading.Thread(target=_answer, args=(caller,), daemon=True).start()


def _answer(caller: socket.socket) -> None:
    with caller, caller.makefile("rb") as reading:
        while first := reading.readline():
            length = 0
            while line := reading.readline().strip():
                if line.lower().startswith(b"content-length:"):
                    length = int(line.rpartition(b" ")[2])
            assert len(reading.read(length)) == length, first
            caller.sendall(REPLY)


def main() -> int:
    """One line a form and size (stderr)."""
    parser = argparse.ArgumentParser(prog="python -m bench.classify_latency.large", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES, help="megabytes of a body")
    for size in parser.parse_args().sizes:
        for form in FORMS:
            found = held(form, size * MEGABYTE)
            say(f"{size} MB, {form}: the loop is held for {found.longest_ms:.2f} ms, reply after "
                f"{1e3 * found.reply_s:.0f} ms")  # fmt: skip
    return 0


def say(line: str) -> None:
    """Progress goes to stderr."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
