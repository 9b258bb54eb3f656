"""The helpers, in an operation made for the test: reverse and repeat 4 numbers, multiply, add."""

import numba
import numpy as np
from numba.extending import intrinsic

from fasttricks.kernels.vector import (
    F32,
    U16,
    U32,
    Vector,
    ahead,
    constant,
    join,
    llvm_type,
    multiply_add,
    pick,
    read,
    read_levels,
    repeat,
    write,
)

FOUR = Vector(F32, 4)


@intrinsic
def read_four(typing, address):
    def emit(context, builder, signature, args):
        return read(builder, args[0], FOUR.ir)

    return FOUR(numba.types.int64), emit


@intrinsic
def write_twice(typing, address, value, factor, stride):
    """Write value reversed, then value * factor + 1, `stride` bytes apart."""

    def emit(context, builder, signature, args):
        address, value, factor, stride = args
        both = join(builder, value, value)
        write(builder, address, pick(builder, both, both, [3, 2, 1, 0]))
        scaled = multiply_add(builder, value, repeat(builder, factor, 4), constant(FOUR.ir, 1.0))
        write(builder, ahead(builder, address, 1, stride), scaled)
        return context.get_dummy_value()

    return numba.types.void(numba.types.int64, FOUR, numba.types.float32, numba.types.int64), emit


@numba.njit
def run(source, factor, out):
    value = read_four(source.ctypes.data)
    for _ in range(1):  # a vector that lives across a loop
        write_twice(out.ctypes.data, value, factor, out.strides[0])


def test_helpers():
    source = np.array([9, 1, 2, 3, 4], np.float32)
    out = np.zeros((2, 6), np.float32)
    run(source[1:], np.float32(10), out)
    np.testing.assert_array_equal(out[0], [4, 3, 2, 1, 0, 0])
    np.testing.assert_array_equal(out[1], [11, 21, 31, 41, 0, 0])


def test_types_of_different_vectors_differ():
    assert Vector(F32, 4) == FOUR
    assert Vector(F32, 8) != FOUR
    assert Vector(U16, 4) != FOUR
    assert str(llvm_type(U16, 4)) == "<4 x i16>"


@intrinsic
def compute(typing, source, target):
    def emit(context, builder, signature, args):
        source, target = args
        small = read_levels(builder, source, 4, U16)
        wide = (small - 100).to(U32)
        results = (
            wide * wide + small.to(U32),
            (wide << 20) * 2,  # wraps around
            wide >> 3,
            wide.clipped(-50, 50) - 1,
        )
        for n, result in enumerate(results):
            write(builder, ahead(builder, target, 16 * n), result.value)
        write(builder, ahead(builder, target, 64), (wide * 300).to(U16).to(U32).value)
        return context.get_dummy_value()

    return numba.types.void(numba.types.int64, numba.types.int64), emit


@numba.njit
def run_compute(source, out):
    compute(source.ctypes.data, out.ctypes.data)


def test_integers_have_pythons_operators():
    source, out = np.array([0, 97, 101, 255], np.uint8), np.zeros((5, 4), np.int32)
    run_compute(source, out)
    wide = source.astype(np.int32) - 100
    np.testing.assert_array_equal(out[0], wide**2 + source)
    np.testing.assert_array_equal(out[1], (wide.astype(np.int64) << 21).astype(np.int32))
    np.testing.assert_array_equal(out[2], wide // 8)
    np.testing.assert_array_equal(out[3], wide.clip(-50, 50) - 1)
    np.testing.assert_array_equal(out[4], (wide * 300).astype(np.int16))
