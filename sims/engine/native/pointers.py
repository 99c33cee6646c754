"""What `sims.engine.memory` is when compiled. Imports numba."""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import carray, from_dtype, types
from numba.extending import intrinsic, overload

from sims.engine import memory, records
from sims.engine.compiled import layout

WORD, BYTE = ir.IntType(64), ir.IntType(8)
PLAIN: Any = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def enter() -> None:
    """Give every function of `sims.engine.memory` its compiled form."""
    _record(memory.engine, "engines_", records.Engine)
    _record(memory.flight, "flights_", records.Flight)
    _record(memory.outcome, "outcomes_", records.Outcome)
    _record(memory.event, "ring_", records.Event)
    _record(memory.missed, "missed_", records.Missed)
    _record(memory.guess, "guesses_", records.Guess)
    _record(memory.turn, "turns_", records.Turn)
    _record(memory.transfer, "transfers_", records.Transfer)
    _record(memory.entry, "heap_", records.Entry)
    _record(memory.block, "blocks_", records.Block)
    _record(memory.history, "histories_", records.Shelf)
    _record(memory.host, "hosts_", records.Shelf)
    _record(memory.disk, "disks_", records.Shelf)
    _array(memory.integers, types.int64)
    _array(memory.smalls, types.int32)
    _array(memory.floats, types.float64)
    overload(memory.just_after, jit_options=PLAIN)(lambda time: lambda time: _just_after(time))
    overload(memory.lowest_bit, jit_options=PLAIN)(lambda word: lambda word: _lowest_bit(word))
    overload(memory.called, jit_options=PLAIN)(_called)
    overload(memory.handed, jit_options=PLAIN)(_handed)
    overload(memory.encoder_of, jit_options=PLAIN)(_encoder_of)


def record_at(record: type) -> Any:
    """An intrinsic: the record at an address."""
    kind = from_dtype(layout(record))

    @intrinsic
    def at(typingctx: Any, address: Any) -> Any:
        return kind(types.int64), lambda context, builder, signature, args: builder.inttoptr(
            args[0], context.get_value_type(kind)
        )

    return at


def _record(function: Callable[..., Any], field: str, record: type) -> None:
    """Compile `function(owner, index)` as the record of that index in the array whose address is in owner's field."""
    kind, size = from_dtype(layout(record)), layout(record).itemsize

    @intrinsic
    def read(typingctx: Any, owned: Any, index: Any) -> Any:
        offset = owned.fields[field].offset

        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            place = builder.gep(builder.bitcast(args[0], BYTE.as_pointer()), [ir.Constant(WORD, offset)])
            start = builder.load(builder.bitcast(place, BYTE.as_pointer().as_pointer()))
            found = builder.gep(start, [builder.mul(args[1], ir.Constant(WORD, size))])
            return builder.bitcast(found, context.get_value_type(kind))

        return kind(owned, types.int64), code

    overload(function, jit_options=PLAIN)(lambda owned, index: lambda owned, index: read(owned, index))


def _array(function: Callable[..., Any], item: Any) -> None:
    """Compile `function(address)` as the array that begins there; nobody asks for its length."""
    pointer = types.CPointer(item)

    @intrinsic
    def cast(typingctx: Any, address: Any) -> Any:
        return pointer(types.int64), lambda context, builder, signature, args: builder.inttoptr(
            args[0], context.get_value_type(pointer)
        )

    overload(function, jit_options=PLAIN)(lambda address: lambda address: carray(cast(address), (memory.MANY,)))


@intrinsic
def _just_after(typingctx: Any, time: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        bits = builder.add(builder.bitcast(args[0], WORD), ir.Constant(WORD, 1))
        return builder.bitcast(bits, ir.DoubleType())

    return types.float64(types.float64), code


@intrinsic
def _lowest_bit(typingctx: Any, word: Any) -> Any:
    return types.int64(types.int64), lambda context, builder, signature, args: builder.cttz(
        args[0], ir.Constant(ir.IntType(1), 1)
    )


@intrinsic
def _call(typingctx, function, ask, table, rows, cached, settings, n, now, told):  # type: ignore[no-untyped-def]
    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(WORD, [*[WORD] * 6, ir.DoubleType(), WORD])
        return builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])

    return types.int64(*[types.int64] * 7, types.float64, types.int64), code


@intrinsic
def _encode(typingctx, function, ask, table, rows, visual_tokens):  # type: ignore[no-untyped-def]
    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(WORD, [*[WORD] * 3, ir.DoubleType()])
        return builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])

    return types.int64(*[types.int64] * 4, types.float64), code


def _encoder_of(function, ask, table, rows, visual_tokens):  # type: ignore[no-untyped-def]
    return lambda function, ask, table, rows, visual_tokens: _encode(function, ask, table, rows, visual_tokens)


@intrinsic
def _hand(typingctx, function, ask, table, rows, row):  # type: ignore[no-untyped-def]
    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(WORD, [WORD] * 4)
        return builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])

    return types.int64(*[types.int64] * 5), code


def _handed(function, ask, table, rows, row):  # type: ignore[no-untyped-def]
    return lambda function, ask, table, rows, row: _hand(function, ask, table, rows, row)


def _called(function, ask, table, rows, cached, settings, n, now, told):  # type: ignore[no-untyped-def]
    return lambda function, ask, table, rows, cached, settings, n, now, told: _call(
        function, ask, table, rows, cached, settings, n, now, told
    )
