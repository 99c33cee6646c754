"""The fields of request bodies that routing reads; everything else passes through unread."""

import msgspec

ABSENT = msgspec.Raw()
"""What a field read as it stands is when the body lacks it; its very identity says so."""


class Part(msgspec.Struct, gc=False):
    """One part of a message's content; what is not text says nothing here."""

    type: str = ""
    text: str = ""


class Message(msgspec.Struct, gc=False):
    """One chat message."""

    role: str
    content: str | list[Part] | None = None


class Handed(msgspec.Struct, kw_only=True):
    """What says where an engine is to fetch KV, or an image's encoding, from: for the router alone to say."""

    kv_transfer_params: msgspec.Raw = ABSENT
    ec_transfer_params: msgspec.Raw = ABSENT
    bootstrap_host: msgspec.Raw = ABSENT
    bootstrap_port: msgspec.Raw = ABSENT
    bootstrap_room: msgspec.Raw = ABSENT
    vllm_xargs: msgspec.Raw = ABSENT  # vLLM puts the first of these among them, so they may hide it


class Generation(Handed, kw_only=True, gc=False):
    """What both ways to generate have."""

    model: str
    stream: bool | None = False
    max_tokens: int | None = None
    n: int | None = 1
    user: str | None = None
    return_token_ids: msgspec.Raw = ABSENT
    stop: msgspec.Raw = ABSENT
    logprobs: msgspec.Raw = ABSENT
    prompt_logprobs: msgspec.Raw = ABSENT
    echo: msgspec.Raw = ABSENT
    response_format: msgspec.Raw = ABSENT
    structured_outputs: msgspec.Raw = ABSENT
    guided_json: msgspec.Raw = ABSENT
    guided_regex: msgspec.Raw = ABSENT
    guided_choice: msgspec.Raw = ABSENT
    guided_grammar: msgspec.Raw = ABSENT
    use_beam_search: msgspec.Raw = ABSENT
    cache_salt: str | None = None


class Chat(Generation, kw_only=True, gc=False):
    """/v1/chat/completions."""

    messages: list[Message]
    tools: msgspec.Raw = ABSENT
    max_completion_tokens: int | None = None
    continue_final_message: msgspec.Raw = ABSENT
    thinking_token_budget: msgspec.Raw = ABSENT


class Completion(Generation, kw_only=True, gc=False):
    """/v1/completions."""

    prompt: str | list[int | str | list[int]]
    best_of: msgspec.Raw = ABSENT
    suffix: msgspec.Raw = ABSENT
    prompt_embeds: msgspec.Raw = ABSENT


class Other(Handed, gc=False):
    """Every other path that names a model."""

    model: str
    stream: bool | None = False


chat = msgspec.json.Decoder(Chat).decode
completion = msgspec.json.Decoder(Completion).decode
other = msgspec.json.Decoder(Other).decode
NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
NOT_VALID = msgspec.ValidationError
"""What the decoders raise: of a body that is not JSON, and of one whose fields have the wrong types."""
