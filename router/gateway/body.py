"""A request's body: parsed once, checked, and never written again."""

import msgspec

from policies.request import hash31
from router.gateway import schema
from router.gateway.continuable import note_chat, note_completion
from router.gateway.schema import ABSENT, Chat, Completion, Handed, Message
from router.models import count
from router.order import Order
from weir.tokenizer import Tokenizer

MOST_NAME = 256  # characters of a session's name, as of one in a header: many are remembered
MOST_SALT = 1024  # characters of a cache salt
SPOKEN = frozenset(("text", "input_text", "output_text", "refusal", "thinking", "tool_reference", ""))


class BadRequest(Exception):
    """A body that is refused with 400: a sentence that says what to change, and the field it is about."""

    def __init__(self, message: str, param: str = "") -> None:
        super().__init__(message)
        self.message, self.param = message, param


class ForeignKv(BadRequest):
    """A client that would say itself where an engine is to fetch KV from."""


class Limits:
    """What a body may ask for."""

    __slots__ = ("max_choices", "max_output_tokens")

    def __init__(self, max_output_tokens: int, max_choices: int) -> None:
        self.max_output_tokens, self.max_choices = max_output_tokens, max_choices


def parse(path: bytes, body: bytes, request_id: str, limits: Limits) -> Order:
    """The body of a POST to `path` as an order; raises `BadRequest`."""
    if not body:
        raise BadRequest("The body is empty; send a JSON object.")
    try:
        if not body.isascii():
            body.decode()
        if path == b"/v1/chat/completions":
            return _from_chat(schema.chat(body), body, request_id, limits)
        if path == b"/v1/completions":
            return _from_completion(schema.completion(body), body, request_id, limits)
        other = schema.other(body)
        _own(other)
        return Order(request_id, other.model, body, stream=bool(other.stream))
    except schema.NOT_VALID as wrong:
        raise _invalid(str(wrong)) from None
    except schema.NOT_JSON as wrong:
        raise BadRequest(f"The body is not valid JSON ({wrong}); send a JSON object in UTF-8.") from None


def tokenise(order: Order, template: str, vocabulary: Tokenizer) -> None:
    """Count an order's tokens, a chat in the form of a template, or note why they cannot be told; raises `BadRequest`
    for text that is none.
    """
    if order.media:
        order.untold = "media"
        return
    if order.chat is not None:
        order.messages = said(order.chat)  # type: ignore[arg-type]
    try:
        count(order, template, vocabulary)
    except UnicodeError:
        raise BadRequest("The prompt holds half of a surrogate pair; send whole characters.") from None


def said(messages: list[Message]) -> list[tuple[str, str]]:
    """Messages as (role, text); the parts of a content that are not text say nothing here."""
    return [(message.role, _text(message.content)) for message in messages]


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    return "".join([part.text for part in content]) if isinstance(content, list) else ""


def _from_chat(chat: Chat, body: bytes, request_id: str, limits: Limits) -> Order:
    _own(chat)
    if not chat.messages:
        raise BadRequest("`messages` is empty; send at least one message with a role and content.", "messages")
    bound = chat.max_tokens if chat.max_completion_tokens is None else chat.max_completion_tokens
    _check(bound, chat.n, limits)
    start = body.find(b'"messages"')
    tools = bytes(chat.tools)
    if tools:
        start = min(start, body.find(b'"tools"'))  # other tools are another prompt, wherever they stand
    order = Order(request_id, chat.model, body, max(start, 0), bound or 0, bool(chat.stream))
    order.chat = chat.messages
    if tools:
        order.tools = hash31(tools)
    if chat.user is not None:
        order.session = chat.user[:MOST_NAME]
    if chat.cache_salt is not None:
        order.salt = _salt(chat.cache_salt)
    _see_media(order, chat.messages)
    if order.stream:
        note_chat(order, chat)
    return order


def _see_media(order: Order, messages: list[Message]) -> None:
    """Note the parts that are not text, and how much there is beside them."""
    for message in messages:
        content = message.content
        if isinstance(content, list):
            for part in content:
                if part.type not in SPOKEN:
                    order.media += 1
    if order.media:
        order.said_bytes = sum([len(text.encode(errors="replace")) for _, text in said(messages)])


