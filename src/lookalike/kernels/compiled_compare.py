"""Compares a float32 query exactly with rows of any type that is kept."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from lookalike.kernels.compiled_vector import (
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


def _comparison(element: str, product: bool) -> Any:
    """Return the kernel that compares a float32 query with a row of one type."""
    kind, size = ELEMENTS[element]
    rows = ir.VectorType(kind, LANES)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        query, row, dimension = arguments
        sums = [cgutils.alloca_once_value(builder, splat(F32, 0.0)) for _ in range(4)]

        def step(at: Any, part: int, mask: Any = None) -> None:
            asked_at = builder.add(query, builder.mul(at, I64(4)))
            row_at = builder.add(row, builder.mul(at, I64(size)))
            if mask is None:
                asked = load(builder, asked_at, part * 64, FLOATS)
                values = load(builder, row_at, part * LANES * size, rows)
            else:
                asked, values = masked(builder, asked_at, FLOATS, mask), masked(builder, row_at, rows, mask)
            values = widened(context, builder, values, element)
            first = asked if product else builder.fsub(asked, values)
            second = values if product else first
            builder.store(fused(builder, first, second, builder.load(sums[part])), sums[part])

        wide = builder.and_(dimension, I64(-64))
        with cgutils.for_range_slice(builder, I64(0), wide, I64(64), intp=I64) as (at, _):
            for part in range(4):
                step(at, part)
        even = builder.and_(dimension, I64(-LANES))
        with cgutils.for_range_slice(builder, wide, even, I64(LANES), intp=I64) as (at, _):
            step(at, 0)
        with builder.if_then(builder.icmp_unsigned("!=", even, dimension)):
            step(even, 0, rest_of(builder, even, dimension))
        first, second, third, fourth = (builder.load(place) for place in sums)
        return total(builder, builder.fadd(builder.fadd(first, second), builder.fadd(third, fourth)))

    def compare(typing: Any, query: Any, row: Any, dimension: Any) -> Any:
        return FLOAT(INT, INT, INT), generate

    return intrinsic(compare)


square_uint8, square_int8, square_float16, square_float32 = (_comparison(e, False) for e in ELEMENTS)
product_uint8, product_int8, product_float16, product_float32 = (_comparison(e, True) for e in ELEMENTS)


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
def product(element: int, query: int, row: int, dimension: int) -> Any:
    """Return the inner product of a query and a row of the type of that number in `ELEMENTS`."""
    if element == UINT8:
        return product_uint8(query, row, dimension)
    if element == INT8:
        return product_int8(query, row, dimension)
    if element == FLOAT16:
        return product_float16(query, row, dimension)
    return product_float32(query, row, dimension)
