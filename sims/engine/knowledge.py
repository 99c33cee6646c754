"""What the router believes is cached: the engines' own events, a little late, as one bit a replica and block."""

from policies.fleet import TIERS
from sims.engine.compiled import compiled
from sims.engine.memory import event, floats, integers, lowest_bit, smalls
from sims.engine.records import World

UNKNOWN = 2
"""What stands in an event's `stored` where the router is to forget all that it knew of a replica."""


@compiled
def note(w: World, row: int, number: int, tier: int, stored: int) -> None:
    """Write down that a replica holds a block in a tier, or does not."""
    known, word = integers(w.known_), (tier * w.distinct + number) * w.words + (row >> 6)
    if stored:
        known[word] |= 1 << (row & 63)
    else:
        known[word] &= ~(1 << (row & 63))


@compiled
def hear(w: World) -> None:
    """Enter what has reached the router by now."""
    while w.ring_first < w.ring_last:
        said = event(w, w.ring_first & w.ring_mask)
        if said.at > w.now:
            return
        if said.stored == UNKNOWN:
            clear(w, said.row)
        else:
            note(w, said.row, said.block, said.tier, said.stored)
            if w.guesses > 0 and said.stored == 0:
                note(w, said.row, said.block, w.tiers, 0)
        w.ring_first += 1


@compiled
def clear(w: World, row: int) -> None:
    """Take out all that is known of one replica, and expected."""
    known, mask = integers(w.known_), ~(1 << (row & 63))
    for number in range((w.tiers + w.expecting) * w.distinct):
        known[number * w.words + (row >> 6)] &= mask


@compiled
def forget(w: World, row: int) -> None:
    """Take out all that is known of one replica, and all that is on its way."""
    clear(w, row)
    for i in range(w.ring_first, w.ring_last):
        said = event(w, i & w.ring_mask)
        if said.row == row:
            said.stored = 0


@compiled
def forget_last(w: World) -> None:
    """Make all rows of `cached` zero again."""
    cached, touched = floats(w.cached_), smalls(w.touched_)
    for i in range(w.touched):
        for tier in range(TIERS):
            cached[TIERS * touched[i] + tier] = 0.0
    w.touched = 0


@compiled
def settle(w: World, word: int, ended: int, tokens: float, first_tier: int) -> None:
    """Write down the tokens of every replica whose bit is set in one word, for a tier and those slower, where it is
    not known to hold more."""
    cached, touched = floats(w.cached_), smalls(w.touched_)
    while ended != 0:
        row = 64 * word + lowest_bit(ended)
        for tier in range(first_tier, TIERS):
            cached[TIERS * row + tier] = max(cached[TIERS * row + tier], tokens)
        touched[w.touched] = row
        w.touched += 1
        ended &= ended - 1


@compiled
def holders(w: World, place: int, planes: int) -> int:
    """The replicas of one word that hold a block by one of so many planes, the first at `place`."""
    known, step = integers(w.known_), w.distinct * w.words
    bits = known[place]
    for further in range(1, planes):
        bits |= known[place + further * step]
    return int(bits)


@compiled
def match(w: World, chain: int, count: int, block_tokens: float, tier: int) -> None:
    """Leading tokens of a prompt that each replica holds in a tier or a faster one into `cached`."""
    run(w, chain, count, block_tokens, 0, tier + 1, tier)


@compiled
def run(w: World, chain: int, count: int, block_tokens: float, plane: int, planes: int, tier: int) -> None:
    """The same by any planes of `known_`: a replica ends at the first block it lacks."""
    live, numbers, first = integers(w.live_), smalls(w.chains_), plane * w.distinct * w.words
    for k in range(w.words):
        live[k] = -1 if count > 0 else 0
    for j in range(count):
        base, anybody = numbers[chain + j] * w.words, 0
        for k in range(w.words):
            if live[k] == 0:
                continue
            running = live[k] & holders(w, first + base + k, planes)
            if j > 0 and running != live[k]:
                settle(w, k, live[k] & ~running, j * block_tokens, tier)
            live[k] = running
            anybody |= running
        if anybody == 0:
            return
    for k in range(w.words):
        settle(w, k, live[k], count * block_tokens, tier)
