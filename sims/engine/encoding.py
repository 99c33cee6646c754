"""Images encoded for others: queued, done in steps, their embeddings sent to the replica that computes the prompt.

An image is cut where a step's tokens end, as a prompt is. Embeddings are some tenth of a prompt's KV: links take them
as if they were idle, and they hold no room.
"""

from sims.engine.compiled import compiled
from sims.engine.inbox import approach, coming
from sims.engine.memory import engine, flight, smalls
from sims.engine.records import NONE, Engine, World
from sims.engine.view import imaged


@compiled
def append(w: World, e: Engine, index: int) -> None:
    """Put a request at the end of those whose images a replica encodes."""
    flight(w, index).next = NONE
    if e.first_image == NONE:
        e.first_image = index
    else:
        flight(w, e.last_image).next = index
    e.last_image = index
    e.images += 1


@compiled
def encoded(w: World, e: Engine, end: float) -> None:
    """Enter what a step encoded; a request of which nothing is left goes on to compute its prompt."""
    while e.imaged > 0:
        index = e.first_image
        f = flight(w, index)
        new = min(f.visual, e.imaged)
        f.visual -= new
        e.imaged -= new
        if f.visual == 0:
            e.first_image = f.next
            e.images -= 1
            go_on(w, e, index, end)


@compiled
def go_on(w: World, e: Engine, index: int, end: float) -> None:
    """Send the embeddings, and the request with them."""
    f = flight(w, index)
    tokens, target = smalls(w.visuals_)[f.index], engine(w, f.row)
    imaged(w, e.row, -tokens)
    f.encoder = NONE
    rate = min(e.transfer_bytes_per_s, target.transfer_bytes_per_s)
    f.due = end + target.frontend_s + target.transfer_base_s + tokens * e.embedding_bytes / rate
    approach(w, index)


@compiled
def withdrawn(w: World, row: int, rest: int) -> int:
    """Take out of all encoders what was to go on to one replica, as a list before another; its step may be lost."""
    for other in range(w.replicas):
        e = engine(w, other)
        if other != row:
            rest = from_images(w, e, row, from_coming(w, e, row, rest))
    return rest


@compiled
def from_images(w: World, e: Engine, row: int, rest: int) -> int:
    """Those that wait at one encoder."""
    index = e.first_image
    e.first_image, e.images = NONE, 0
    while index != NONE:
        f = flight(w, index)
        following = f.next
        if f.row == row:
            f.next, rest = rest, index
            e.imaged = 0
        else:
            append(w, e, index)
        index = following
    return rest


@compiled
def from_coming(w: World, e: Engine, row: int, rest: int) -> int:
    """Those on their way to one encoder."""
    index = e.first_coming
    e.first_coming = NONE
    while index != NONE:
        f = flight(w, index)
        following = f.next
        if f.row == row and f.encoder == e.row:
            f.next, rest = rest, index
        else:
            coming(w, e, index)
        index = following
    return rest
