"""What numba lacks: pointers, numbers at addresses, and an atomic counter.

An address is a number of bytes. Nothing is checked.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


@intrinsic
def pointer(typing: Any, address: Any) -> Any:
    """An address (uint64) as the pointer that `numba.carray` takes."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], context.get_value_type(types.voidptr))

    return types.voidptr(types.uint64), emit


@intrinsic
def fetch_add(typing: Any, address: Any) -> Any:
    """Add 1 to the int64 at `address` (uint64) as one indivisible step; its value before.

    A thread that sees the new number also sees all that was written before it.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        word = ir.IntType(64)
        counter = builder.inttoptr(args[0], word.as_pointer())
        return builder.atomic_rmw("add", counter, word(1), "acq_rel")

    return types.int64(types.uint64), emit


@intrinsic
def store_int64(typing: Any, address: Any, value: Any) -> Any:
    """Write an int64 to `address` (uint64)."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[1], builder.inttoptr(args[0], ir.IntType(64).as_pointer()))
        return context.get_dummy_value()

    return types.void(types.uint64, types.int64), emit


def _load(bits: int, first_is_highest: bool = False) -> Any:
    """The code generator that reads an integer, whatever its alignment."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = builder.inttoptr(args[0], ir.IntType(bits).as_pointer())
        value = builder.load(place, align=1)
        if first_is_highest:
            value = builder.bswap(value)
        return builder.sext(value, ir.IntType(64)) if bits < 64 else value

    return emit


@intrinsic
def load_word(typing: Any, address: Any) -> Any:
    """The eight bytes at `address`, the first one highest, as uint64."""
    return types.uint64(types.int64), _load(64, first_is_highest=True)


@intrinsic
def load_int64(typing: Any, address: Any) -> Any:
    """The int64 at `address`."""
    return types.int64(types.int64), _load(64)


@intrinsic
def load_int32(typing: Any, address: Any) -> Any:
    """The int32 at `address`."""
    return types.int64(types.int64), _load(32)


@intrinsic
def store_int16(typing: Any, address: Any, value: Any) -> Any:
    """Write the lowest 16 bits of an integer to `address`."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        short = ir.IntType(16)
        place = builder.inttoptr(args[0], short.as_pointer())
        builder.store(builder.trunc(args[1], short), place, align=1)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), emit
