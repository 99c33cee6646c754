"""Many arrivals as columns: what the compiled loop reads, a week of traffic in a few hundred megabytes."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from sims.arrival import Arrival

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Ids = npt.NDArray[np.int32]

NONE = -1
NO_IDS: Ids = np.zeros(0, np.int32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """Columns of one entry an arrival, in the order of time; blocks lie end to end, arrival i's from ends[i]."""

    at: Floats  # seconds since the trace began; of a closed-loop turn, the earliest it could come
    prompt_tokens: Ids
    output_tokens: Ids
    session: Ids  # a number a session, NONE for none
    after_s: Floats  # closed loop: seconds from the end of the session's previous turn; nan where the time is given
    model: Ids  # its place in `models`; NONE where the trace does not say
    models: tuple[str, ...] = ()
    slo: Ids = field(default_factory=lambda: NO_IDS)  # its SLO class, a place in `slos`; NONE where none is named
    slos: tuple[str, ...] = ()
    # Numbers from 0 up without gaps, the same one only after the same prefix; full blocks only.
    blocks: Ids = field(default_factory=lambda: NO_IDS)
    ends: Ints  # shape [n + 1]
    block_tokens: int = 0  # tokens of one of those blocks; 0 where nothing is known of blocks
    visual_tokens: Ids = field(default_factory=lambda: NO_IDS)  # leading tokens that images became; 0 where not given
    topic: Ids = field(
        default_factory=lambda: NO_IDS
    )  # what it is about, a place in `topics`; NONE where nothing is told
    topics: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.at)
        for name, nothing in (("slo", NONE), ("visual_tokens", 0), ("topic", NONE)):
            if not len(getattr(self, name)):
                object.__setattr__(self, name, np.broadcast_to(np.int32(nothing), count))
        for name in PER_ARRIVAL[1:]:
            if len(getattr(self, name)) != count:
                raise ValueError(f"{len(getattr(self, name))} entries of {name} for {count} arrivals: one each")
        if len(self.ends) != count + 1 or (count and self.ends[-1] != len(self.blocks)):
            raise ValueError(f"ends must have {count + 1} entries and close with the {len(self.blocks)} blocks")

    def __len__(self) -> int:
        return len(self.at)

    def __iter__(self) -> Iterator[Arrival]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, i: int) -> Arrival:
        """Arrival i as a row; its turn is not kept."""
        blocks = tuple(self.blocks[self.ends[i] : self.ends[i + 1]].tolist())
        after = float(self.after_s[i])
        return Arrival(
            at=float(self.at[i]),
            prompt_tokens=int(self.prompt_tokens[i]),
            output_tokens=int(self.output_tokens[i]),
            session=str(self.session[i]) if self.session[i] != NONE else "",
            model=self.models[self.model[i]] if self.model[i] != NONE else "",
            slo=self.slos[self.slo[i]] if self.slo[i] != NONE else "",
            blocks=blocks,
            block_tokens=self.block_tokens if blocks else 0,
            after_s=None if np.isnan(after) else after,
            visual_tokens=int(self.visual_tokens[i]),
            topic=self.topics[self.topic[i]] if self.topic[i] != NONE else "",
        )

    @property
    def span_s(self) -> float:
        """Seconds from the first arrival to the last."""
        return float(self.at[-1] - self.at[0]) if len(self) else 0.0

    @property
    def rate_rps(self) -> float:
        """Mean arrivals a second; inf where all come at once."""
        return len(self) / self.span_s if self.span_s > 0.0 else float("inf")

    @property
    def distinct_blocks(self) -> int:
        """How many different blocks there are."""
        return int(self.blocks.max()) + 1 if len(self.blocks) else 0

    @classmethod
    def of(cls, arrivals: Iterable[Arrival]) -> Self:
        """From rows in the order of time; raises ValueError where two sizes of block meet."""
        rows = arrivals if isinstance(arrivals, Sequence) else list(arrivals)
        models = list(dict.fromkeys(row.model for row in rows if row.model))
        named = {name: i for i, name in enumerate(models)}
        classes = {name: i for i, name in enumerate(dict.fromkeys(row.slo for row in rows if row.slo))}
        topics = {name: i for i, name in enumerate(dict.fromkeys(row.topic for row in rows if row.topic))}
        sessions: dict[str, int] = {}
        blocks, ends, block_tokens = _blocks(rows)
        return cls(
            at=np.array([row.at for row in rows], np.float64),
            prompt_tokens=np.array([row.prompt_tokens for row in rows], np.int32),
            output_tokens=np.array([row.output_tokens for row in rows], np.int32),
            session=np.array(
                [sessions.setdefault(row.session, len(sessions)) if row.session else NONE for row in rows], np.int32
            ),
            after_s=np.array([np.nan if row.after_s is None else row.after_s for row in rows], np.float64),
            model=np.array([named.get(row.model, NONE) for row in rows], np.int32),
            models=tuple(models),
            slo=np.array([classes.get(row.slo, NONE) for row in rows], np.int32),
            slos=tuple(classes),
            blocks=blocks,
            ends=ends,
            block_tokens=block_tokens,
            visual_tokens=np.array([row.visual_tokens for row in rows], np.int32),
            topic=np.array([topics.get(row.topic, NONE) for row in rows], np.int32),
            topics=tuple(topics),
        )

    @classmethod
    def drawn(cls, at: Floats, prompt_tokens: npt.NDArray[Any], output_tokens: npt.NDArray[Any], **more: Any) -> Self:
        """From columns where nothing else is known; `more` replaces what is left out, by field name."""
        count = len(at)
        given: dict[str, Any] = {
            "session": np.full(count, NONE, np.int32),
            "after_s": np.full(count, np.nan),
            "model": np.full(count, NONE, np.int32),
            "ends": np.zeros(count + 1, np.int64),
        }
        prompts, outputs = prompt_tokens.astype(np.int32, copy=False), output_tokens.astype(np.int32, copy=False)
        return cls(at=at, prompt_tokens=prompts, output_tokens=outputs, **(given | more))

    def chosen(self, index: npt.NDArray[Any]) -> Self:
        """The arrivals at those places, in that order; times stay as they are."""
        places = np.flatnonzero(index) if index.dtype == np.bool_ else index
        counts = np.diff(self.ends)[places]
        ends = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        shift = np.repeat(self.ends[places] - ends[:-1], counts)
        blocks = self.blocks[np.arange(ends[-1]) + shift]
        columns = {name: getattr(self, name)[places] for name in PER_ARRIVAL}
        return replace(self, **columns, blocks=dense(blocks), ends=ends)

    def next_turns(self) -> Ids:
        """Of each arrival the closed-loop turn that waits for its end, NONE for none; shape [n]."""
        following = np.full(len(self), NONE, np.int32)
        if np.isnan(self.after_s).all():
            return following
        order = np.argsort(self.session, kind="stable")
        same = (self.session[order[1:]] == self.session[order[:-1]]) & (self.session[order[1:]] != NONE)
        waits = same & ~np.isnan(self.after_s[order[1:]])
        following[order[:-1][waits]] = order[1:][waits]
        return following


PER_ARRIVAL = ("at", "prompt_tokens", "output_tokens", "session", "after_s", "model", "slo", "visual_tokens", "topic")
assert set(PER_ARRIVAL) < {each.name for each in fields(Arrivals)}


def dense(blocks: npt.NDArray[Any]) -> Ids:
    """Block ids renumbered from 0 up without gaps, in the order of the ids."""
    return np.unique(blocks, return_inverse=True)[1].astype(np.int32) if len(blocks) else NO_IDS


def _blocks(rows: Sequence[Arrival]) -> tuple[Ids, Ints, int]:
    """The full blocks of every row, end to end, where each row's begin and end, and their size."""
    sizes = {row.block_tokens for row in rows if row.blocks}
    if len(sizes) > 1:
        raise ValueError(f"blocks of {sorted(sizes)} tokens in one trace: replay one trace at a time")
    size = sizes.pop() if sizes else 0
    full = [row.blocks[: row.prompt_tokens // size] if size else () for row in rows]
    ends = np.cumsum([0, *map(len, full)], dtype=np.int64)
    ids = np.fromiter((block for each in full for block in each), np.int64, int(ends[-1]))
    return dense(ids), ends, size
