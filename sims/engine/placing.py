"""One arrival: what the policy is told of it, where it sends it, what is then counted."""

from policies.boundary import ROOM
from sims.engine import line
from sims.engine.coin import hashed
from sims.engine.compiled import compiled
from sims.engine.flights import prepare, taken
from sims.engine.guesses import expect, expire, match_expected
from sims.engine.history import remember
from sims.engine.holding import any_room, first_held, has_room, hold, let_go, make_way, queue_of, turn_away
from sims.engine.inbox import approach
from sims.engine.knowledge import forget_last, hear, match
from sims.engine.looks import read_scrape
from sims.engine.memory import called, encoder_of, engine, flight, floats, integers, outcome, smalls
from sims.engine.records import COMPRESSED, COMPRESSIBLE, NONE, Engine, Flight, World
from sims.engine.run import REFUSED
from sims.engine.view import imaged, sent

EMPTY = 0xFFFFFFFF
FAILED = -2
"""What a policy's function answers when it has failed."""


@compiled
def arrive(w: World, index: int) -> bool:
    """Place an arrival that comes now; False when the policy has failed."""
    outcome(w, index).at = w.now
    squeeze(w, index)
    if too_long(w, index):
        refuse(w, index)
        return True
    if 0 < w.most_in_flight <= w.in_flight and not make_way(w, index):
        turn_away(w, index)
        return True
    w.in_flight += 1
    w.missing += 1
    if w.queue_s > 0.0 and (first_held(w, smalls(w.models_)[index]) != NONE or not any_room(w, index)):
        hold(w, index)
        return True
    return place(w, index)


@compiled
def squeeze(w: World, index: int) -> None:
    """Compress a prompt that may be and is a little too long for the short pool."""
    model, squeezing = smalls(w.models_)[index], smalls(w.squeezing_)
    if squeezing[index] != COMPRESSIBLE or model < 0:
        return
    tokens, bound = smalls(w.prompts_)[index], floats(w.bounds_)[model]
    if bound < tokens <= floats(w.gammas_)[model] * bound:
        smalls(w.prompts_)[index] = max(int(ROOM * bound), 1)
        squeezing[index] = COMPRESSED


@compiled
def known_blocks(w: World, index: int) -> int:
    """Full blocks of an arrival's prompt, where blocks are known; a compressed one is like nobody else's."""
    if smalls(w.squeezing_)[index] == COMPRESSED:
        return 0
    return int(integers(w.ends_)[index + 1] - integers(w.ends_)[index])


@compiled
def place(w: World, index: int) -> bool:
    """Send an arrival where the policy says, hold it where it says nowhere; False when the policy has failed."""
    row = choose(w, index)
    if row == FAILED:
        return False
    if row < 0:
        hold(w, index)
    elif not fits(engine(w, row), smalls(w.prompts_)[index] + smalls(w.outputs_)[index]):
        w.missing -= 1
        w.in_flight -= 1
        refuse(w, index)
    else:
        send(w, index, row)
    return True


@compiled
def place_held(w: World, row: int) -> bool:
    """Place those held who now find room on a replica; False when the policy has failed."""
    for model in range(w.models):
        while first_held(w, model) != NONE and has_room(w, row, first_held(w, model)):
            before = w.held
            if not place(w, let_go(w, queue_of(w, first_held(w, model)))):
                return False
            if w.held == before:
                break
    return True


@compiled
def too_long(w: World, index: int) -> bool:
    """Whether no replica of the model takes so many tokens."""
    model = smalls(w.models_)[index]
    return bool(model < 0 or smalls(w.prompts_)[index] + smalls(w.outputs_)[index] > integers(w.limits_)[model])


@compiled
def fits(e: Engine, tokens: int) -> bool:
    """Whether a replica can ever hold a request of so many tokens; the last one needs no place."""
    return -(-(tokens - 1) // e.block) <= e.capacity


@compiled
def refuse(w: World, index: int) -> None:
    """Nobody can serve it."""
    outcome(w, index).state = REFUSED
    line.ended(w, index, w.now)


@compiled
def choose(w: World, index: int) -> int:
    """The row that the policy answers."""
    if w.scraping:
        read_scrape(w)
    if w.matching:
        look_up(w, index)
    describe(w, index)
    return called(w.decide, w.ask_, w.table_, w.replicas, w.cached_, w.settings_, w.settings, w.now, w.told_)


@compiled
def describe(w: World, index: int) -> None:
    """Write what a policy is told of an arrival."""
    ask, session, model = floats(w.ask_), smalls(w.sessions_)[index], smalls(w.models_)[index]
    ask[0] = hashed(w.prefix, index)
    ask[1] = hashed(EMPTY, session) if session != NONE else 0.0
    ask[2] = float(model)
    ask[3] = float(smalls(w.prompts_)[index])
    ask[5] = floats(w.expected_)[model]
    ask[6] = floats(w.ttfts_)[smalls(w.classes_)[index]]
    ask[7] = floats(w.tpots_)[smalls(w.classes_)[index]]
    ask[8] = float(index)


@compiled
def look_up(w: World, index: int) -> None:
    """Write what each replica holds of a prompt, as far as the router knows."""
    ends, block = integers(w.ends_), engine(w, 0).block
    count = min(known_blocks(w, index), smalls(w.prompts_)[index] // block, w.match_blocks)
    hear(w)
    expire(w)
    forget_last(w)
    for tier in range(w.tiers):
        match(w, ends[index], count, float(block), tier)
    match_expected(w, ends[index], count, float(block))


@compiled
def send(w: World, index: int, row: int) -> None:
    """Send an arrival to a replica: it is counted from now on and gets there when its front end has let it through."""
    place = taken(w)
    f, e, told = flight(w, place), engine(w, row), floats(w.told_)
    prepare(w, f, index)
    f.row = row
    f.chain = integers(w.ends_)[index]
    f.chained = known_blocks(w, index)
    f.due = w.now + e.frontend_s
    e.sent += 1
    o = outcome(w, index)
    o.replica = o.prefill = row
    o.predicted, o.believed = told[1], int(told[4])
    sent(w, f, told[4])
    if w.remembering:
        remember(w, row, f.chain, min(f.chained, f.prompt // e.block))
    if w.expecting:
        count = min(f.chained, f.prompt // e.block)
        if told[4] < count * e.block:
            expect(w, row, f.chain, count, told[1])
    if f.visual > told[4]:
        let_encode(w, f)
    approach(w, place)


@compiled
def let_encode(w: World, f: Flight) -> None:
    """Send a request's images to be encoded first, where somebody does that for others."""
    row = encoder_of(w.encoder, w.ask_, w.table_, w.replicas, float(f.visual))
    if row >= 0:
        f.encoder, f.due = row, w.now + engine(w, row).frontend_s
        imaged(w, row, f.visual)
