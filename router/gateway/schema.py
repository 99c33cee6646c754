"""The fields of request bodies that routing reads; everything else passes through unread."""

import msgspec


class Message(msgspec.Struct, gc=False):
    """One chat message."""

    role: str
    content: str | list[msgspec.Raw] | None = None


class Chat(msgspec.Struct, gc=False):
    """/v1/chat/completions."""

    model: str
    messages: list[Message]
    stream: bool | None = False
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = 1
    user: str | None = None


class Completion(msgspec.Struct, gc=False):
    """/v1/completions."""

    model: str
    prompt: str | list[int | str | list[int]]
    stream: bool | None = False
    max_tokens: int | None = None
    n: int | None = 1
    user: str | None = None


class Other(msgspec.Struct, gc=False):
    """Every other path that names a model."""

    model: str
    stream: bool | None = False


class Part(msgspec.Struct, gc=False):
    """One part of a message's content."""

    type: str = ""
    text: str = ""


chat = msgspec.json.Decoder(Chat).decode
completion = msgspec.json.Decoder(Completion).decode
other = msgspec.json.Decoder(Other).decode
part = msgspec.json.Decoder(Part).decode
NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
NOT_VALID = msgspec.ValidationError
"""What the decoders raise: of a body that is not JSON, and of one whose fields have the wrong types."""
