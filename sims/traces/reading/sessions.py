"""Turns of sessions where a trace names the sessions alone: their numbers, their pauses, the prompt that grows."""

from dataclasses import dataclass, replace
from itertools import count
from math import isnan

from sims.arrival import Arrival


@dataclass(slots=True)
class Session:
    """What is known of one so far."""

    turns: int = 0
    end_s: float = float("nan")
    tokens: int = 0  # of its last prompt and the answer to it
    blocks: tuple[int, ...] = ()


class Sessions:
    """Numbers turns as they come; arrivals must come in the order of time."""

    def __init__(self, closed: bool, block_tokens: int) -> None:
        self._closed, self._block_tokens = closed, block_tokens
        self._known: dict[str, Session] = {}
        self._fresh = count()

    def placed(self, arrival: Arrival, lasted_s: float) -> Arrival:
        """The arrival with its place in its session; `lasted_s` is nan where nobody knows."""
        if not arrival.session:
            return arrival
        session = self._known.setdefault(arrival.session, Session())
        turn, pause = session.turns, arrival.at - session.end_s
        blocks, size = self._blocks(session, arrival)
        session.turns, session.end_s = turn + 1, arrival.at + lasted_s
        # A turn that came before the answer to the last one was there did not wait for it.
        after_s = pause if self._closed and turn and not isnan(pause) and pause >= 0.0 else None
        return replace(arrival, turn=turn, after_s=after_s, blocks=blocks, block_tokens=size)

    def _blocks(self, session: Session, arrival: Arrival) -> tuple[tuple[int, ...], int]:
        size = arrival.block_tokens or self._block_tokens
        if arrival.blocks or not size:
            return arrival.blocks, arrival.block_tokens
        whole = arrival.prompt_tokens > session.tokens // 2  # a much shorter prompt is no continuation
        kept = session.blocks[: min(session.tokens, arrival.prompt_tokens) // size] if whole else ()
        session.tokens = arrival.prompt_tokens + arrival.output_tokens
        session.blocks = kept + self._new(session.tokens // size - len(kept))
        # A partial block at the end of a prompt is never found again: the block that it becomes has another hash.
        partial = self._new(1 if arrival.prompt_tokens % size else 0)
        return session.blocks[: arrival.prompt_tokens // size] + partial, size

    def _new(self, blocks: int) -> tuple[int, ...]:
        return tuple(next(self._fresh) for _ in range(max(blocks, 0)))
