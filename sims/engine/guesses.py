"""What the router expects of caches beside what it knows: the prompts that are on their way to a replica.

As the live router does: a prompt counts as held from its sending until a deadline, by when an event has said so or
nothing will; an event that a block is gone ends it for that block.
"""

from policies.kv.expected import expected_until
from sims.engine.compiled import compiled
from sims.engine.knowledge import note, run
from sims.engine.memory import guess, smalls
from sims.engine.records import World


@compiled
def put(w: World, place: int, until: float, chain: int, count: int, row: int) -> None:
    """Write a guess to a place."""
    here = guess(w, place)
    here.until, here.chain, here.count, here.row = until, chain, count, row


@compiled
def expect(w: World, row: int, chain: int, count: int, ttft_s: float) -> None:
    """A prompt of so many blocks is on its way to a replica."""
    if w.guesses >= w.most_guesses:
        return
    for i in range(count):
        note(w, row, smalls(w.chains_)[chain + i], w.tiers, 1)
    until, place = expected_until(w.now, ttft_s), w.guesses
    w.guesses += 1
    while place > 0 and guess(w, (place - 1) >> 1).until > until:
        above = guess(w, (place - 1) >> 1)
        put(w, place, above.until, above.chain, above.count, above.row)
        place = (place - 1) >> 1
    put(w, place, until, chain, count, row)


@compiled
def take_first(w: World) -> None:
    """Take the guess that is due first out of the heap."""
    w.guesses -= 1
    last, place = guess(w, w.guesses), 0
    while 2 * place + 1 < w.guesses:
        below = 2 * place + 1
        if below + 1 < w.guesses and guess(w, below + 1).until < guess(w, below).until:
            below += 1
        child = guess(w, below)
        if child.until >= last.until:
            break
        put(w, place, child.until, child.chain, child.count, child.row)
        place = below
    put(w, place, last.until, last.chain, last.count, last.row)


@compiled
def expire(w: World) -> None:
    """Drop what was expected by now: it has come, or it will not."""
    while w.guesses > 0 and guess(w, 0).until <= w.now:
        due = guess(w, 0)
        for i in range(due.count):
            note(w, due.row, smalls(w.chains_)[due.chain + i], w.tiers, 0)
        take_first(w)


@compiled
def match_expected(w: World, chain: int, count: int, block_tokens: float) -> None:
    """Leading tokens of a prompt that replicas will hold, where that is more than is known."""
    if w.guesses > 0:
        run(w, chain, count, block_tokens, w.tiers, 1, 0)
