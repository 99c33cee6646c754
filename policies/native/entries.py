"""The compiled entry points: thin C signatures around the kernels and the block table. Imports numba."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import carray, cfunc, njit, types
from numba.extending import intrinsic, register_jitable

from policies import predict
from policies.compilable import COMPILABLE
from policies.fleet import TIERS, WIDTH
from policies.kv import blocks, lookup, table
from policies.kv.layout import LENGTH, LEVELS, WORDS
from policies.native.routes import Told
from policies.policy import ROUTES
from policies.request import Ask

ASK = len(Ask._fields)
TOLD = len(Told._fields)
CONTEXT = 14  # addresses and sizes that a placement reads, see policies.native.placer

f64p, u64p, i64p = (types.CPointer(t) for t in (types.float64, types.uint64, types.int64))
u32p = types.CPointer(types.uint32)
i64, f64, u64 = types.int64, types.float64, types.uint64

Entry = tuple[str, Callable[..., Any]]


def entries() -> list[Entry]:
    """Every entry point as (exported name, compiled C function)."""
    policies = list(ROUTES)
    for function in COMPILABLE:
        register_jitable(error_model="numpy", fastmath=False)(function)
    kernels = [(policy.name(), njit(error_model="numpy")(policy.kernel)) for policy in policies]
    routes = [(f"route_{name}", _route(kernel)) for name, kernel in kernels]
    places = [(f"place_{name}", _place(kernel)) for name, kernel in kernels]
    return routes + places + _table() + _sweeps() + _chains()


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
    out[0], out[1] = propensity, predict.ttft_seconds(asked, fleet, cached, row)
    out[2], out[3] = predict.tpot_seconds(asked, fleet, row), predict.cost_usd(asked, fleet, cached, row)
    out[4] = min(cached[row, 0], asked.prompt_tokens)


@njit(error_model="numpy")
def find(context, text, start, length, per_block, block_tokens, parent):  # type: ignore[no-untyped-def]
    """Hash a prompt, unless that is done, and write what each replica holds of it; returns how many blocks it has."""
    c = carray(context, (CONTEXT,))
    layout = carray(integers_at(c[10]), (LENGTH,))
    rows = carray(words_at(c[7]), (np.int64(c[8]), np.int64(c[9])))
    scratch = carray(words_at(c[11]), ((2 + table.AHEAD) * layout[WORDS] * layout[LEVELS],))
    found = per_block
    if length >= 0:
        hashes = carray(words_at(c[12]), (length // per_block,))
        read = carray(words_at(text + np.uint64(start)), (length // 8,))
        found = blocks.chain_words(read, per_block // 8, parent, hashes)
    hashes = carray(words_at(c[12]), (found,))
    cached = carray(floats_at(c[3]), (np.int64(c[2]), TIERS))
    lookup.longest(rows, layout, hashes, block_tokens, scratch, cached)
    return found


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


def _table() -> list[Entry]:
    """The functions that touch single blocks of the table."""

    @cfunc(i64(u64p, i64, i64, i64p, i64p, i64, i64, u64p, i64), error_model="numpy")
    def store(rows, slots, width, layout, counts, level, row, hashes, n):  # type: ignore[no-untyped-def]
        of, known = carray(rows, (slots, width)), carray(layout, (LENGTH,))
        return table.store(of, known, carray(counts, (3,)), level, row, carray(hashes, (n,)))

    @cfunc(types.void(u64p, i64, i64, i64p, i64p, i64, i64, u64p, i64), error_model="numpy")
    def remove(rows, slots, width, layout, counts, level, row, hashes, n):  # type: ignore[no-untyped-def]
        of, known = carray(rows, (slots, width)), carray(layout, (LENGTH,))
        table.remove(of, known, carray(counts, (3,)), level, row, carray(hashes, (n,)))

    @cfunc(i64(u64p, i64, i64), error_model="numpy")
    def remember(context, row, n):  # type: ignore[no-untyped-def]
        c = carray(context, (CONTEXT,))
        layout = carray(integers_at(c[10]), (LENGTH,))
        rows = carray(words_at(c[7]), (np.int64(c[8]), np.int64(c[9])))
        counts = carray(integers_at(c[13]), (3,))
        return table.store(rows, layout, counts, 0, row, carray(words_at(c[12]), (n,)))

    return [("store", store), ("remove", remove), ("remember", remember)]


def _sweeps() -> list[Entry]:
    """The functions that go over the whole table, or over many blocks of it."""

    @cfunc(types.void(u64p, i64, i64, i64p, i64p, i64), error_model="numpy")
    def forget(rows, slots, width, layout, counts, row):  # type: ignore[no-untyped-def]
        table.forget(carray(rows, (slots, width)), carray(layout, (LENGTH,)), carray(counts, (3,)), row)

    @cfunc(types.void(u64p, i64, i64, i64p, i64p, i64), error_model="numpy")
    def age(rows, slots, width, layout, counts, row):  # type: ignore[no-untyped-def]
        table.age(carray(rows, (slots, width)), carray(layout, (LENGTH,)), carray(counts, (3,)), row)

    @cfunc(types.void(u64p, i64, i64, i64p, i64p, u64p, i64, i64, i64p), error_model="numpy")
    def rehash(rows, slots, width, layout, counts, to_rows, to_slots, to_width, to_layout):  # type: ignore[no-untyped-def]
        table.rehash(
            carray(rows, (slots, width)),
            carray(layout, (LENGTH,)),
            carray(counts, (3,)),
            carray(to_rows, (to_slots, to_width)),
            carray(to_layout, (LENGTH,)),
        )

    @cfunc(i64(u64p, i64, i64, i64p, u64p, i64, f64, u64p, f64p, i64), error_model="numpy")
    def longest(rows, slots, width, layout, hashes, n, block_tokens, scratch, cached, replicas):  # type: ignore[no-untyped-def]
        known = carray(layout, (LENGTH,))
        return lookup.longest(
            carray(rows, (slots, width)),
            known,
            carray(hashes, (n,)),
            block_tokens,
            carray(scratch, ((2 + table.AHEAD) * known[WORDS] * known[LEVELS],)),
            carray(cached, (replicas, TIERS)),
        )

    return [("forget", forget), ("age", age), ("rehash", rehash), ("longest", longest)]


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
