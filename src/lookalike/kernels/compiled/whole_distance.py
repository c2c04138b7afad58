"""Compares queries of whole numbers with rows of bytes by whole numbers: exactly, in a third of the steps."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from lookalike.kernels.compiled.distance import INT8, UINT8
from lookalike.kernels.compiled.llvm_vector import (
    F32,
    FLOATS,
    I16,
    I32,
    I64,
    LANES,
    ROWS8,
    ROWS32,
    call,
    load,
    masked,
    rest_of,
    shuffled,
    splat,
    squared_pairs,
    store,
)

LARGEST = 255.0
"""Numbers of queries; differences from bytes have nine bits and a sign."""
MOST_DIMENSIONS = 1 << 16
"""Sums of so many squares stay below two thousand millions in each of 16 lanes."""
STEP = 32
INT = types.int64

inner: Any = njit(nogil=True, error_model="numpy")


@intrinsic
def _put_whole(typing: Any, query: Any, dimension: Any, out: Any) -> Any:
    """Store a float32 query as int16, zeros after it up to whole vectors of 32; return whether it is the same."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        query, dimension, out = arguments
        same = cgutils.alloca_once_value(
            builder, ir.Constant(ir.VectorType(ir.IntType(1), LANES), [1] * LANES)
        )
        padded = builder.and_(builder.add(dimension, I64(STEP - 1)), I64(-STEP))
        with cgutils.for_range_slice(builder, I64(0), padded, I64(LANES), intp=I64) as (at, _):
            left = builder.icmp_signed("<", at, dimension)
            start = builder.select(left, at, I64(0))
            end = builder.select(left, dimension, I64(0))
            address = builder.add(query, builder.mul(start, I64(4)))
            given = masked(builder, address, FLOATS, rest_of(builder, start, end))
            size = call(builder, "llvm.fabs.v16f32", FLOATS, (given,))
            small = builder.fcmp_ordered("<=", size, splat(F32, LARGEST))
            whole = builder.fptosi(builder.select(small, given, splat(F32, 0.0)), ROWS32)
            equal = builder.fcmp_ordered("==", builder.sitofp(whole, FLOATS), given)
            builder.store(builder.and_(builder.load(same), equal), same)
            place = builder.add(out, builder.mul(at, I64(2)))
            store(builder, builder.trunc(whole, ir.VectorType(I16, LANES)), place)
        bits = builder.bitcast(builder.load(same), I16)
        return builder.icmp_unsigned("==", bits, I16(0xFFFF))

    return types.boolean(INT, INT, INT), generate


def _squares(signed: bool) -> Any:
    """Return the kernel that compares what `put_whole` stored with two rows of bytes, read side by side."""
    kind, wide = ir.VectorType(ir.IntType(8), STEP), ir.VectorType(I16, STEP)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        query, *rows, dimension = arguments
        sums = [[cgutils.alloca_once_value(builder, splat(I32, 0)) for _ in range(2)] for _ in rows]

        def add(at: Any, part: int, values: Any, place: Any) -> None:
            asked = load(builder, builder.add(query, builder.mul(at, I64(2))), 2 * STEP * part, wide)
            values = (builder.sext if signed else builder.zext)(values, wide)
            difference = builder.sub(asked, values)
            builder.store(squared_pairs(context, builder, builder.load(place), difference), place)

        even = builder.and_(dimension, I64(-2 * STEP))
        with cgutils.for_range_slice(builder, I64(0), even, I64(2 * STEP), intp=I64) as (at, _):
            for part in range(2):
                for row, places in zip(rows, sums, strict=True):
                    values = load(builder, builder.add(row, at), STEP * part, kind)
                    add(at, part, values, places[part])
        with cgutils.for_range_slice(builder, even, dimension, I64(STEP), intp=I64) as (at, _):
            for row, places in zip(rows, sums, strict=True):
                halves = []
                for first in (0, LANES):
                    start = builder.add(at, I64(first))
                    there = builder.icmp_signed("<", start, dimension)
                    address = builder.add(row, builder.select(there, start, I64(0)))
                    end = builder.select(there, dimension, start)
                    halves.append(masked(builder, address, ROWS8, rest_of(builder, start, end)))
                add(at, 0, shuffled(builder, halves[0], halves[1], range(STEP)), places[0])
        found = []
        for places in sums:
            lanes = builder.zext(
                builder.add(*(builder.load(place) for place in places)), ir.VectorType(I64, LANES)
            )
            whole = call(builder, "llvm.vector.reduce.add.v16i64", I64, (lanes,))
            found.append(builder.sitofp(whole, F32))
        return context.make_tuple(builder, signature.return_type, found)

    def compare(typing: Any, query: Any, row: Any, other: Any, dimension: Any) -> Any:
        return types.UniTuple(types.float32, 2)(INT, INT, INT, INT), generate

    return intrinsic(compare)


put_whole: Any = _put_whole  # intrinsics are called without their first argument
_squares_uint8, _squares_int8 = _squares(False), _squares(True)


@inner
def is_whole(element: int, query: int, dimension: int, out: int) -> Any:
    """Return whether `whole_squares` compares a query with rows of this type; then it is put at address `out`."""
    if (element != UINT8 and element != INT8) or dimension > MOST_DIMENSIONS:
        return False
    return put_whole(query, dimension, out)


@inner
def whole_squares(element: int, query: int, row: int, other: int, dimension: int) -> Any:
    """Return the squared differences of two rows and what `is_whole` stored, each rounded once."""
    if element == UINT8:
        return _squares_uint8(query, row, other, dimension)
    return _squares_int8(query, row, other, dimension)
