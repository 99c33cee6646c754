"""The fields of request bodies that routing reads; everything else passes through unread."""

import msgspec


class Part(msgspec.Struct, gc=False):
    """One part of a message's content; what is not text says nothing here."""

    type: str = ""
    text: str = ""


class Message(msgspec.Struct, gc=False):
    """One chat message."""

    role: str
    content: str | list[Part] | None = None


class Chat(msgspec.Struct, gc=False):
    """/v1/chat/completions."""

    model: str
    messages: list[Message]
    tools: msgspec.Raw = msgspec.Raw()
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


chat = msgspec.json.Decoder(Chat).decode
completion = msgspec.json.Decoder(Completion).decode
other = msgspec.json.Decoder(Other).decode
NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
NOT_VALID = msgspec.ValidationError
"""What the decoders raise: of a body that is not JSON, and of one whose fields have the wrong types."""
