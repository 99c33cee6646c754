"""What a gateway and the classifier say to one another: frames of msgpack over a socket of this machine."""

import msgspec

from policies.signals.reading import Reading

VECTOR = "vector"  # asked for like a signal, answered as a vector
HEAD, TAIL = 12_000, 6_000  # characters of a text that are sent: more is never looked at


class Ask(msgspec.Struct, array_like=True, gc=False):
    """Read these signals of this text."""

    id: int
    names: list[str]
    text: str
    previous: str  # what the user had said the turn before
    within_s: float  # an answer later than that is of no use
    tokens: int = 0  # of all that the model is asked with the text; 0 where nobody counted


class Told(msgspec.Struct, array_like=True, gc=False):
    """What was read; a signal that is not there is unknown."""

    id: int
    readings: dict[str, Reading]
    late: bool = False  # it was not begun, because it would not have been done in time
    light: bool = False  # stand-ins of the static tier read it, because the encoder would not have been done in time
    vector: bytes = b""  # the text's embedding as float32, where that was asked for


class Meanings(msgspec.Struct, array_like=True, gc=False):
    """What the rules of this connection call what: anchors' examples; partitions' members, temperature, least share."""

    anchors: dict[str, tuple[str, ...]]
    partitions: dict[str, tuple[tuple[str, ...], float, float]]


encode = msgspec.msgpack.Encoder().encode
_ask = msgspec.msgpack.Decoder(Ask)
_told = msgspec.msgpack.Decoder(Told)
_meanings = msgspec.msgpack.Decoder(Meanings)

ASK, MEANINGS = b"a", b"m"
"""The first byte of a frame to the classifier."""


def asked(frame: bytes) -> Ask | Meanings:
    """A frame from a gateway."""
    return _meanings.decode(frame[1:]) if frame[:1] == MEANINGS else _ask.decode(frame[1:])


def told(frame: bytes) -> Told:
    """A frame from the classifier."""
    return _told.decode(frame)


def sendable(text: str) -> str:
    """The beginning and the end of a text, without what UTF-8 cannot say."""
    if len(text) > HEAD + TAIL:
        text = f"{text[:HEAD]}\n{text[-TAIL:]}"
    return text.encode("utf-8", "replace").decode()
