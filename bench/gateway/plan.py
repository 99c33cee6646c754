"""How long, how often and in which cells targets are measured."""

from dataclasses import dataclass, replace

from bench.gateway.client import STREAM_S, Cell

# A slow target runs only one cell, for longer, in the first rounds.
SLOW_CONNECTIONS, SLOW_ROUNDS, SLOW_STRETCH, SLOW_WARM_S = 64, 3, 4.0, 1.0

# Runs that are not kept: connections, pools and compiled code are there when the rounds begin.
WARM_UP = tuple(Cell(stream=stream, connections=16, seconds=0.4, warm_s=0.2) for stream in (False, True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long and how often."""

    rounds: int
    seconds: float

    def cells(self) -> tuple[Cell, ...]:
        """The cells of one round; streams get a window of several stream lengths."""
        chats = [Cell(stream=False, connections=c, seconds=self.seconds, warm_s=0.3) for c in (1, 16, 64, 256)]
        window = max(self.seconds, 4 * STREAM_S)
        streams = [Cell(stream=True, connections=c, seconds=window, warm_s=2 * STREAM_S) for c in (64, 256)]
        return (*chats, *streams)

    def cell_for(self, slow: bool, cell: Cell, round_: int) -> Cell | None:
        """What a target runs in place of a cell, if anything."""
        if not slow:
            return cell
        if cell.stream or cell.connections != SLOW_CONNECTIONS or round_ >= SLOW_ROUNDS:
            return None
        return replace(cell, seconds=SLOW_STRETCH * cell.seconds, warm_s=SLOW_WARM_S)
