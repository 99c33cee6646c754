"""Fake vLLM streams that tell token ids, break where they are told to, and go on from any context in the same words."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from tests.router.fakes import STREAM_HEAD, FakeReplica, Trick, event, whole

PROMPT = [5, 70_001, 12]
ANSWER = 12  # tokens, the last of them with a finish_reason
Break = Callable[[asyncio.StreamWriter, bytes], None]
"""What is done instead of sending an event."""


def word(position: int) -> str:
    """The text of an answer's token: one in four is the first half of a character, and says nothing by itself."""
    return "" if position % 4 == 2 else f" w{position}é" if position % 4 == 3 else f" w{position}"


def token(position: int) -> int:
    """The id of an answer's token."""
    return position if position % 3 == 0 else 1_000 * position


TEXT = "".join(word(i) for i in range(ANSWER))
IDS = [token(i) for i in range(ANSWER)]


def reset(writer: asyncio.StreamWriter, event_: bytes) -> None:
    """The connection is reset."""
    writer.transport.abort()


def half(writer: asyncio.StreamWriter, event_: bytes) -> None:
    """Half of the event, and the end of the connection."""
    writer.write(event_[: len(event_) // 2])
    writer.close()


def bad_chunk(writer: asyncio.StreamWriter, event_: bytes) -> None:
    """Something that is no chunk."""
    writer.write(b"zz\r\n" + event_)


def engine_error(writer: asyncio.StreamWriter, event_: bytes) -> None:
    """What vLLM says when its engine is dead, and a proper end."""
    told = {"error": {"message": "EngineCore died", "type": "InternalServerError", "param": None, "code": 500}}
    writer.write(event(told) + event("[DONE]") + b"0\r\n\r\n")


def stall(writer: asyncio.StreamWriter, event_: bytes) -> None:
    """Nothing, for good."""


def speaks(
    until: int = 99, how: Break = reset, together: int = 1, ids: bool = True, pieces: int = 1, gap_s: float = 0.001
) -> Trick:
    """Streams the answer from where the request's context ends; breaks in place of event `until`, counted from 0.

    `together` tokens make one event, `pieces` events leave in one write. With `ids` off the engine knows no such field.
    """

    async def trick(replica: FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
        asked = json.loads(body)
        writer.write(STREAM_HEAD)
        told = _events(asked, together, ids and bool(asked.get("return_token_ids")))
        for written, one in enumerate(told):
            if written == until:
                how(writer, one)
                if how is stall:
                    await replica.let_go.wait()
                await asyncio.sleep(0.01)
                return False
            writer.write(one)
            if written % pieces == pieces - 1:
                await asyncio.sleep(gap_s)
        writer.write(event("[DONE]") + b"0\r\n\r\n")
        return True

    return trick


def each(*tricks: Trick) -> Trick:
    """One trick after the other, over all replicas that share it; the last one stays."""
    left = list(tricks)

    async def trick(replica: FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
        return await (left.pop(0) if len(left) > 1 else left[0])(replica, writer, body)

    return trick


def refuses_unless_chat(trick: Trick) -> Trick:
    """An engine that takes chats but no token ids."""

    async def refusing(replica: FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
        if b'"messages"' in body:
            return await trick(replica, writer, body)
        writer.write(whole(b'{"error":{"message":"no"}}', "400 Bad Request"))
        return True

    return refusing


def _events(asked: dict[str, Any], together: int, ids: bool) -> list[bytes]:
    chat = "messages" in asked
    prompt = PROMPT if chat or isinstance(asked["prompt"], str) else asked["prompt"]
    said = len(prompt) - len(PROMPT)
    assert prompt == PROMPT + IDS[:said]
    most = min(said + (asked.get("max_tokens") or 99), ANSWER)
    head = {"id": f"{'chat' if chat else ''}cmpl-{said}", "object": "o", "created": 1700 + said, "model": "m"}
    told = [_role(head, prompt if ids else None)] if chat else []
    for start in range(said, most, together):
        positions = range(start, min(start + together, most))
        last = positions[-1] == most - 1
        finish = ("stop" if most == ANSWER else "length") if last else None
        piece = _piece(chat, "".join(map(word, positions)), finish, [token(i) for i in positions] if ids else None)
        if not chat:
            piece["prompt_token_ids"] = prompt if ids and start == said else None
        told.append({**head, "choices": [piece]})
    if (asked.get("stream_options") or {}).get("include_usage"):
        usage = {
            "prompt_tokens": len(prompt),
            "completion_tokens": most - said,
            "total_tokens": len(prompt) + most - said,
        }
        told.append({**head, "choices": [], "usage": {**usage, "prompt_tokens_details": {"cached_tokens": 1}}})
    return [event(one) for one in told]


def _role(head: dict[str, Any], prompt: list[int] | None) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None}
    return {**head, "choices": [choice], "prompt_token_ids": prompt}


def _piece(chat: bool, text: str, finish: str | None, ids: list[int] | None) -> dict[str, Any]:
    said: dict[str, Any] = {"delta": {"content": text}} if chat else {"text": text}
    return {"index": 0, **said, "logprobs": None, "finish_reason": finish, "stop_reason": None, "token_ids": ids}
