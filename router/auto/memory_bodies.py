"""Bodies with less of their past, or fewer tools: what is left is said as it was, what is gone in short."""

import re
from collections.abc import Collection, Sequence

import msgspec

from policies.sessions.memory_tier import Shaping, Tier
from router.auto.leg_bodies import Plain, read, within
from router.auto.rewriting import tool_name
from router.classify.compress import CHARACTERS_A_TOKEN, compress, sentences

EARLIER = "Earlier in this conversation, shortened:\n"
LONG_AGO = "earlier|before|previously|remember|remind|at the beginning|you said|we said|i told"
RECALLS = re.compile(rf"\b({LONG_AGO})\b", re.IGNORECASE)
WORD = re.compile(r"\w{4,40}")
FEWEST_TOKENS = 8  # of a message in short

_encode = msgspec.json.Encoder().encode


def recalls(question: str) -> bool:
    """Whether a question asks for something said long ago, by its words."""
    return bool(RECALLS.search(question[-4000:]))


def turn_tokens(body: bytes) -> list[float]:
    """Tokens of each turn, about: a user's message and what follows it."""
    return [sum(map(_tokens, turn)) for turn in _turns(_messages(read(body)))[1]]


def shortened(body: bytes, tier: Tier, shaping: Shaping) -> bytes:
    """The body with only its last turns as they are, and the rest in short or as far as it fits the question."""
    told = read(body)
    opening, turns = _turns(_messages(told))
    recent = shaping.recent_turns
    if told is None or tier is Tier.FULL or len(turns) <= recent:
        return body
    older, newer = turns[:-recent], [each for turn in turns[-recent:] for each in turn]
    said = [(str(each.get("role")), within(_text(each))) for turn in older for each in turn if _text(each)]
    question = next((within(_text(each)) for each in reversed(newer) if each.get("role") == "user"), "")
    kept = _summary(said, shaping) if tier is Tier.SUMMARY else _retrieved(said, question, shaping)
    short = [{"role": "system", "content": EARLIER + kept}] if kept else []
    return _encode(told | {"messages": [*opening, *short, *newer]})


def with_tools(body: bytes, names: Collection[str]) -> bytes:
    """The body with these tools alone."""
    told = read(body)
    tools = told.get("tools") if told else None
    if told is None or not isinstance(tools, list):
        return body
    return _encode(told | {"tools": [tool for tool in tools if tool_name(tool) in names] or None})


def tools_of(body: bytes) -> dict[str, str]:
    """What tools say they do, by name."""
    told = read(body)
    tools = told.get("tools") if told else None
    listed = [tool for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
    return {tool_name(tool): f"{tool_name(tool)}: {_described(tool)}" for tool in listed if tool_name(tool)}


def _described(tool: Plain) -> str:
    function = tool.get("function", tool)
    said = function.get("description") if isinstance(function, dict) else None
    return said if isinstance(said, str) else ""


def _messages(told: Plain | None) -> list[Plain]:
    messages = told.get("messages") if told else None
    return [each for each in messages if isinstance(each, dict)] if isinstance(messages, list) else []


def _turns(messages: Sequence[Plain]) -> tuple[list[Plain], list[list[Plain]]]:
    """What stands before the first user's message, and the turns since."""
    opening: list[Plain] = []
    turns: list[list[Plain]] = []
    for each in messages:
        if each.get("role") == "user":
            turns.append([each])
        else:
            (turns[-1] if turns else opening).append(each)
    return opening, turns


def _text(message: Plain) -> str:
    content = message.get("content")
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _tokens(message: Plain) -> float:
    return len(_text(message)) / CHARACTERS_A_TOKEN


def _summary(said: Sequence[tuple[str, str]], shaping: Shaping) -> str:
    """Each message in short."""
    rooms = [max(int(shaping.summary * len(text) / CHARACTERS_A_TOKEN), FEWEST_TOKENS) for _, text in said]
    return "\n".join(f"{role}: {compress(text, room)}" for (role, text), room in zip(said, rooms, strict=True))


def _retrieved(said: Sequence[tuple[str, str]], question: str, shaping: Shaping) -> str:
    """The sentences that share most words with the question, in their order, as far as there is room."""
    words = set(WORD.findall(question.lower()))
    pieces = [f"{role}: {one}" for role, text in said for one in sentences(text)]
    shared = [len(words & set(WORD.findall(piece.lower()))) for piece in pieces]
    kept, left = set[int](), shaping.retrieved_tokens * CHARACTERS_A_TOKEN
    for i in sorted(range(len(pieces)), key=lambda i: (-shared[i], -i)):
        if shared[i] and len(pieces[i]) <= left:
            kept.add(i)
            left -= len(pieces[i])
    return "\n".join(pieces[i] for i in sorted(kept))
