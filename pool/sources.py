"""Where an engine says that its ranks publish KV events: vLLM's `/kv_event_sources`, publishers by rank. Pure."""

import json
from typing import Any, NamedTuple

PATH = "/kv_event_sources"
MOST_RANKS = 64


class Source(NamedTuple):
    """One rank's endpoints."""

    rank: int
    events: str
    replay: str = ""
    topic: str = ""


class BadSources(ValueError):
    """An answer that names no endpoints."""


def read(body: bytes, address: str) -> list[Source]:
    """The sources of the engine at host:port, by rank; none when it publishes nothing. Raises `BadSources`.

    Only the ports are taken, on the engine's own host: its word must not point the pool elsewhere.
    """
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise BadSources("not JSON") from None
    if not isinstance(said, dict) or len(said) > MOST_RANKS or not all(str(rank).isdecimal() for rank in said):
        raise BadSources("not publishers by rank")
    host = address.rpartition(":")[0]
    found = [_source(int(rank), said[rank], host) for rank in sorted(said, key=int)]
    return [source for source in found if source is not None]


def _source(rank: int, said: Any, host: str) -> Source | None:
    if not isinstance(said, dict):
        raise BadSources(f"rank {rank} is no publisher")
    if said.get("publisher") != "zmq":
        return None
    replay = said.get("replay_endpoint")
    topic = said.get("topic")
    events = _endpoint(said.get("endpoint"), host)
    return Source(rank, events, _endpoint(replay, host) if replay else "", topic if isinstance(topic, str) else "")


def _endpoint(said: Any, host: str) -> str:
    scheme, _, rest = said.partition("://") if isinstance(said, str) else ("", "", "")
    port = rest.rpartition(":")[2]
    if scheme != "tcp" or not (port.isascii() and port.isdecimal()) or not 0 < int(port) < 1 << 16:
        raise BadSources(f"{said!r:.80} is no tcp://host:port")
    return f"tcp://{host}:{port}"


def placed(sources: list[Source], events: str, replay: str) -> list[Source]:
    """The sources where a fleet file names the first one's endpoints: its ports may be mapped, so all shift alike."""
    if not sources or not events:
        return sources
    first = sources[0]
    return [
        each._replace(
            events=_further(events, _port(each.events) - _port(first.events)),
            replay=_further(replay, _port(each.replay) - _port(first.replay)) if replay else "",
        )
        for each in sources
    ]


def ranks(first: Source, count: int) -> list[Source]:
    """The endpoints of so many ranks where an engine does not say: each port one further on, as vLLM has them."""
    return [
        first._replace(rank=rank, events=_further(first.events, rank), replay=_further(first.replay, rank))
        for rank in range(count if first.events else 1)
    ]


def _port(endpoint: str) -> int:
    port = endpoint.rpartition(":")[2]
    return int(port) if port.isdecimal() else 0


def _further(endpoint: str, by: int) -> str:
    host, _, port = endpoint.rpartition(":")
    return f"{host}:{int(port) + by}" if port.isdecimal() else endpoint
