"""The answer to one HTTP request while the engine generates it: one or more choices, streamed or whole."""

from collections.abc import Callable
from typing import Any

import msgspec

from sims.emulator.answer import Answer
from sims.emulator.connection import Exchange
from sims.emulator.frames import DONE, Frames, Ids, Told, usage
from sims.emulator.logged import Logged
from sims.replica.jobs import Job


class Choice:
    """One generation: what is to be said of it, how much is out."""

    __slots__ = ("_held", "answer", "cached", "emitted", "index", "job", "logged", "prompt", "reply", "tokens")

    def __init__(
        self, reply: "Reply", index: int, job: Job, answer: Answer, prompt: list[int], tokens: list[int],
        logged: Logged | None = None,
    ) -> None:  # fmt: skip
        self.reply, self.index, self.job, self.answer = reply, index, job, answer
        self.prompt, self._held = prompt, ""  # text kept back, for it may be the beginning of a stop string
        self.logged = logged  # None where nobody asked how likely its tokens were
        self.tokens = tokens  # ids of prompt and answer, as the cache events tell them
        self.emitted = 0  # tokens sent
        self.cached = 0

    def first(self, cached: int) -> None:
        """Its first token is there; so many prompt tokens were cached."""
        self.cached = cached
        if self.reply.stream:
            prompt = json(self.prompt) if self.reply.token_ids else "null"
            self.reply.exchange.send(self.reply.frames.opening(self.index, prompt), *self._until(1))

    def progress(self, tokens: int, interval: int) -> int:
        """Send what there is of `tokens` once `interval` of them wait; returns how many more it waits for."""
        waits = self.emitted + interval - tokens
        if waits > 0:
            return waits
        self.reply.exchange.send(*self._until(tokens))
        return interval

    def finish(self) -> None:
        """Send its last piece, and the end of the whole answer when it is the last choice."""
        if self.reply.stream:
            text, ids = self._held + "".join(self.answer.texts[self.emitted :]), self._ids(len(self.answer.texts))
            self.emitted = len(self.answer.texts)
            self.reply.finished(
                self.reply.frames.last(
                    self.index, text, self.answer.finish, self.answer.stop_reason, self.reply.running_usage(), ids
                )
            )
        else:
            self.emitted = len(self.answer.texts)
            self.reply.finished(b"")

    def _until(self, tokens: int) -> list[bytes]:
        """The event with the text up to that many tokens; the last one belongs to `finish`."""
        tokens = min(tokens, len(self.answer.texts) - 1)
        if tokens <= self.emitted:
            return []
        text, ids = self._held + "".join(self.answer.texts[self.emitted : tokens]), self._ids(tokens)
        sure = max(len(text) - self.reply.lag, 0)
        self.emitted, self._held = tokens, text[sure:]
        return [self.reply.frames.delta(self.index, text[:sure], self.reply.running_usage(), ids)]

    def _ids(self, tokens: int) -> Ids:
        """What is told of the tokens from those sent up to that many."""
        logged = "null" if self.logged is None else json(self.reply.frames.logged(self.logged, self.emitted, tokens))
        if not self.reply.token_ids:
            return Ids(logged=logged)
        prompt = "null" if self.emitted else json(self.prompt)
        return Ids(json(list(self.answer.ids[self.emitted : tokens])), prompt, logged)

    def told(self) -> Told:
        """The whole choice."""
        said, asked = self.answer, self.reply.token_ids
        ids, prompt = (list(said.ids), self.prompt) if asked else (None, None)
        logged = None if self.logged is None else self.reply.frames.logged(self.logged, 0, len(said.texts))
        return Told("".join(said.texts), said.finish, said.stop_reason, ids, prompt, logged)


class Reply:
    """All choices of one request, on one exchange."""

    def __init__(self, exchange: Exchange, frames: Frames, prompt_tokens: int, stream: bool) -> None:
        self.exchange, self.frames, self.stream = exchange, frames, stream
        self.prompt_tokens = prompt_tokens
        self.choices: list[Choice] = []
        self.continuous_usage = False
        self.final_usage = self.token_ids = False
        self.lag = 0  # characters of a stream that are kept back: one fewer than the longest stop string has
        self.rest: dict[str, Any] = {}  # what an unstreamed answer says beside choices and usage
        self.before_end: Callable[[], None] | None = None  # called when the last choice is complete
        self._open = 0

    def add(self, choice: Choice) -> None:
        """Enter a choice before the first one is submitted."""
        self.choices.append(choice)
        self._open += 1

    def running_usage(self) -> bytes:
        """The usage so far as JSON, when the client wants it with every piece."""
        return self._usage() if self.continuous_usage else b""

    def finished(self, event: bytes) -> None:
        """One choice is complete, its last event given; ends the answer with the last of them."""
        self._open -= 1
        if not self._open and self.before_end is not None:
            self.before_end()
        if self._open:
            if self.stream:
                self.exchange.send(event)
        elif self.stream:
            counted = self.frames.usage(self._usage()) if self.final_usage else b""
            self.exchange.end(event, counted, DONE)
        else:
            self.exchange.reply(200, self._whole())

    def _whole(self) -> bytes:
        counted = usage(self.prompt_tokens, self._emitted(), self._cached())
        return self.frames.whole([choice.told() for choice in self.choices], counted, self.rest)

    def _usage(self) -> bytes:
        return msgspec.json.encode(usage(self.prompt_tokens, self._emitted(), self._cached()))

    def _emitted(self) -> int:
        return sum(choice.emitted for choice in self.choices)

    def _cached(self) -> int:
        return self.choices[0].cached


def json(told: list[int] | dict[str, Any]) -> str:
    """What is told of tokens as JSON."""
    return msgspec.json.encode(told).decode()
