"""What a user of the OpenAI client sees: answers stream, and what goes on from a prompt goes where the prompt is."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.engines.fleet import BLOCK_TOKENS, MODEL
from bench.vllm_e2e.client import CHAT, ask
from bench.vllm_e2e.stack import Weir

TOKENS = 20
QUESTION = "What regulates the flow between two pools?"
LEAST_BLOCKS = 5  # of an opening that a second request has to find in the cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Streamed:
    """One answer through the OpenAI client, beside the engine's own."""

    pieces: int
    tokens: int
    text: str
    expected: str

    @property
    def equal(self) -> bool:
        """Whether it came token by token, counted, with the engine's own words."""
        return self.pieces >= TOKENS and self.tokens == TOKENS and self.text == self.expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """Two requests of which the second begins with the first."""

    first: str
    second: str
    cached: int

    @property
    def home(self) -> bool:
        """Whether the second went to the first one's replica and found its prefix there."""
        return self.first == self.second and self.cached >= LEAST_BLOCKS * BLOCK_TOKENS


def streamed(weir: Weir, engine: str) -> Streamed:
    """A chat through the OpenAI client; `engine` is asked the same itself."""
    import openai

    with openai.OpenAI(base_url=f"{weir.url}/v1", api_key="none", timeout=120.0, max_retries=0) as client:
        events = client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": QUESTION}],
            max_tokens=TOKENS,
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
        )
        pieces = list(events)
    said = [piece.choices[0].delta.content or "" for piece in pieces if piece.choices]
    last = pieces[-1].usage
    alone = ask(engine, CHAT, chat(QUESTION, tokens=TOKENS))
    tokens = last.completion_tokens if last is not None else 0
    return Streamed(pieces=len(said), tokens=tokens, text="".join(said), expected=alone.text)


def followed(weir: Weir, openings: int) -> list[Followed]:
    """So many different openings, each gone on from."""
    found = []
    for number in range(openings):
        opening = f"case {number}: " + "the warmest prefix cache of the river " * 25
        first = ask(weir.url, CHAT, chat(opening), f"first-{number}")
        weir.record(f"first-{number}")  # it is written after its events were heard
        again = ask(weir.url, CHAT, chat(opening, "and then?"), f"again-{number}")
        whole = first.whole and again.whole
        found.append(Followed(first=first.replica, second=again.replica, cached=(again.cached or 0) if whole else -1))
    return found


def homes(found: Sequence[Followed]) -> int:
    """At how many replicas openings found a home."""
    return len({one.first for one in found})


def chat(*contents: str, tokens: int = 4) -> dict[str, object]:
    """A greedy chat of these messages."""
    said = [{"role": "user", "content": content} for content in contents]
    return {"model": MODEL, "messages": said, "max_tokens": tokens, "temperature": 0}
