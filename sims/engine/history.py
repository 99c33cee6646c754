"""What a router remembers of its own sends, in place of what engines say: it errs as approximate indexes do."""

from policies.fleet import HBM
from sims.engine.compiled import compiled
from sims.engine.knowledge import note
from sims.engine.memory import history, smalls
from sims.engine.records import NONE, World
from sims.engine.shelf import put


@compiled
def remember(w: World, row: int, chain: int, count: int) -> None:
    """A prompt was sent to a replica; of what it is remembered by, the tail is the first to be forgotten."""
    numbers, kept = smalls(w.chains_), history(w, row)
    for i in range(min(count, w.match_blocks) - 1, -1, -1):
        number = numbers[chain + i]
        if kept.capacity > 0:
            gone = put(kept, number)
            if gone != NONE:
                note(w, row, gone, HBM, 0)
        note(w, row, number, HBM, 1)
