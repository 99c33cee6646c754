"""Mixed requests whose cached tokens only one who knows an engine's rules can tell: templates, adapters, salts.

Conversations go on with the answers they get, so the traffic depends on the engine; everything else is drawn from a
seed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from bench.engines.fleet import ADAPTERS, BLOCK_TOKENS, MODEL
from bench.vllm_e2e.client import CHAT, TEXT

SENTENCES = (
    "the quick brown fox jumps over a lazy dog and hello world how are you today routing requests to replica with "
    "warmest prefix cache weir regulates flow between two pools of river Müßiggang 東京 naïve <b>42</b> 3.14 {x: [1]} "
    "don't I'm   spaces <|im_start|> end"
)
WORDS = SENTENCES.split(" ")
SYSTEM_WORDS, TURN_WORDS = 60, 25
TURNS = 6
LOWEST_ID, HIGHEST_ID = 5, 390  # token ids of the vocabulary, special ones left out


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request to be sent."""

    kind: str
    path: str
    body: dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Talk:
    """A conversation, or a prompt that is asked again and again and grows."""

    kind: str
    fields: Mapping[str, Any] = field(default_factory=dict)  # model, cache_salt and the like
    messages: list[dict[str, Any]] = field(default_factory=list)
    turns: int = 0

    def ask(self, rng: Random) -> Asked:
        """The next turn."""
        self.turns += 1
        content: Any = words(rng, TURN_WORDS)
        if self.kind == "content in parts":
            content = [{"type": "text", "text": content}, {"type": "text", "text": words(rng, 5)}]
        self.messages.append({"role": "user", "content": content})
        return Asked(kind=self.kind, path=CHAT, body={**self.fields, "messages": list(self.messages), **sampling(rng)})

    def heard(self, text: str) -> None:
        """The answer, which the next turn repeats."""
        self.messages.append({"role": "assistant", "content": text})


@dataclass(slots=True, kw_only=True)
class Draft:
    """A completion's prompt, as text or as token ids, which grows by what is written below it."""

    kind: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""
    ids: list[int] = field(default_factory=list)
    turns: int = 0

    def ask(self, rng: Random) -> Asked:
        """The same prompt, longer."""
        self.turns += 1
        if self.kind.startswith("token ids"):
            self.ids += [rng.randrange(LOWEST_ID, HIGHEST_ID) for _ in range(rng.randrange(20, 90))]
        elif self.kind == "whole blocks again":
            if self.turns % 2:  # a prompt of whole blocks, then the very same
                self.ids += [rng.randrange(LOWEST_ID, HIGHEST_ID) for _ in range(2 * BLOCK_TOKENS)]
        else:
            self.text += f" {words(rng, TURN_WORDS)}"
        prompt: Any = list(self.ids) if self.ids else self.text
        return Asked(kind=self.kind, path=TEXT, body={**self.fields, "prompt": prompt, **sampling(rng)})

    def heard(self, text: str) -> None:
        """What a writer does with it: keep some of it."""
        if self.text:
            self.text += text


Source = Talk | Draft


def talks(rng: Random) -> list[Source]:
    """New conversations of every kind; several share a system prompt."""
    system = [{"role": "system", "content": words(rng, SYSTEM_WORDS)}]
    salt, verse, prose = f"tenant-{rng.randrange(3)}", *ADAPTERS
    opening = words(rng, SYSTEM_WORDS)

    def chat(kind: str, **fields: Any) -> Talk:
        return Talk(kind=kind, fields={"model": MODEL, **fields}, messages=list(system))

    def draft(kind: str, **fields: Any) -> Draft:
        return Draft(
            kind=kind, fields={"model": MODEL, **fields}, text="" if "ids" in kind or "blocks" in kind else opening
        )

    return [
        chat("chat"),
        chat("chat, same system prompt"),
        chat("adapter", model=verse),
        chat("other adapter", model=prose),
        chat("salt", cache_salt=salt),
        chat("adapter and salt", model=verse, cache_salt=salt),
        chat("content in parts"),
        chat("template settings", chat_template_kwargs={"tone": "dry"}, add_generation_prompt=False),
        draft("text"),
        draft("text with an adapter", model=prose),
        draft("text and salt", cache_salt=salt),
        draft("token ids"),
        draft("token ids with an adapter", model=verse),
        draft("whole blocks again"),
    ]


def sources(seed: int) -> Iterator[tuple[Random, Source]]:
    """Whose turn it is, forever: conversations of every kind take turns in random order until they are long."""
    rng = Random(seed)
    going: list[Source] = []
    while True:
        if not going:
            going = talks(rng)
        one = rng.choice(going)
        yield rng, one
        if one.turns >= TURNS:
            going.remove(one)


def sampling(rng: Random) -> dict[str, Any]:
    """The rest of a body: greedy, short, streamed or not."""
    streamed = rng.random() < 0.5
    options = {"stream": True, "stream_options": {"include_usage": True}} if streamed else {}
    return {"max_tokens": rng.randrange(1, 12), "temperature": 0, **options}


def words(rng: Random, count: int) -> str:
    """Some words."""
    return " ".join(rng.choice(WORDS) for _ in range(count))
