"""The load: the C tools built at need, the request bodies, and one run of the client."""

import json
import random
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.gateway.places import HERE, MODEL, RUN

BODIES, GROUPS, BODY_BYTES = 256, 16, 2048
CHUNKS, TTFT_US, GAP_US = 50, 20_000, 5_000
STREAM_S = (TTFT_US + CHUNKS * GAP_US) / 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One way of loading a gateway."""

    stream: bool
    connections: int
    seconds: float
    warm_s: float

    @property
    def name(self) -> str:
        """How figures and tables call it."""
        return f"{'stream' if self.stream else 'chat'} c={self.connections}"

    @property
    def ramp_s(self) -> float:
        """Streams start spread over one stream's length, and connections never at once: no gateway meets one burst."""
        return STREAM_S if self.stream else 0.1


class LoadError(Exception):
    """The client could not finish its run."""


def build(name: str) -> Path:
    """Compile mock.c or load.c when it is newer than its program."""
    source, program = HERE / f"{name}.c", RUN / name
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-o", str(program), str(source)], check=True)
    return program


def word(draw: random.Random) -> str:
    """A made-up word."""
    return "".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(2, 9)))


def write_bodies(stream: bool) -> Path:
    """256 chats of 2 KB whose first three quarters are shared within 16 groups; the same ones every time."""
    draw = random.Random(7)
    heads = [" ".join(word(draw) for _ in range(BODY_BYTES // 9)) for _ in range(GROUPS)]
    lines = [json.dumps(body(heads[i % GROUPS], stream, draw), separators=(",", ":")) for i in range(BODIES)]
    path = RUN / f"bodies-{'stream' if stream else 'chat'}.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


def body(head: str, stream: bool, draw: random.Random) -> dict[str, Any]:
    """One chat: the group's system prompt and a question of its own that fills it up to size."""
    user = {"role": "user", "content": ""}
    chat = {
        "model": MODEL,
        "stream": stream,
        "max_tokens": CHUNKS,
        "messages": [{"role": "system", "content": head}, user],
    }
    while len(json.dumps(chat)) < BODY_BYTES:
        user["content"] += word(draw) + " "
    return chat


def run(cell: Cell, port: int, path: str) -> dict[str, Any]:
    """Load one gateway once; what the client printed."""
    spans = {"-c": cell.connections, "-d": cell.seconds, "-w": cell.warm_s, "-r": cell.ramp_s, "-p": path}
    options = [str(part) for pair in spans.items() for part in pair]
    bodies = RUN / f"bodies-{'stream' if cell.stream else 'chat'}.jsonl"
    command = [str(RUN / "load"), *options, "-f", str(bodies), f"127.0.0.1:{port}"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=cell.seconds + cell.warm_s + 30
        )
    except subprocess.CalledProcessError as error:
        raise LoadError(error.stderr.strip() or f"load exited {error.returncode}") from error
    except subprocess.TimeoutExpired as error:
        raise LoadError("the load client did not end") from error
    report: dict[str, Any] = json.loads(done.stdout)
    if not report["total_requests"]:
        raise LoadError(f"no request was answered, {report['errors']} failed")
    return report
