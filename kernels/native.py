"""What numba lacks for threads that share work through memory: pointers and an atomic counter."""

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
