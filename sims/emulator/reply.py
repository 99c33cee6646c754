"""The answer to one HTTP request while the engine generates it: one or more choices, streamed or whole."""

import msgspec

from sims.emulator.answer import Answer
from sims.emulator.connection import Exchange
from sims.emulator.frames import DONE, Frames, usage
from sims.replica.jobs import Job


class Choice:
    """One generation: what is to be said of it, how much is out."""

    __slots__ = ("answer", "cached", "emitted", "index", "job", "reply", "tokens")

    def __init__(self, reply: "Reply", index: int, job: Job, answer: Answer, tokens: list[int]) -> None:
        self.reply, self.index, self.job, self.answer = reply, index, job, answer
        self.tokens = tokens  # ids of prompt and answer, as the cache events tell them
        self.emitted = 0  # tokens sent
        self.cached = 0

    def first(self, cached: int) -> None:
        """Its first token is there; so many prompt tokens were cached."""
        self.cached = cached
        if self.reply.stream:
            self.reply.exchange.send(self.reply.frames.opening(self.index), *self._until(1))

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
            text = "".join(self.answer.texts[self.emitted :])
            self.emitted = len(self.answer.texts)
            self.reply.finished(
                self.reply.frames.last(
                    self.index, text, self.answer.finish, self.answer.stop_reason, self.reply.running_usage()
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
        text = "".join(self.answer.texts[self.emitted : tokens])
        self.emitted = tokens
        return [self.reply.frames.delta(self.index, text, self.reply.running_usage())]


class Reply:
    """All choices of one request, on one exchange."""

    def __init__(self, exchange: Exchange, frames: Frames, prompt_tokens: int, stream: bool) -> None:
        self.exchange, self.frames, self.stream = exchange, frames, stream
        self.prompt_tokens = prompt_tokens
        self.choices: list[Choice] = []
        self.continuous_usage = False
        self.final_usage = False
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
        if self._open:
            if self.stream:
                self.exchange.send(event)
        elif self.stream:
            counted = self.frames.usage(self._usage()) if self.final_usage else b""
            self.exchange.end(event, counted, DONE)
        else:
            self.exchange.reply(200, self._whole())

    def _whole(self) -> bytes:
        answers = [choice.answer for choice in self.choices]
        texts = ["".join(answer.texts) for answer in answers]
        finishes = [(answer.finish, answer.stop_reason) for answer in answers]
        return self.frames.whole(texts, finishes, usage(self.prompt_tokens, self._emitted(), self._cached()))

    def _usage(self) -> bytes:
        return msgspec.json.encode(usage(self.prompt_tokens, self._emitted(), self._cached()))

    def _emitted(self) -> int:
        return sum(choice.emitted for choice in self.choices)

    def _cached(self) -> int:
        return self.choices[0].cached
