"""What is read of a body beside what routing reads, and where some of its members stand in its bytes.

Members are found by the decoder itself: a member read raw is a view of the body, so where it lies in memory says where
it stands. Nothing is written again but the member that changes.
"""

from typing import Any, NamedTuple

import msgspec
import numpy as np

ABSENT = msgspec.Raw()


class Asked(msgspec.Struct, gc=False):
    """What rules may read of a body, whatever its path."""

    messages: Any = None
    input: Any = None
    prompt: Any = None
    system: Any = None
    instructions: Any = None
    tools: Any = None
    response_format: Any = None
    previous_response_id: Any = None
    max_tokens: Any = None
    max_completion_tokens: Any = None
    max_output_tokens: Any = None


class Members(msgspec.Struct, gc=False):
    """Members as they stand in the body."""

    model: msgspec.Raw
    messages: msgspec.Raw = ABSENT
    tools: msgspec.Raw = ABSENT
    chat_template_kwargs: msgspec.Raw = ABSENT


asked = msgspec.json.Decoder(Asked).decode
members = msgspec.json.Decoder(Members).decode
raws = msgspec.json.Decoder(list[msgspec.Raw]).decode
anything = msgspec.json.Decoder().decode


class Places(NamedTuple):
    """Where members stand in a body; None for one that it lacks."""

    model: slice
    messages: slice | None
    tools: slice | None
    has_kwargs: bool  # whether it says `chat_template_kwargs` itself


def places(body: bytes) -> Places:
    """Where a body's members stand."""
    found = members(body)
    messages, tools = (None if one is ABSENT else where(body, one) for one in (found.messages, found.tools))
    return Places(where(body, found.model), messages, tools, found.chat_template_kwargs is not ABSENT)


def where(body: bytes, member: msgspec.Raw) -> slice:
    """The bytes of the body that a member is."""
    start = _address(member) - _address(body)
    found = slice(start, start + len(memoryview(member)))
    assert body[found] == bytes(member)
    return found


def _address(data: bytes | msgspec.Raw) -> int:
    return int(np.frombuffer(data, np.uint8).ctypes.data)
