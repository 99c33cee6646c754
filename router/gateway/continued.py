"""A broken stream taken up by another replica: what it is asked, and its events in the first one's shape."""

from typing import Any

import msgspec
from msgspec import Struct

from router.gateway.seam import Seam, events, numbers
from router.gateway.spoken import Spoken

PATH = b"/v1/completions"
DEFAULT_TOKENS = 16  # what a completion without max_tokens is given
SAMPLING = frozenset((
    "model", "temperature", "top_p", "top_k", "min_p", "seed", "stop", "stop_token_ids", "include_stop_str_in_output",
    "ignore_eos", "skip_special_tokens", "spaces_between_special_tokens", "frequency_penalty", "presence_penalty",
    "repetition_penalty", "length_penalty", "logit_bias", "allowed_token_ids", "bad_words", "priority", "user",
    "session_id", "cache_salt", "vllm_xargs", "repetition_detection",
))  # fmt: skip
LAST = b"0\r\n\r\n"

_encode = msgspec.json.Encoder().encode


class Choice(Struct):
    """A completion's choice, of a stream."""

    text: str = ""
    token_ids: list[int] | None = None
    finish_reason: str | None = None
    stop_reason: int | str | None = None


class Details(Struct):
    """Of the prompt's tokens."""

    cached_tokens: int | None = None


class Usage(Struct):
    """What a replica says of the tokens it took."""

    prompt_tokens_details: Details | None = None


NO_ERROR = msgspec.Raw()


class Event(Struct):
    """A completion's event."""

    choices: list[Choice] = []
    usage: Usage | None = None
    error: msgspec.Raw = NO_ERROR


_event = msgspec.json.Decoder(Event).decode


class Continued:
    """One client's stream after its first replica was lost: makes requests to go on, and rewrites what they bring."""

    def __init__(self, chat: bool, body: bytes, spoken: Spoken) -> None:
        self.chat, self._asked = chat, msgspec.json.decode(body)
        self.prompt = numbers(spoken.prompt)
        first: dict[str, Any] = msgspec.json.decode(next(events(spoken.opening)))
        kept = ("id", "object", "created", "model")
        self._head = b"data: " + _encode({key: first[key] for key in kept if key in first})[:-1] + b',"choices":['
        options = self._asked.get("stream_options") or {}
        self._usage = bool(options.get("include_usage"))
        self._running_usage = self._usage and bool(options.get("continuous_usage_stats"))
        self._visible = not spoken.cut
        self.said = 0  # tokens of the whole answer so far
        self._seam = Seam(ids=[])  # where the replica at hand goes on
        self._cached: int | None = None

    def go_on(self, seam: Seam) -> None:
        """Go on from there, however often it is tried."""
        self._seam = seam

    def begin(self, spoken: Spoken) -> None:
        """A replica is about to go on."""
        self.said = len(self._seam.ids)
        spoken.restart(self, self._seam.ids, self._seam.skip, self._seam.shown)

    @property
    def greedy(self) -> bool:
        """Whether the same tokens come again."""
        return bool(self._asked.get("temperature") == 0 or self._asked.get("top_k") == 1)

    def left(self, seam: Seam) -> int | None:
        """Tokens that the answer may still have; None where the client set no bound."""
        most = self._most()
        return most - len(seam.ids) if most else None

    def body(self, seam: Seam) -> bytes:
        """What the next replica is asked."""
        asked = {key: value for key, value in self._asked.items() if key in SAMPLING}
        if self._asked.get("min_tokens"):
            asked["min_tokens"] = max(self._asked["min_tokens"] - len(seam.ids), 0)
        return _encode({
            **asked,
            "prompt": self.prompt + seam.ids,
            "max_tokens": self.left(seam),
            "stream": True,
            "stream_options": {"include_usage": True},
            "return_token_ids": True,
        })  # fmt: skip

    def feed(self, spoken: Spoken, data: bytes) -> bytes:
        """Whole chunks of the other replica, as chunks of the client's stream; what was said goes into `spoken`."""
        parts: list[bytes] = []
        try:
            for raw in events(data):
                if raw == b"[DONE]":
                    parts.append(chunk(b"data: [DONE]\n\n"))
                else:
                    parts.append(self._told(spoken, _event(raw)))
        except msgspec.MsgspecError:
            spoken.broken = True
        if data.endswith(LAST):
            parts.append(LAST)
        return b"".join(parts)

    def ending(self, seam: Seam) -> bytes:
        """What is missing of a stream whose last token has come."""
        usage, done = seam.closed
        self.said = len(seam.ids)
        return (b"" if usage else self._counted()) + (b"" if done else chunk(b"data: [DONE]\n\n")) + LAST

    def _told(self, spoken: Spoken, told: Event) -> bytes:
        if told.error is not NO_ERROR:
            spoken.broken = True
        if spoken.broken:
            return b""
        if told.choices:
            return self._choice(spoken, told.choices[0])
        if told.usage:
            self._cached = (told.usage.prompt_tokens_details or Details()).cached_tokens
            return self._counted()
        return b""

    def _choice(self, spoken: Spoken, choice: Choice) -> bytes:
        ids, text = choice.token_ids or [], choice.text
        owed = spoken.owed
        self.said += len(ids)
        raw = b",".join([b"%d" % token for token in ids]) + b"]"
        spoken.note(raw, b"data: %b\n\n" % _encode({"choices": [choice]}), len(ids) == 1 and bool(text) and not owed)
        told = ids[spoken.shown :]
        spoken.shown = max(spoken.shown - len(ids), 0)
        if owed:
            same = min(len(owed), len(text))
            if owed[:same] != text[:same] or (choice.finish_reason and len(owed) > same):
                spoken.broken = True  # it says something else than the client has
                return b""
            spoken.owed, text = owed[same:], text[same:]
            if not text and choice.finish_reason is None:
                return b""
        return self._event(choice, text, told)

    def _event(self, choice: Choice, text: str, ids: list[int]) -> bytes:
        told: dict[str, Any] = {"index": 0}
        if self.chat:
            told.update(delta={"content": text}, logprobs=None, finish_reason=choice.finish_reason)
            if choice.finish_reason is not None:
                told["stop_reason"] = choice.stop_reason
        else:
            told.update(text=text, logprobs=None, finish_reason=choice.finish_reason, stop_reason=choice.stop_reason)
        told["token_ids"] = ids if self._visible else None
        usage = b',"usage":' + _encode(self._numbers()) if self._running_usage else b""
        return chunk(b"%b%b]%b}\n\n" % (self._head, _encode(told), usage))

    def _counted(self) -> bytes:
        """The event that only counts tokens, where the client wants it."""
        if not self._usage:
            return b""
        numbers_ = self._numbers()
        if self._cached is not None:
            numbers_["prompt_tokens_details"] = {"cached_tokens": min(self._cached, len(self.prompt))}
        return chunk(b'%b],"usage":%b}\n\n' % (self._head, _encode(numbers_)))

    def _numbers(self) -> dict[str, Any]:
        prompt = len(self.prompt)
        return {"prompt_tokens": prompt, "total_tokens": prompt + self.said, "completion_tokens": self.said}

    def _most(self) -> int:
        """The client's bound on the answer, in tokens; 0 where it set none."""
        asked = self._asked
        if self.chat:
            most = asked.get("max_completion_tokens")
            return int((asked.get("max_tokens") if most is None else most) or 0)
        most = asked.get("max_tokens", DEFAULT_TOKENS)
        return int(most or 0)


def chunk(event: bytes) -> bytes:
    """One event as a chunk."""
    return b"%x\r\n%b\r\n" % (len(event), event)
