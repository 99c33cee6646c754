"""What the router counts of its own requests, sent, first token, end, unless it scrapes; and how long it expects
answers to be."""

from policies.fleet import CONTEXT_TOKENS, KV_USED, QUEUED_ATTENDED, QUEUED_TOKENS, RUNNING, WAITING, WIDTH
from sims.engine.compiled import compiled
from sims.engine.memory import floats, outcome, smalls
from sims.engine.records import NONE, Flight, World

MOVES = 0.01  # how far one answer moves the mean


@compiled
def sent(w: World, f: Flight, believed: float) -> None:
    """A request goes out: it waits, and its uncached tokens are queued."""
    table, at = floats(w.table_), f.row * WIDTH
    f.queued = max(f.prompt - believed, 1.0)
    f.attended = f.queued * (f.prompt - 0.5 * f.queued)
    f.context = f.prompt + 0.5 * floats(w.expected_)[f.model]
    if w.scraping:
        return
    table[at + WAITING] += 1.0
    table[at + QUEUED_TOKENS] += f.queued
    table[at + QUEUED_ATTENDED] += f.attended
    table[at + KV_USED] += f.context


@compiled
def imaged(w: World, row: int, tokens: int) -> None:
    """So many visual tokens more, or fewer, wait for an encoder."""
    if not w.scraping:
        floats(w.table_)[row * WIDTH + QUEUED_TOKENS] += tokens


@compiled
def started(w: World, f: Flight) -> None:
    """Its first token came: it runs."""
    w.missing -= 1
    if w.scraping:
        return
    table, at = floats(w.table_), f.row * WIDTH
    table[at + WAITING] -= 1.0
    table[at + QUEUED_TOKENS] -= f.queued
    table[at + QUEUED_ATTENDED] -= f.attended
    table[at + RUNNING] += 1.0
    table[at + CONTEXT_TOKENS] += f.context


@compiled
def ended(w: World, f: Flight) -> None:
    """Its last token came; how many there were is learned."""
    expected = floats(w.expected_)
    expected[f.model] += MOVES * (f.output - expected[f.model])
    if w.scraping:
        return
    table, at = floats(w.table_), f.row * WIDTH
    table[at + RUNNING] -= 1.0
    table[at + CONTEXT_TOKENS] -= f.context
    table[at + KV_USED] -= f.context


@compiled
def handed_over(w: World, f: Flight) -> bool:
    """Whether its prompt was computed elsewhere."""
    o = outcome(w, f.index)
    return bool(o.prefill != o.replica)


@compiled
def lost(w: World, f: Flight) -> None:
    """Its replica failed: it is no longer there, and waits for its first token again."""
    begun = f.emitted > 0 or handed_over(w, f)
    if begun:
        w.missing += 1
    if f.encoder != NONE:
        imaged(w, f.encoder, -smalls(w.visuals_)[f.index])
    if w.scraping:
        return
    table, at = floats(w.table_), f.row * WIDTH
    table[at + KV_USED] -= f.context
    if begun:
        table[at + RUNNING] -= 1.0
        table[at + CONTEXT_TOKENS] -= f.context
    else:
        table[at + WAITING] -= 1.0
        table[at + QUEUED_TOKENS] -= f.queued
        table[at + QUEUED_ATTENDED] -= f.attended


@compiled
def moved(w: World, f: Flight, row: int) -> None:
    """It decodes on another replica than the one that computed its prompt."""
    table, at, to = floats(w.table_), f.row * WIDTH, row * WIDTH
    f.row = row
    if w.scraping:
        return
    table[at + RUNNING] -= 1.0
    table[at + CONTEXT_TOKENS] -= f.context
    table[at + KV_USED] -= f.context
    table[to + RUNNING] += 1.0
    table[to + CONTEXT_TOKENS] += f.context
    table[to + KV_USED] += f.context
