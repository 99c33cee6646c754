"""The loops as compiled C functions on addresses. Imports numba."""

from collections.abc import Callable
from inspect import getmembers, isfunction
from typing import Any

from numba import carray, cfunc, types
from numba.extending import intrinsic, register_jitable

from policies.native.entries import Entry, floats_at, integers_at
from router.classify.native import grams, tagging, worths
from router.classify.native.grams import MARKED, STARTS
from router.classify.native.worths import BUCKETS

i64, u64 = types.int64, types.uint64
u8p, i32p = types.CPointer(types.uint8), types.CPointer(types.int32)
i64p, f32p = types.CPointer(types.int64), types.CPointer(types.float32)


def entries() -> list[Entry]:
    """Every entry point as (exported name, compiled C function)."""
    for module in (worths, grams, tagging):
        for _, function in getmembers(module, isfunction):
            if function.__module__ == module.__name__:
                register_jitable(error_model="numpy", fastmath=False)(function)
    return [("worths", _worths()), ("ngrams", _ngrams()), *_tagging()]


@intrinsic
def bytes_at(typingctx: Any, address: Any) -> Any:
    """The pointer to bytes at an address."""
    return u8p(u64), lambda context, builder, signature, args: builder.inttoptr(args[0], context.get_value_type(u8p))


def _worths() -> Callable[..., Any]:
    """Everything but the text lies in one stretch of memory, one after another, see `scratch_words`."""

    @cfunc(types.void(u8p, i64, i64, i64, u64), error_model="numpy")
    def entry(text, n, sentences, words, scratch):  # type: ignore[no-untyped-def]
        at = carray(integers_at(scratch), (sentences + 1,))
        buckets = carray(integers_at(scratch + u64(8 * (sentences + 1))), (words,))
        values = carray(floats_at(scratch + u64(8 * (sentences + 1 + words))), (words,))
        rest = carray(floats_at(scratch + u64(8 * (sentences + 1 + 2 * words))), (BUCKETS + 2 * sentences,))
        out = carray(floats_at(scratch + u64(8 * (BUCKETS + 3 * sentences + 1 + 2 * words))), (sentences,))
        worths.worths(carray(text, (n,)), at, buckets, values, rest, out)

    return entry  # type: ignore[no-any-return]


def _ngrams() -> Callable[..., Any]:
    @cfunc(types.void(u8p, i64, i64p, u64, i64, f32p, i64), error_model="numpy")
    def entry(text, n, table, scratch, size, out, buckets):  # type: ignore[no-untyped-def]
        keys, times = carray(integers_at(scratch), (size,)), carray(integers_at(scratch + u64(8 * size)), (size,))
        starts = carray(integers_at(scratch + u64(16 * size)), (STARTS,))
        marked = carray(bytes_at(scratch + u64(16 * size + 8 * STARTS)), (MARKED,))
        row = carray(out, (buckets,))
        grams.ngrams(carray(text, (n,)), carray(table, (256,)), keys, times, marked, starts, row)

    return entry  # type: ignore[no-any-return]


def _tagging() -> list[Entry]:
    @cfunc(types.void(u8p, i64p, i64, i32p, i64, i64, i64, i64p, i64p), error_model="numpy")
    def hash_rows(pool, ends, n, parts, features, most, rows, table, out):  # type: ignore[no-untyped-def]
        known = carray(ends, (n,))
        tagging.hash_rows(
            carray(pool, (known[n - 1],)),
            known,
            carray(parts, (features, most)),
            rows,
            carray(table, (256,)),
            carray(out, (features,)),
        )

    @cfunc(types.void(f32p, i64, i64, i64p, i64p, f32p, i64), error_model="numpy")
    def add_rows(table, rows, tags, asked, begins, out, n):  # type: ignore[no-untyped-def]
        sums, at = carray(out, (n, tags)), carray(begins, (n + 1,))
        tagging.add_rows(carray(table, (rows, tags)), carray(asked, (at[n],)), at, sums)

    @cfunc(types.void(f32p, i64, i64, f32p, i32p, f32p, i64p), error_model="numpy")
    def best(scores, n, tags, after, back, reached, out):  # type: ignore[no-untyped-def]
        tagging.best(
            carray(scores, (n, tags)),
            carray(after, (tags, tags)),
            carray(back, (n, tags)),
            carray(reached, (2, tags)),
            carray(out, (n,)),
        )

    return [("hash_rows", hash_rows), ("add_rows", add_rows), ("best", best)]
