"""LLVM vectors as values in numba code, and helpers to write operations on them.

numba has no vector type, and LLVM does not find by itself how to transpose or how to take red,
green and blue apart. Operations built from these helpers are plain LLVM vector IR, which every
target can carry out: nothing needs a particular instruction set, wider ones are only faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.extending import register_model

U8, U16, U32 = ir.IntType(8), ir.IntType(16), ir.IntType(32)
F32 = ir.FloatType()


def llvm_type(element: ir.Type, count: int) -> ir.VectorType:
    """LLVM's type of a vector."""
    return ir.VectorType(element, count)


class Vector(types.Type):
    """numba's type of a vector of `count` numbers of an LLVM type."""

    def __init__(self, element: ir.Type, count: int) -> None:
        super().__init__(name=f"Vector({element} x {count})")
        self.ir = llvm_type(element, count)


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, vector: Vector) -> None:
        super().__init__(manager, vector, vector.ir)


def constant(vector: ir.VectorType, number: int) -> ir.Constant:
    """A vector of one constant everywhere."""
    return ir.Constant(vector, [number] * vector.count)


def pick(builder: Any, a: Any, b: Any, positions: Sequence[int]) -> Any:
    """The numbers at `positions` of `a` followed by `b`."""
    mask = ir.Constant(llvm_type(U32, len(positions)), list(positions))
    return builder.shuffle_vector(a, b, mask)


def join(builder: Any, a: Any, b: Any) -> Any:
    """`a` followed by `b`, as one vector."""
    return pick(builder, a, b, range(2 * a.type.count))


def repeat(builder: Any, number: Any, count: int) -> Any:
    """A vector of `count` times the same number, known when it runs."""
    vector = llvm_type(number.type, count)
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), number, U32(0))
    return pick(builder, one, one, [0] * count)


def read(builder: Any, address: Any, vector: ir.VectorType) -> Any:
    """The vector in memory at an address, an integer in bytes that needs no alignment."""
    return builder.load(builder.inttoptr(address, vector.as_pointer()), align=1)


def write(builder: Any, address: Any, value: Any) -> None:
    """Put a vector into memory at an address as in `read`."""
    builder.store(value, builder.inttoptr(address, value.type.as_pointer()), align=1)


def ahead(builder: Any, address: Any, steps: int, stride: Any = None) -> Any:
    """`address + steps * stride`; without `stride`, bytes."""
    distance = ir.Constant(address.type, steps)
    return builder.add(address, builder.mul(stride, distance) if stride else distance)


def multiply_add(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """`a * b + c` of float vectors, rounded once where the CPU has an instruction for it."""
    name, form = f"llvm.fmuladd.v{a.type.count}f32", ir.FunctionType(a.type, [a.type] * 3)
    function = cgutils.get_or_insert_function(builder.module, form, name)
    return builder.call(function, [a, b, c])


class Integers:
    """A vector of signed integers with Python's operators, so that arithmetic can be read.

    A Python int on the right stands for a vector of it. Sums and products wrap around.
    """

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder, self.value = builder, value

    def __add__(self, other: Integers | int) -> Integers:
        return self._with(self.builder.add(self.value, self._value(other)))

    def __sub__(self, other: Integers | int) -> Integers:
        return self._with(self.builder.sub(self.value, self._value(other)))

    def __mul__(self, other: Integers | int) -> Integers:
        return self._with(self.builder.mul(self.value, self._value(other)))

    def __lshift__(self, bits: int) -> Integers:
        return self._with(self.builder.shl(self.value, self._value(bits)))

    def __rshift__(self, bits: int) -> Integers:
        """Divided by a power of two, rounded down."""
        return self._with(self.builder.ashr(self.value, self._value(bits)))

    def clipped(self, low: int, high: int) -> Integers:
        """What is below `low` becomes that, what is above `high` becomes that."""
        builder, value = self.builder, self.value
        least, most = constant(value.type, low), constant(value.type, high)
        value = builder.select(builder.icmp_signed("<", value, least), least, value)
        return self._with(builder.select(builder.icmp_signed(">", value, most), most, value))

    def to(self, element: ir.IntType) -> Integers:
        """As integers of another width: with their sign, or only their lowest bits."""
        vector = llvm_type(element, self.value.type.count)
        wider = element.width > self.value.type.element.width
        convert = self.builder.sext if wider else self.builder.trunc
        return self._with(convert(self.value, vector))

    def _value(self, other: Integers | int) -> Any:
        return constant(self.value.type, other) if isinstance(other, int) else other.value

    def _with(self, value: Any) -> Integers:
        return Integers(self.builder, value)


def read_levels(builder: Any, address: Any, count: int, element: ir.IntType) -> Integers:
    """uint8 in memory as wider integers."""
    small = read(builder, address, llvm_type(U8, count))
    return Integers(builder, builder.zext(small, llvm_type(element, count)))
