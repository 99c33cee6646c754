"""Rows into columns as they come: a stream of any length without a row of it held."""

from array import array
from collections.abc import Iterable

import numpy as np

from policies.registry import BadSetting
from sims.arrival import Arrival
from sims.arrivals import NONE, Arrivals
from sims.traces.reading.columns import cumulated, renumbered

NAN = float("nan")


def gathered(arrivals: Iterable[Arrival]) -> Arrivals:
    """The same as `Arrivals.of`, in some 50 bytes an arrival; raises `BadSetting` where two sizes of block meet."""
    found = Gathering()
    for arrival in arrivals:
        found.add(arrival)
    return found.columns()


class Gathering:
    """The columns so far."""

    def __init__(self) -> None:
        self._at, self._after_s = array("d"), array("d")
        self._prompt, self._output, self._session, self._model, self._counts = (array("i") for _ in range(5))
        self._visual, self._slo, self._topic = array("i"), array("i"), array("i")
        self._sessions: dict[str, int] = {}
        self._models: dict[str, int] = {}
        self._slos: dict[str, int] = {}
        self._topics: dict[str, int] = {}
        self._blocks, self._size = array("q"), 0

    def add(self, row: Arrival) -> None:
        """One arrival more, not before the last."""
        sessions, models = self._sessions, self._models
        self._at.append(row.at)
        self._prompt.append(row.prompt_tokens)
        self._output.append(row.output_tokens)
        self._visual.append(row.visual_tokens)
        self._session.append(sessions.setdefault(row.session, len(sessions)) if row.session else NONE)
        self._model.append(models.setdefault(row.model, len(models)) if row.model else NONE)
        self._slo.append(self._slos.setdefault(row.slo, len(self._slos)) if row.slo else NONE)
        self._topic.append(self._topics.setdefault(row.topic, len(self._topics)) if row.topic else NONE)
        self._after_s.append(NAN if row.after_s is None else row.after_s)
        self._counts.append(self._add_blocks(row) if row.blocks else 0)

    def _add_blocks(self, row: Arrival) -> int:
        """Keep the full blocks of a prompt; returns how many."""
        if row.block_tokens != self._size:
            if self._size:
                raise BadSetting(
                    f"blocks of {self._size} and of {row.block_tokens} tokens in one trace: take one alone"
                )
            self._size = row.block_tokens
        full = row.blocks[: row.prompt_tokens // self._size]
        self._blocks.extend(full)
        return len(full)

    def columns(self) -> Arrivals:
        """All of them."""
        return Arrivals(
            at=np.array(self._at),
            prompt_tokens=np.array(self._prompt, np.int32),
            output_tokens=np.array(self._output, np.int32),
            session=np.array(self._session, np.int32),
            after_s=np.array(self._after_s),
            model=np.array(self._model, np.int32),
            models=tuple(self._models),
            slo=np.array(self._slo, np.int32),
            slos=tuple(self._slos),
            blocks=renumbered(np.array(self._blocks, np.int64)),
            ends=cumulated(np.array(self._counts, np.int64)),
            block_tokens=self._size,
            visual_tokens=np.array(self._visual, np.int32),
            topic=np.array(self._topic, np.int32),
            topics=tuple(self._topics),
        )
