"""What numba lacks for threads that share work through memory: pointers, an atomic counter, and a
way to ask for memory ahead of time."""

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
def take(typing: Any, address: Any) -> Any:
    """Add 1 to the int64 at `address` (uint64) as one indivisible step; its value before.

    Who finds a number that another thread has raised finds what that thread wrote before, too.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        word = ir.IntType(64)
        counter = builder.inttoptr(args[0], word.as_pointer())
        return builder.atomic_rmw("add", counter, word(1), "acq_rel")

    return types.int64(types.uint64), emit


@intrinsic
def put(typing: Any, address: Any, value: Any) -> Any:
    """Write an int64 to `address` (uint64)."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[1], builder.inttoptr(args[0], ir.IntType(64).as_pointer()))
        return context.get_dummy_value()

    return types.void(types.uint64, types.int64), emit


@intrinsic
def prefetch(typing: Any, address: Any) -> Any:
    """Ask for the cache line at `address` (int64), to be read soon; any address will do."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        form = ir.FunctionType(ir.VoidType(), [place, word, word, word])
        function = builder.module.declare_intrinsic("llvm.prefetch", [place], form)
        to_read, nearest_cache, data = word(0), word(3), word(1)
        builder.call(function, [builder.inttoptr(args[0], place), to_read, nearest_cache, data])
        return context.get_dummy_value()

    return types.void(types.int64), emit
