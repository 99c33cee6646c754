"""What the models of a cascade are asked, and what their answers look like to the client."""

from math import isfinite
from typing import Any

import msgspec

from policies.select.confidence import Answer
from policies.select.rules.rule import Cascading
from router.classify.compress import CHARACTERS_A_TOKEN, compress

JUDGES = (
    "You grade answers. You are shown a question and an answer to it. Say how likely the answer is right and complete, "
    "as a whole number from 0 (surely not) to 10 (surely). Say nothing but the number."
)
JUDGED_CHARACTERS = 8000  # of a question, and of an answer, that a judge is shown
MOST_READ = 100_000  # characters of one message that are looked through
SHORT = 400  # characters of a message that is not compressed

LONG = frozenset(("messages", "tools"))
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

Plain = dict[str, Any]
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.decode


def read(body: bytes) -> Plain | None:
    """A body as an object; None where it is none."""
    try:
        told = _decode(body)
    except UNREADABLE:
        return None
    return told if isinstance(told, dict) else None


def asked(body: bytes) -> Plain | None:
    """A body as an object, its messages and tools left as they stand: that takes no longer for many than for few."""
    try:
        return {name: each if name in LONG else _decode(each) for name, each in _members(body).items()}
    except UNREADABLE:
        return None


def fits(told: Plain) -> bool:
    """Whether its answer can be judged before the client has a byte of it: one choice, of tokens."""
    return told.get("n") in (None, 1) and not told.get("prompt_logprobs") and not told.get("audio")


def cheap(told: Plain, rule: Cascading) -> bytes:
    """The cheap model's body: unstreamed, with what its confidence is read from."""
    leg = {name: value for name, value in told.items() if name not in ("stream", "stream_options")}
    if "margin" in rule.by:
        most = told.get("top_logprobs")
        leg |= {"logprobs": True, "top_logprobs": max(most if isinstance(most, int) else 0, 2)}
    if "agreement" in rule.by:
        leg["n"] = rule.answers
    return _encode(leg)


def judged(rule: Cascading, question: str, answer: str) -> bytes:
    """A judge's body."""
    shown = f"Question:\n{question[:JUDGED_CHARACTERS]}\n\nAnswer:\n{answer[:JUDGED_CHARACTERS]}"
    messages = [{"role": "system", "content": JUDGES}, {"role": "user", "content": shown}]
    return _encode({"model": rule.judge, "messages": messages, "max_tokens": 8, "temperature": 0.0})


def verdict(body: bytes) -> float:
    """What a judge said, 0..1; NaN where that is no number."""
    told = read(body)
    words = "".join(c if c.isdigit() or c == "." else " " for c in text_of(_choice(told, 0))).split()
    try:
        found = float(words[0]) / 10.0 if words else float("nan")
    except ValueError:
        return float("nan")
    return min(found, 1.0) if isfinite(found) else found


def compressed(body: bytes, share: float) -> bytes:
    """The body with its long texts cut to about a share of what they were: a chat's messages, a completion's prompt."""
    told = read(body)
    messages = told.get("messages") if told else None
    if told is not None and isinstance(told.get("prompt"), str):
        return _encode(told | {"prompt": _shortened(told["prompt"], share)})
    if told is None or not isinstance(messages, list):
        return body
    return _encode(told | {"messages": [_shorter(each, share) for each in messages]})


def answer_of(told: Plain | None) -> Answer | None:
    """A reply as confidence is read from it; None where it is no chat completion."""
    first = _choice(told, 0)
    if told is None or first is None:
        return None
    pairs = [pair for entry in _logged(first) if (pair := _pair(entry)) is not None]
    again = tuple(text_of(_choice(told, i)) for i in range(1, len(told["choices"])))
    chosen, runners = tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs)
    return Answer(text=text_of(first), logprobs=chosen, runners_up=runners, again=again)


def shown(answer: Plain, asked: Plain) -> Plain:
    """A cheap answer as the client would have had it: one choice, and no more log-probabilities than it asked for."""
    choice = dict(answer["choices"][0])
    if not asked.get("logprobs"):
        choice["logprobs"] = None
    elif isinstance(logged := choice.get("logprobs"), dict) and isinstance(logged.get("content"), list):
        most = asked.get("top_logprobs")
        kept = [_cut(entry, most if isinstance(most, int) else 0) for entry in logged["content"]]
        choice["logprobs"] = logged | {"content": kept}
    return answer | {"choices": [choice]}


def text_of(choice: Plain | None) -> str:
    """What a choice says."""
    message = choice.get("message") if choice else None
    content = message.get("content") if isinstance(message, dict) else None
    return content if isinstance(content, str) else ""


def _choice(told: Plain | None, at: int) -> Plain | None:
    choices = told.get("choices") if told else None
    found = choices[at] if isinstance(choices, list) and len(choices) > at else None
    return found if isinstance(found, dict) and isinstance(found.get("message"), dict) else None


def _logged(choice: Plain) -> list[Any]:
    logged = choice.get("logprobs")
    content = logged.get("content") if isinstance(logged, dict) else None
    return content if isinstance(content, list) else []


def _pair(entry: Any) -> tuple[float, float] | None:
    """The chosen token's log-probability, and the likeliest other's."""
    if not isinstance(entry, dict) or not isinstance(entry.get("logprob"), int | float):
        return None
    tops = entry.get("top_logprobs")
    others = [
        float(top["logprob"])
        for top in (tops if isinstance(tops, list) else [])
        if isinstance(top, dict) and isinstance(top.get("logprob"), int | float) and top.get("token") != entry["token"]
    ]
    return (float(entry["logprob"]), max(others)) if others else None


def _cut(entry: Any, most: int) -> Any:
    tops = entry.get("top_logprobs") if isinstance(entry, dict) else None
    return entry | {"top_logprobs": tops[:most]} if isinstance(tops, list) else entry


def _shorter(message: Any, share: float) -> Any:
    content = message.get("content") if isinstance(message, dict) else None
    return message | {"content": _shortened(content, share)} if isinstance(content, str) else message


def _shortened(text: str, share: float) -> str:
    return text if len(text) <= SHORT else compress(within(text), int(share * len(text) / CHARACTERS_A_TOKEN))


def within(text: str) -> str:
    """The beginning and the end of a text too long to be gone through while others wait."""
    return text if len(text) <= MOST_READ else f"{text[: MOST_READ // 2]}\n{text[-MOST_READ // 2 :]}"
