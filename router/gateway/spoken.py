"""What a stream has said so far, in the engine's own token ids: cut out of its events on their way to the client.

The ids of an event give way to a `null` as long as they were, so that no chunk has to be measured again. Events are
passed on whole or not at all: what a break cuts in half was never said.
"""

from typing import Protocol

NAME, IDS, PROMPT = b'"token_ids":', b'"token_ids":[', b'"prompt_token_ids":['
NULLS = tuple([b"null".ljust(n) for n in range(64)])
ENDS = (b"\n\n\r\n", b"0\r\n\r\n")  # how a piece of whole events ends: after an event's chunk, or after the last chunk
ERROR = b'data: {"error"'
MOST_HELD = 4 << 20  # bytes of one event; longer ones are passed on as they come, and the stream is not continued
MOST_RECENT = 64  # pieces kept since text and tokens were last in step


class Rewriter(Protocol):
    """Turns the events of another replica into those of the first."""

    def feed(self, spoken: "Spoken", data: bytes) -> bytes:
        """Whole chunks in, whole chunks out; what was said goes into `spoken`."""


class Spoken:
    """One client's stream: prompt and emitted ids as raw JSON, and the last pieces, to be parsed when it breaks."""

    __slots__ = (
        "_follows", "_text_at", "base", "broken", "cut", "ids", "key", "lag", "last", "more", "opening", "owed",
        "prompt", "rest", "rewriter", "shown", "tracking",
    )  # fmt: skip

    def __init__(self, key: bytes, lag: int, cut: bool) -> None:
        self.key = key  # what stands before an event's text, with its opening quote
        self.lag = lag  # characters that the engine may hold back: one fewer than the longest stop string has
        self.cut = cut  # whether the client is not to see the ids
        self.tracking = True  # whether what is known here is all that was said
        self.broken = False  # whether the engine said that it failed
        self.prompt = self.opening = self.rest = b""  # the prompt's ids; the first piece; an event still incomplete
        self.ids = bytearray()  # `12]5,6]`: the ids of each event with the bracket behind them
        self.last = b""  # the last piece after which text and tokens were in step
        self.more: list[bytes] = []  # the pieces since
        self.base = 0  # how many ids were said before the replica that speaks now
        self.owed = ""  # text that the client has and this replica has yet to say again
        self.shown = 0  # tokens that the client was told of and this replica has yet to say again
        self.rewriter: Rewriter | None = None
        self._follows = False  # whether ids are being cut out of the first replica's events
        self._text_at = 0  # where the text began in the last event

    def feed(self, data: bytes) -> bytes:
        """The whole events that there are now, without their ids; empty while there is none."""
        if self._follows and not self.rest:
            # The usual piece is one event that ends with the id of one token; told apart without a call.
            end = len(data) - 8
            if end > 64 and data[end] == 93 and data[end + 1] == 125 and data[end + 4] == 10 and data[end + 7] == 10:
                at = end - 1
                while 48 <= data[at] <= 57:
                    at -= 1
                if at > 12 and data[at] == 91 and 4 <= end + 1 - at < 64 and data[at - 12 : at] == NAME:
                    return self._one(data, at, end)
        return self._feed(data)

    def tokens(self) -> int:
        """How many were said."""
        return self.ids.count(b",") + self.ids.count(b"]")

    def restart(self, rewriter: Rewriter, ids: list[int], owed: str, shown: int) -> None:
        """Another replica goes on from `ids`; of what it will say first the client has `owed`, and `shown` tokens."""
        self.rewriter, self.base, self.owed, self.shown = rewriter, len(ids), owed, shown
        self.ids = bytearray(b"".join([b"%d]" % token for token in ids]))
        self.rest = self.last = b""
        self.broken = self._follows = False
        self.more = []

    def note(self, ids: bytes, piece: bytes, in_step: bool) -> None:
        """An event with these ids was said: `12]`; `piece` is the event, in step when its text is its tokens' whole."""
        self.ids += ids
        if in_step and not self.lag:
            self.last = piece
            if self.more:
                self.more = []
            return
        self._keep(piece)

    def _one(self, data: bytes, at: int, end: int) -> bytes:
        """A piece that ends with the list of one id, from `at` to `end`."""
        if data.find(b"\n\n") < end:
            return self._feed(data)  # other events stand before it
        text = self._text_at
        # Bounds first: compiled, a slice must lie within its bytes.
        if text < len(self.key) or text > at or data[text - len(self.key) : text] != self.key:
            text = data.find(self.key, 0, at) + len(self.key)
            if text < len(self.key):
                return self._feed(data)
            self._text_at = text
        self.ids += data[at + 1 : end + 1]
        if data[text] != 34 and not self.lag:
            self.last = data
            if self.more:
                self.more = []
        else:
            self._keep(data)
        return data[:at] + NULLS[end + 1 - at] + data[end + 1 :]

    def _feed(self, data: bytes) -> bytes:
        """The same, whatever came."""
        if not self.tracking:
            return data
        if self.rest:
            data, self.rest = self.rest + data, b""
        if not data.endswith(ENDS):
            end = data.rfind(b"\n\n\r\n") + 4
            if len(data) - end > MOST_HELD:
                self.tracking = self._follows = False
                return data
            if end < 4:
                self.rest = data
                return b""
            data, self.rest = data[:end], data[end:]
        if self.rewriter is not None:
            return self.rewriter.feed(self, data)
        if not self.opening:
            data = self._open(data)
        at = data.find(IDS)
        return self._said(data, at) if at >= 0 else self._other(data)

    def _keep(self, piece: bytes) -> None:
        self.more.append(piece)
        if len(self.more) > MOST_RECENT + 2 * self.lag:
            del self.more[: len(self.more) // 2]
            self.last = b""

    def _open(self, data: bytes) -> bytes:
        """Take the prompt's ids out of the first event."""
        self.opening = data
        at = data.find(PROMPT)
        end = data.find(b"]", at) + 1
        if at < 0 or end <= 0:
            self.tracking = ERROR in data  # an engine that knows no ids is not followed; one that failed at once is
            return data
        self.prompt = data[at + len(PROMPT) : end - 1]
        if self.cut:
            data = without(data, at + len(PROMPT) - 1, end)
            self.tracking = data is not self.opening
            self.opening = data
        self._follows = self.tracking and self.cut
        return data

    def _said(self, data: bytes, at: int) -> bytes:
        """Note the ids of a piece's events and blank them; the first ones stand at `at`."""
        parts: list[bytes] = []
        done, key, cut = 0, self.key, self.cut
        while True:
            start = at + 13
            end = data.find(b"]", start) + 1
            if end <= 0:
                self.tracking = self._follows = False
                return data
            ids = data[start:end]
            text = data.find(key, done, at)
            if cut:
                blank(parts, data, done, at, end)
            done, at = end, data.find(IDS, end)
            if at < 0:
                break
            self.ids += ids
        self.note(ids, data, text >= 0 and data[text + len(key)] != 34 and ids.find(b",") < 0)
        if cut:
            parts.append(data[done:])
            told = b"".join(parts)
        else:
            told = data
        return self._other(told, False) if len(data) - done > 64 and data.find(ERROR, done) >= 0 else told

    def _other(self, data: bytes, note: bool = True) -> bytes:
        """A piece without ids: usage, an end, or an error that the client need not see."""
        at = data.find(ERROR)
        if at >= 0:
            self.broken = True
            return data[: data.rfind(b"\n\n\r\n", 0, at) + 4] if data.find(b"\n\n\r\n", 0, at) >= 0 else b""
        if note and data is not self.opening:
            self.more.append(data)
        return data


def blank(parts: list[bytes], data: bytes, done: int, at: int, end: int) -> None:
    """Add what stands before the ids at `at`, and a null as long as they are; too short a list goes with its name."""
    size = end - at - 12
    if size >= 4:
        parts.append(data[done : at + 12])
        parts.append(NULLS[size] if size < 64 else b"null".ljust(size))
    elif data[at - 1] == 44:
        parts.append(data[done : at - 1])
        parts.append(b" " * (end - at + 1))
    else:
        parts.append(data[done:end])


def without(data: bytes, start: int, end: int) -> bytes:
    """Whole chunks with a null from `start` to `end`, that chunk's size made true; as they were if it is not one's."""
    at = 0
    while True:
        line = data.find(b"\r\n", at)
        digits = data[at:line]
        if line < 0 or not digits or len(digits) > 8 or digits.strip(b"0123456789abcdefABCDEF"):
            return data
        size = int(digits, 16)
        if line + 2 + size > start:
            break
        at = line + size + 4
    if end > line + 2 + size:
        return data
    return b"%b%x\r\n%bnull%b" % (data[:at], size + 4 - (end - start), data[line + 2 : start], data[end:])
