"""Dynamic metadata of a request: which endpoints it may go to, and which one has served it."""

from typing import Final

from router.extproc.messages import field

SUBSET: Final = b"envoy.lb.subset_hint"
SUBSET_KEY: Final = b"x-gateway-destination-endpoint-subset"
BALANCER: Final = b"envoy.lb"
SERVED_KEY: Final = b"x-gateway-destination-endpoint-served"


def subset(data: bytes, at: int, end: int) -> list[str] | None:
    """The endpoints that the data plane allows, from the `metadata_context` of a message; None where it allows all."""
    return _value(data, at, end, SUBSET, SUBSET_KEY)


def served(data: bytes, at: int, end: int) -> str:
    """The endpoint that served the request; empty where the data plane does not say."""
    found = _value(data, at, end, BALANCER, SERVED_KEY)
    return found[0] if found else ""


def _value(data: bytes, at: int, end: int, space: bytes, key: bytes) -> list[str] | None:
    """The endpoints under `key` in the namespace `space` of a Metadata message."""
    for struct in _entries(data, at, end, space):
        for value in _entries(data, struct[0], struct[1], key):
            return [one for text in _texts(data, value[0], value[1]) for one in _split(text)]
    return None


def _entries(data: bytes, at: int, end: int, key: bytes) -> list[tuple[int, int]]:
    """Where the values under a key of a map lie: both Metadata and Struct are one map, their field 1."""
    found = []
    while at < end:
        number, start, at = field(data, at, end)
        if number != 1:
            continue
        name, value = b"", (0, 0)
        inner = start
        while inner < at:
            part, start, inner = field(data, inner, at)
            if part == 1:
                name = data[start:inner]
            elif part == 2:
                value = (start, inner)
        if name == key:
            found.append(value)
    return found


def _texts(data: bytes, at: int, end: int) -> list[bytes]:
    """The texts of a Value: itself, or the members of its list."""
    found: list[bytes] = []
    while at < end:
        number, start, at = field(data, at, end)
        if number == 3:
            found.append(data[start:at])
        elif number == 6:
            inner = start
            while inner < at:
                _, start, inner = field(data, inner, at)
                found += _texts(data, start, inner)
    return found


def _split(text: bytes) -> list[str]:
    return [one.strip() for one in text.decode("latin-1").split(",") if one.strip()]