def _salt(salt: str) -> str:
    if not 0 < len(salt) <= MOST_SALT:
        raise BadRequest(
            f"`cache_salt` must have 1 to {MOST_SALT} characters, not {len(salt)}; leave it out to share the cache.",
            "cache_salt",
        )
    return salt


def _from_completion(completion: Completion, body: bytes, request_id: str, limits: Limits) -> Order:
    _own(completion)
    if not completion.prompt:
        raise BadRequest("`prompt` is empty; send text or token ids.", "prompt")
    bound = 16 if completion.max_tokens is None else completion.max_tokens
    _check(bound, completion.n, limits)
    start = max(body.find(b'"prompt"'), 0)
    session = (completion.user or "")[:MOST_NAME]
    order = Order(request_id, completion.model, body, start, bound, bool(completion.stream), session)
    if completion.cache_salt is not None:
        order.salt = _salt(completion.cache_salt)
    _single(order, completion.prompt)
    if order.stream:
        note_completion(order, completion)
    return order


def _own(given: Handed) -> None:
    """Refuse a client's own hand-over: it would make an engine connect wherever the client likes."""
    kv, ec, xargs = given.kv_transfer_params, given.ec_transfer_params, given.vllm_xargs
    host, port, room = given.bootstrap_host, given.bootstrap_port, given.bootstrap_room
    if kv is ABSENT and ec is ABSENT and host is ABSENT and port is ABSENT and room is ABSENT and xargs is ABSENT:
        return
    for name, value in (
        ("kv_transfer_params", kv), ("ec_transfer_params", ec), ("bootstrap_host", host), ("bootstrap_port", port),
        ("bootstrap_room", room),
    ):  # fmt: skip
        if value is not ABSENT and bytes(value) != b"null":
            raise ForeignKv(f"`{name}` is for the router to set; leave it out.", name)
    if xargs is not ABSENT and b"transfer_params" in msgspec.json.encode(msgspec.json.decode(xargs)):
        raise ForeignKv("`vllm_xargs` holds a hand-over, which is for the router to set; leave it out.", "vllm_xargs")


def _single(order: Order, prompt: object) -> None:
    """Note the prompt where there is one: text, or its token ids."""
    if isinstance(prompt, str):
        order.prompt = prompt
        return
    assert isinstance(prompt, list)
    if not prompt:
        raise BadRequest("`prompt` is empty; send text or token ids.", "prompt")
    kinds = {type(item) for item in prompt}
    if len(kinds) > 1:
        raise BadRequest("`prompt` must be a text, a list of token ids, or a list of either.", "prompt")
    if kinds == {int}:
        order.tokens = _tokens(prompt)
    elif len(prompt) == 1:
        _single(order, prompt[0])
    else:
        for one in prompt:
            if isinstance(one, list):
                _tokens(one)


def _tokens(ids: list[int]) -> list[int]:
    if not ids or min(ids) < 0 or max(ids) >= 1 << 32:
        raise BadRequest("Token ids in `prompt` must be whole numbers from 0 to 4294967295.", "prompt")
    return ids


def _check(max_tokens: int | None, n: int | None, limits: Limits) -> None:
    if max_tokens is not None and not 1 <= max_tokens <= limits.max_output_tokens:
        raise BadRequest(f"`max_tokens` must be 1 to {limits.max_output_tokens}, not {max_tokens}.", "max_tokens")
    if n is not None and not 1 <= n <= limits.max_choices:
        raise BadRequest(f"`n` must be 1 to {limits.max_choices}, not {n}.", "n")


def _invalid(told: str) -> BadRequest:
    """msgspec's words, with the field where it names one."""
    if told.startswith("Object missing required field"):
        field = told.split("`")[1]
        return BadRequest(f"The field `{field}` is missing.", field)
    _, _, at = told.partition(" - at `$")
    return BadRequest(f"{told}.", at.rstrip("`").lstrip(".").partition("[")[0].partition(".")[0])
