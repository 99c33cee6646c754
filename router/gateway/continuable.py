"""Whose stream another replica could go on with: what a body's fields say of it."""

import msgspec

from router.gateway.schema import ABSENT, Chat, Completion
from router.order import Order

OFF = frozenset((b"null", b"false", b"[]", b"{}", b'""', b"0"))
MOST_LAG = 256  # characters; with longer stop strings too much would have to be said again

_stops = msgspec.json.Decoder(str | list[str]).decode


def note_chat(order: Order, chat: Chat) -> None:
    """Note of a chat what its stream's continuation needs."""
    for raw in (
        chat.tools, chat.logprobs, chat.prompt_logprobs, chat.echo, chat.response_format, chat.structured_outputs,
        chat.guided_json, chat.guided_regex, chat.guided_choice, chat.guided_grammar, chat.use_beam_search,
        chat.continue_final_message, chat.thinking_token_budget,
    ):  # fmt: skip
        if raw is not ABSENT and bytes(raw) not in OFF:
            return
    if not order.media:
        _note(order, chat.n, chat.stop, chat.return_token_ids)


def note_completion(order: Order, completion: Completion) -> None:
    """Note of a completion what its stream's continuation needs."""
    for raw in (
        completion.logprobs, completion.prompt_logprobs, completion.echo, completion.response_format,
        completion.structured_outputs, completion.guided_json, completion.guided_regex, completion.guided_choice,
        completion.guided_grammar, completion.use_beam_search, completion.suffix, completion.prompt_embeds,
    ):  # fmt: skip
        if raw is not ABSENT and bytes(raw) not in OFF:
            return
    alone = completion.best_of is ABSENT or bytes(completion.best_of) in (b"1", b"null")
    if alone and (order.prompt is not None or order.tokens is not None):
        _note(order, completion.n, completion.stop, completion.return_token_ids)


def _note(order: Order, choices: int | None, stop: msgspec.Raw, ids: msgspec.Raw) -> None:
    if choices not in (None, 1) or (ids is not ABSENT and bytes(ids) != b"true"):
        return
    lag = 0 if stop is ABSENT else _lag(bytes(stop))
    if lag <= MOST_LAG:
        order.lag, order.shows_ids = lag, ids is not ABSENT


def _lag(stop: bytes) -> int:
    """Characters that an engine holds back for fear of a stop string: one fewer than the longest has."""
    if stop in OFF:
        return 0
    try:
        stops = _stops(stop)
    except msgspec.MsgspecError:
        return MOST_LAG + 1
    return max([len(one) - 1 for one in ([stops] if isinstance(stops, str) else stops)], default=0)
