"""An emulated replica as a process, and the calls that it and a real engine are compared by."""

import http.client
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import yaml
import zmq

from bench.engines.fleet import BLOCK_TOKENS, BLOCKS, MAX_NUM_SEQS, MODEL
from bench.engines.model import CONTEXT_TOKENS
from bench.vllm_e2e.client import TEXT, ask
from tests.cli.weir_command import start

HEARD_MS, QUIET_MS = 5000, 500

Frames = list[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a replica listens."""

    url: str
    events: str
    replay: str


@dataclass(slots=True, kw_only=True)
class Reply:
    """What a call was answered; a stream's events are its pieces."""

    status: int
    kind: str
    pieces: list[Any] = field(default_factory=list)


@contextmanager
def emulated(folder: Path) -> Iterator[Place]:
    """One emulated replica with the real engine's settings."""
    engine = {
        "block_size": BLOCK_TOKENS,
        "max_model_len": CONTEXT_TOKENS,
        "max_num_seqs": MAX_NUM_SEQS,
        "kv_tokens": BLOCKS * BLOCK_TOKENS,
    }
    pool = {"name": "twin", "gpu": "l4", "model": "llama-3.1-8b", "served_name": MODEL, "replicas": 1, "engine": engine}
    fleet = folder / "fleet.yaml"
    fleet.write_text(yaml.safe_dump({"pools": [pool]}))
    process = start("emulate", str(fleet), "--time-scale", "50")
    assert process.stdout is not None
    try:
        told = msgspec.json.decode(process.stdout.readline())
        yield Place(url=f"http://{told['address']}", events=told["events"], replay=told["replay"])
    finally:
        process.terminate()
        process.communicate(timeout=20)


def call(url: str, path: str, body: Any) -> Reply:
    """A POST and all that comes back."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=60)
    try:
        connection.request("POST", path, msgspec.json.encode(body), {"content-type": "application/json"})
        answer = connection.getresponse()
        data, kind = answer.read(), answer.headers.get_content_type()
    finally:
        connection.close()
    streamed = kind == "text/event-stream"
    events = [each.removeprefix(b"data: ") for each in data.strip().split(b"\n\n")] if streamed else [data]
    return Reply(
        status=answer.status, kind=kind, pieces=[msgspec.json.decode(each) for each in events if each != b"[DONE]"]
    )


def shape(value: Any, at: str = "") -> dict[str, set[str]]:
    """Every field below a value by its path, with the types it has; the items of a list count as one."""
    found: dict[str, set[str]] = {at: {kind(value)}}
    items = list(value.items()) if isinstance(value, dict) else []
    items += [("[]", item) for item in value] if isinstance(value, list) else []
    for name, item in items:
        for path, kinds in shape(item, f"{at}.{name}").items():
            found.setdefault(path, set()).update(kinds)
    return found


def kind(value: Any) -> str:
    """JSON's name for a value's type."""
    names = {dict: "object", list: "array", str: "text", bool: "truth", int: "number", float: "number"}
    return names.get(type(value), "null")


def frames_of(place: Place, prompt: Sequence[int]) -> list[Frames]:
    """The events that one prompt brings, its answer of one token included."""
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.SUBSCRIBE, b"")
        socket.connect(place.events)
        socket.poll(300)  # until the subscription has arrived
        while socket.poll(0):
            socket.recv_multipart()
        ask(place.url, TEXT, {"model": MODEL, "prompt": list(prompt), "max_tokens": 1, "temperature": 0})
        found: list[Frames] = []
        while socket.poll(QUIET_MS if found else HEARD_MS):
            found.append(socket.recv_multipart())
    return found


def events_of(frames: Sequence[Frames]) -> list[dict[str, Any]]:
    """The events in some frames, one after another."""
    return [event for _, _, payload in frames for event in msgspec.msgpack.decode(payload)[1]]


def replayed(place: Place) -> list[Frames]:
    """Everything that the replay socket sends from the first event on."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(place.replay)
        socket.send_multipart([b"", (0).to_bytes(8, "big")])
        found: list[Frames] = []
        while socket.poll(HEARD_MS):
            found.append(socket.recv_multipart())
            if found[-1][-2] == b"\xff" * 8:
                return found
    raise TimeoutError(f"the replay of {place.replay} did not end after {len(found)} messages")
