"""Which replica does something next: a tournament over the times, ties to the lower row."""

from sims.engine.compiled import compiled
from sims.engine.memory import floats, smalls
from sims.engine.records import World


@compiled
def schedule(w: World, row: int, time: float) -> None:
    """Say when a replica next does something; inf for never."""
    due, tree = floats(w.due_), smalls(w.tree_)
    if due[row] == time:
        return
    due[row] = time
    node = (w.leaves + row) >> 1
    while node > 0:
        left, right = tree[2 * node], tree[2 * node + 1]
        tree[node] = left if due[left] <= due[right] else right
        node >>= 1
