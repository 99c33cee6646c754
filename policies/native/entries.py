"""The compiled entry points: thin C signatures around the kernels and the block table. Imports numba."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import carray, cfunc, njit, types
from numba.extending import intrinsic, register_jitable

from policies import predict, split
from policies.boundary import bounded
from policies.compilable import COMPILABLE
from policies.fleet import TIERS, WIDTH
from policies.kv import blocks, lookup, table
from policies.kv.layout import LENGTH, LEVELS, WORDS
from policies.kv.table import COUNTS
from policies.native.routes import Told
from policies.policy import ROUTES
from policies.request import Ask

ASK = len(Ask._fields)
TOLD = len(Told._fields)
CONTEXT = 16  # addresses and sizes that a placement reads, see policies.native.placer

f64p, u64p, i64p = (types.CPointer(t) for t in (types.float64, types.uint64, types.int64))
u32p = types.CPointer(types.uint32)
i64, f64, u64 = types.int64, types.float64, types.uint64

ROWS = (u64p, i64, i64, i64p)  # rows, how many, width, layout
TABLE = (*ROWS, u64p, i64)  # and slots, how many

Entry = tuple[str, Callable[..., Any]]


def entries() -> list[Entry]:
    """Every entry point as (exported name, compiled C function)."""
    policies = list(ROUTES)
    for function in COMPILABLE:
        register_jitable(error_model="numpy", fastmath=False)(function)
    kernels = [(policy.name(), _bounded(policy.kernel)) for policy in policies]
    routes = [(f"route_{name}", _route(kernel)) for name, kernel in kernels]
    places = [(f"place_{name}", _place(kernel)) for name, kernel in kernels]
    return routes + places + _table() + _sweeps() + _chains() + _hand_over()


@intrinsic
def floats_at(typingctx: Any, address: Any) -> Any:
    """The pointer to float64 at an address."""
    return f64p(types.uint64), lambda context, builder, signature, args: builder.inttoptr(
        args[0], context.get_value_type(f64p)
    )


@intrinsic
def integers_at(typingctx: Any, address: Any) -> Any:
    """The pointer to int64 at an address."""
    return i64p(types.uint64), lambda context, builder, signature, args: builder.inttoptr(
        args[0], context.get_value_type(i64p)
    )


@intrinsic
def words_at(typingctx: Any, address: Any) -> Any:
    """The pointer to uint64 at an address."""
    return u64p(types.uint64), lambda context, builder, signature, args: builder.inttoptr(
        args[0], context.get_value_type(u64p)
    )


@njit(error_model="numpy")
def tell(out, propensity, asked, fleet, cached, row):  # type: ignore[no-untyped-def]
    """Write what is predicted of a request on the row chosen, in the order of `Told`."""
    decode = split.partner(asked, fleet, row)
    out[0], out[1] = propensity, split.first_token_seconds(asked, fleet, cached, row, decode)
    out[2], out[3] = predict.tpot_seconds(asked, fleet, decode), split.pair_usd(asked, fleet, cached, row, decode)
    out[4], out[5] = min(cached[row, 0], asked.prompt_tokens), decode


@njit(error_model="numpy")
def find(context, text, start, length, per_block, block_tokens, parent):  # type: ignore[no-untyped-def]
    """Hash a prompt, unless that is done, and write what each replica holds of it; returns how many blocks it has."""
    c = carray(context, (CONTEXT,))
    layout = carray(integers_at(c[10]), (LENGTH,))
    rows = carray(words_at(c[7]), (np.int64(c[8]), np.int64(c[9])))
    slots = carray(words_at(c[11]), (np.int64(c[12]),))
    scratch = carray(words_at(c[13]), (2 * layout[WORDS] * layout[LEVELS] + 1,))
    found = per_block
    if length >= 0:
        hashes = carray(words_at(c[14]), (length // per_block,))
        read = carray(words_at(text + np.uint64(start)), (length // 8,))
        found = blocks.chain_words(read, per_block // 8, parent, hashes)
    hashes = carray(words_at(c[14]), (found,))
    cached = carray(floats_at(c[3]), (np.int64(c[2]), TIERS))
    lookup.longest(rows, layout, slots, hashes, block_tokens, scratch, cached)
    return found


def _bounded(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """A kernel compiled, behind the fence of `policies.boundary`."""
    return njit(error_model="numpy")(bounded(njit(error_model="numpy")(kernel)))  # type: ignore[no-any-return]


def _route(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """A decision: the row chosen, and what is predicted for it."""

    @cfunc(types.int64(f64p, f64p, i64, f64p, f64p, i64, f64, f64p), error_model="numpy")
    def entry(ask, table, n, cached, settings, n_settings, now, told):  # type: ignore[no-untyped-def]
        a = carray(ask, (ASK,))
        asked = Ask(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7])
        fleet, held = carray(table, (n, WIDTH)), carray(cached, (n, TIERS))
        row, propensity = kernel(asked, fleet, held, carray(settings, (n_settings,)), now)
        if row >= 0:
            tell(carray(told, (TOLD,)), propensity, asked, fleet, held, row)
        return row

    return entry  # type: ignore[no-any-return]


def _place(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """A decision together with hashing the prompt and finding who holds it."""

    @cfunc(i64(u64p, u64, i64, i64, i64, f64, u64, f64), error_model="numpy")
    def entry(context, text, start, length, per_block, block_tokens, parent, now):  # type: ignore[no-untyped-def]
        c = carray(context, (CONTEXT,))
        a, n = carray(floats_at(c[0]), (ASK,)), np.int64(c[2])
        asked = Ask(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7])
        fleet, cached = carray(floats_at(c[1]), (n, WIDTH)), carray(floats_at(c[3]), (n, TIERS))
        found = find(context, text, start, length, per_block, block_tokens, parent)
        row, propensity = kernel(asked, fleet, cached, carray(floats_at(c[4]), (np.int64(c[5]),)), now)
        told = carray(floats_at(c[6]), (TOLD + 1,))
        told[TOLD] = found
        if row >= 0:
            tell(told, propensity, asked, fleet, cached, row)
        return row

    return entry  # type: ignore[no-any-return]


def _hand_over() -> list[Entry]:
    """Where to decode what a prefill replica has computed, and where to encode images."""

    @cfunc(i64(f64p, f64p, i64, i64), error_model="numpy")
    def decoder(ask, table, n, row):  # type: ignore[no-untyped-def]
        a = carray(ask, (ASK,))
        asked = Ask(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7])
        return split.decoder(asked, carray(table, (n, WIDTH)), row)

    @cfunc(i64(f64p, f64p, i64, f64), error_model="numpy")
    def encoder(ask, table, n, visual_tokens):  # type: ignore[no-untyped-def]
        a = carray(ask, (ASK,))
        asked = Ask(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7])
        return split.encoder(asked, carray(table, (n, WIDTH)), visual_tokens)

    return [("decoder", decoder), ("encoder", encoder)]


def _table() -> list[Entry]:
    """The functions that touch single blocks of the table."""

    @cfunc(i64(*TABLE, i64p, i64, i64, u64p, i64), error_model="numpy")
    def store(rows, n, width, layout, slots, m, counts, level, row, hashes, blocks):  # type: ignore[no-untyped-def]
        of, known = carray(rows, (n, width)), carray(layout, (LENGTH,))
        found, counted = carray(slots, (m,)), carray(counts, (COUNTS,))
        return table.store(of, known, found, counted, level, row, carray(hashes, (blocks,)))

    @cfunc(types.void(*TABLE, i64p, i64, i64, u64p, i64), error_model="numpy")
    def remove(rows, n, width, layout, slots, m, counts, level, row, hashes, blocks):  # type: ignore[no-untyped-def]
        of, known = carray(rows, (n, width)), carray(layout, (LENGTH,))
        found, counted = carray(slots, (m,)), carray(counts, (COUNTS,))
        table.remove(of, known, found, counted, level, row, carray(hashes, (blocks,)))

    @cfunc(i64(u64p, i64, i64), error_model="numpy")
    def remember(context, row, n):  # type: ignore[no-untyped-def]
        c = carray(context, (CONTEXT,))
        layout = carray(integers_at(c[10]), (LENGTH,))
        rows = carray(words_at(c[7]), (np.int64(c[8]), np.int64(c[9])))
        slots = carray(words_at(c[11]), (np.int64(c[12]),))
        counts = carray(integers_at(c[15]), (COUNTS,))
        return table.store(rows, layout, slots, counts, 0, row, carray(words_at(c[14]), (n,)))

    @cfunc(i64(*TABLE, u64p, i64, f64, u64p, f64p, i64), error_model="numpy")
    def longest(rows, n, width, layout, slots, m, hashes, asked, block_tokens, scratch, cached, replicas):  # type: ignore[no-untyped-def]
        known = carray(layout, (LENGTH,))
        return lookup.longest(
            carray(rows, (n, width)),
            known,
            carray(slots, (m,)),
            carray(hashes, (asked,)),
            block_tokens,
            carray(scratch, (2 * known[WORDS] * known[LEVELS] + 1,)),
            carray(cached, (replicas, TIERS)),
        )

    return [("store", store), ("remove", remove), ("remember", remember), ("longest", longest)]


def _sweeps() -> list[Entry]:
    """The functions that go over the whole table."""

    @cfunc(types.void(*TABLE, i64p, i64), error_model="numpy")
    def forget(rows, n, width, layout, slots, m, counts, row):  # type: ignore[no-untyped-def]
        of, known = carray(rows, (n, width)), carray(layout, (LENGTH,))
        table.forget(of, known, carray(slots, (m,)), carray(counts, (COUNTS,)), row)

    @cfunc(types.void(*TABLE, i64p, i64), error_model="numpy")
    def age(rows, n, width, layout, slots, m, counts, row):  # type: ignore[no-untyped-def]
        of, known = carray(rows, (n, width)), carray(layout, (LENGTH,))
        table.age(of, known, carray(slots, (m,)), carray(counts, (COUNTS,)), row)

    @cfunc(types.void(*ROWS, i64p, *ROWS), error_model="numpy")
    def move(rows, n, width, layout, counts, to_rows, to_n, to_width, to_layout):  # type: ignore[no-untyped-def]
        of, to = carray(rows, (n, width)), carray(to_rows, (to_n, to_width))
        table.move(of, carray(layout, (LENGTH,)), carray(counts, (COUNTS,)), to, carray(to_layout, (LENGTH,)))

    @cfunc(types.void(*TABLE, i64p), error_model="numpy")
    def rehash(rows, n, width, layout, slots, m, counts):  # type: ignore[no-untyped-def]
        table.rehash(carray(rows, (n, width)), carray(slots, (m,)), carray(counts, (COUNTS,)))

    return [("forget", forget), ("age", age), ("move", move), ("rehash", rehash)]


def _chains() -> list[Entry]:
    """Hashing prompts into blocks."""

    @cfunc(i64(u32p, i64, i64, u64, u64p), error_model="numpy")
    def chain(tokens, n, block_tokens, parent, out):  # type: ignore[no-untyped-def]
        return blocks.chain(carray(tokens, (n,)), block_tokens, parent, carray(out, (n // block_tokens,)))

    @cfunc(i64(u64, i64, i64, u64, u64p), error_model="numpy")
    def chain_text(text, n, block_bytes, parent, out):  # type: ignore[no-untyped-def]
        read = carray(words_at(text), (n // 8,))
        return blocks.chain_words(read, block_bytes // 8, parent, carray(out, (n // block_bytes,)))

    return [("chain", chain), ("chain_text", chain_text)]
