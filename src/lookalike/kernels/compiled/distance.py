"""Compares a float32 query exactly with rows of any type that is kept."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from lookalike.kernels.compiled.llvm_vector import (
    ELEMENTS,
    F32,
    FLOATS,
    I64,
    LANES,
    fused,
    load,
    masked,
    rest_of,
    splat,
    total,
    widened,
)

INT, FLOAT = types.int64, types.float32
UINT8, INT8, FLOAT16, FLOAT32 = range(len(ELEMENTS))

inner: Any = njit(nogil=True, error_model="numpy")


def _comparison(element: str, product: bool, count: int) -> Any:
    """Return the kernel that compares a float32 query with `count` rows of one type, read side by side."""
    kind, size = ELEMENTS[element]
    values_type = ir.VectorType(kind, LANES)
    result = FLOAT if count == 1 else types.UniTuple(FLOAT, count)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        query, *rows, dimension = arguments
        sums = [[cgutils.alloca_once_value(builder, splat(F32, 0.0)) for _ in range(4)] for _ in rows]

        def step(at: Any, part: int, mask: Any = None) -> None:
            asked_at = builder.add(query, builder.mul(at, I64(4)))
            if mask is None:
                asked = load(builder, asked_at, part * 64, FLOATS)
            else:
                asked = masked(builder, asked_at, FLOATS, mask)
            for row, places in zip(rows, sums, strict=True):
                row_at = builder.add(row, builder.mul(at, I64(size)))
                if mask is None:
                    values = load(builder, row_at, part * LANES * size, values_type)
                else:
                    values = masked(builder, row_at, values_type, mask)
                values = widened(context, builder, values, element)
                first = asked if product else builder.fsub(asked, values)
                second = values if product else first
                builder.store(fused(builder, first, second, builder.load(places[part])), places[part])

        wide = builder.and_(dimension, I64(-64))
        with cgutils.for_range_slice(builder, I64(0), wide, I64(64), intp=I64) as (at, _):
            for part in range(4):
                step(at, part)
        even = builder.and_(dimension, I64(-LANES))
        with cgutils.for_range_slice(builder, wide, even, I64(LANES), intp=I64) as (at, _):
            step(at, 0)
        with builder.if_then(builder.icmp_unsigned("!=", even, dimension)):
            step(even, 0, rest_of(builder, even, dimension))
        found = []
        for places in sums:
            first, second, third, fourth = (builder.load(place) for place in places)
            whole = builder.fadd(builder.fadd(first, second), builder.fadd(third, fourth))
            found.append(total(builder, whole))
        return found[0] if count == 1 else context.make_tuple(builder, result, found)

    def compare(typing: Any, query: Any, row: Any, dimension: Any) -> Any:
        return result(INT, INT, INT), generate

    def compare_pair(typing: Any, query: Any, row: Any, other: Any, dimension: Any) -> Any:
        return result(INT, INT, INT, INT), generate

    return intrinsic(compare if count == 1 else compare_pair)


square_uint8, square_int8, square_float16, square_float32 = (_comparison(e, False, 1) for e in ELEMENTS)
product_float32 = _comparison("float32", True, 1)
squares_uint8, squares_int8, squares_float16, squares_float32 = (_comparison(e, False, 2) for e in ELEMENTS)
products_uint8, products_int8, products_float16, products_float32 = (
    _comparison(e, True, 2) for e in ELEMENTS
)


@inner
def square(element: int, query: int, row: int, dimension: int) -> Any:
    """Return the squared difference of a query and a row of the type of that number in `ELEMENTS`."""
    if element == UINT8:
        return square_uint8(query, row, dimension)
    if element == INT8:
        return square_int8(query, row, dimension)
    if element == FLOAT16:
        return square_float16(query, row, dimension)
    return square_float32(query, row, dimension)


@inner
def squares(element: int, query: int, row: int, other: int, dimension: int) -> Any:
    """Return what `square` does for two rows: memory gives two at once sooner than one after the other."""
    if element == UINT8:
        return squares_uint8(query, row, other, dimension)
    if element == INT8:
        return squares_int8(query, row, other, dimension)
    if element == FLOAT16:
        return squares_float16(query, row, other, dimension)
    return squares_float32(query, row, other, dimension)


@inner
def products(element: int, query: int, row: int, other: int, dimension: int) -> Any:
    """Return the inner products of a query with two rows of the type of that number in `ELEMENTS`."""
    if element == UINT8:
        return products_uint8(query, row, other, dimension)
    if element == INT8:
        return products_int8(query, row, other, dimension)
    if element == FLOAT16:
        return products_float16(query, row, other, dimension)
    return products_float32(query, row, other, dimension)
