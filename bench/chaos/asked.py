"""What is asked, each request with a mark of its own, and what the emulated model must answer to it, byte for byte.

Under greedy decoding an emulated answer is a function of the prompt's tokens alone: whoever gives it, however often it
was handed on.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import msgspec

from policies.perf.profiles import model as profile
from sims.emulator.answer import answer
from sims.emulator.asked import Asked as Wanted
from sims.emulator.vocabulary import vocabulary
from weir.prompt import render

MODEL = "llama-3.1-8b"
CHAT, TEXT = "/v1/chat/completions", "/v1/completions"
SHORT, LONG = (4, 40), (80, 240)  # tokens of an answer
LONG_SHARE = 0.25
TEXT_SHARE = 0.25
STREAMED_SHARE = 0.7
TURNS = 5
PREAMBLES = 8  # different system prompts, each shared by many conversations
PREAMBLE_WORDS, TURN_WORDS = 120, 20
WORDS = (
    "river", "gate", "flow", "lock", "sluice", "basin", "level", "water", "dam", "weir", "pool", "stream", "bank",
    "bed", "spill", "rise", "fall", "tide", "ebb",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request and its only right answer."""

    mark: str
    path: str
    body: bytes
    stream: bool
    expected: str
    tokens: int  # of the answer
    turn: int = 0

    @property
    def kind(self) -> str:
        """What is alike in latency."""
        return "stream" if self.stream else "whole"


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """A conversation, or a single text, that knows its next request."""

    name: str
    random: Random

    def turns(self) -> Iterator[Asked]:
        """Its requests, each with all that was said before."""
        if self.random.random() < TEXT_SHARE:
            yield self._text()
            return
        messages = [{"role": "system", "content": preamble(self.random.randrange(PREAMBLES))}]
        for turn in range(self.random.randint(1, TURNS)):
            mark = f"{self.name}.{turn}"
            messages.append({"role": "user", "content": f"{mark}: {words(self.random, TURN_WORDS)}"})
            prompt = render([(each["role"], each["content"]) for each in messages], profile(MODEL).template)
            asked = self._asked(mark, CHAT, {"messages": messages}, prompt, turn)
            yield asked
            messages.append({"role": "assistant", "content": asked.expected})

    def _text(self) -> Asked:
        mark = f"{self.name}.0"
        prompt = f"{preamble(self.random.randrange(PREAMBLES))} {mark}: {words(self.random, TURN_WORDS)}"
        return self._asked(mark, TEXT, {"prompt": prompt}, prompt, 0)

    def _asked(self, mark: str, path: str, what: dict[str, Any], prompt: str, turn: int) -> Asked:
        tokens = self.random.randint(*(LONG if self.random.random() < LONG_SHARE else SHORT))
        stream = self.random.random() < STREAMED_SHARE
        more = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
        rest = {"model": MODEL, "max_tokens": tokens, "ignore_eos": True, "temperature": 0}
        body = msgspec.json.encode({**rest, **what, **more})
        expected = answered(prompt, tokens)
        return Asked(mark=mark, path=path, body=body, stream=stream, expected=expected, tokens=tokens, turn=turn)


def answered(prompt: str, tokens: int) -> str:
    """What an emulated replica of MODEL says to a prompt, in so many tokens."""
    sheet = profile(MODEL)
    said = vocabulary(sheet.tokenizer, sheet.template)
    wanted = Wanted(max_tokens=tokens, ignore_eos=True, greedy=True)
    key = array("I", said.encode(prompt)).tobytes() + b"|0|0"
    return "".join(answer(wanted, tokens, key, said).texts)


def preamble(number: int) -> str:
    """A system prompt."""
    return f"Rules {number}. " + words(Random(number), PREAMBLE_WORDS)


def words(random: Random, count: int) -> str:
    """Some words."""
    return " ".join(random.choices(WORDS, k=count))
