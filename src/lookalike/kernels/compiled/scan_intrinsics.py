"""The inner steps of a search, as Numba intrinsics on raw addresses: see `llvm_vector`, and each one's twin in
`reference`."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from lookalike.kernels.compiled.llvm_vector import (
    F32,
    FLOATS,
    I8,
    I16,
    I32,
    I64,
    LANES,
    ROWS8,
    ROWS32,
    append,
    bits_of,
    broadcast,
    fetched,
    load,
    masked,
    ones,
    rest_of,
    shuffled,
    splat,
    store,
)

INT, FLOAT = types.int64, types.float32


@intrinsic
def count_at_most(typing: Any, values: Any, vectors: Any, limit: Any) -> Any:
    """Return how many of 16 * `vectors` floats are at most `limit`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values, vectors, limit = arguments
        count = cgutils.alloca_once_value(builder, I64(0))
        limits = broadcast(builder, limit)
        with cgutils.for_range(builder, vectors, intp=I64) as loop:
            part = load(builder, builder.add(values, builder.mul(loop.index, I64(64))), 0, FLOATS)
            bits = bits_of(builder, builder.fcmp_ordered("<=", part, limits))
            builder.store(builder.add(builder.load(count), ones(builder, bits)), count)
        return builder.load(count)

    return INT(INT, INT, FLOAT), generate


@intrinsic
def keep_at_most(
    typing: Any, values: Any, places: Any, vectors: Any, limit: Any, kept: Any, kept_places: Any
) -> Any:
    """Copy the values at most `limit` and their places, one after the other, and return how many.

    The target may be the source. Where `places` is 0, a value's place is its number.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values, places, vectors, limit, kept, kept_places = arguments
        count = cgutils.alloca_once_value(builder, I64(0))
        limits = broadcast(builder, limit)
        numbered = builder.icmp_unsigned("==", places, I64(0))
        source = builder.select(numbered, values, places)
        with cgutils.for_range(builder, vectors, intp=I64) as loop:
            at = builder.mul(loop.index, I64(64))
            part = load(builder, builder.add(values, at), 0, FLOATS)
            mask = builder.fcmp_ordered("<=", part, limits)
            bits = bits_of(builder, mask)
            with builder.if_then(builder.icmp_unsigned("!=", bits, I64(0))):
                before = builder.load(count)
                number = builder.trunc(builder.mul(loop.index, I64(LANES)), I32)
                numbers = builder.add(broadcast(builder, number), ir.Constant(ROWS32, list(range(LANES))))
                given = load(builder, builder.add(source, at), 0, ROWS32)
                offset = builder.mul(before, I64(4))
                append(
                    context,
                    builder,
                    builder.select(numbered, numbers, given),
                    builder.add(kept_places, offset),
                    mask,
                )
                append(context, builder, part, builder.add(kept, offset), mask)
                builder.store(builder.add(before, ones(builder, bits)), count)
        return builder.load(count)

    return INT(INT, INT, INT, FLOAT, INT, INT), generate


@intrinsic
def bounds_of(typing: Any, values: Any, vectors: Any) -> Any:
    """Return the least and the greatest finite of 16 * `vectors` floats; inf and -inf where there is none."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values, vectors = arguments
        infinite = splat(F32, float("inf"))
        least = cgutils.alloca_once_value(builder, infinite)
        most = cgutils.alloca_once_value(builder, splat(F32, float("-inf")))
        with cgutils.for_range(builder, vectors, intp=I64) as loop:
            part = load(builder, builder.add(values, builder.mul(loop.index, I64(64))), 0, FLOATS)
            low, high = builder.load(least), builder.load(most)
            builder.store(builder.select(builder.fcmp_ordered("<", part, low), part, low), least)
            finite = builder.fcmp_ordered("<", part, infinite)
            larger = builder.and_(finite, builder.fcmp_ordered(">", part, high))
            builder.store(builder.select(larger, part, high), most)
        bounds = [extreme(builder, sign, builder.load(place)) for sign, place in (("<", least), (">", most))]
        return context.make_tuple(builder, signature.return_type, bounds)

    return types.UniTuple(FLOAT, 2)(INT, INT), generate


def extreme(builder: Any, sign: str, value: Any) -> Any:
    """Return the float of a vector that `sign` puts before the others."""
    count = LANES
    while count > 1:
        count //= 2
        first = shuffled(builder, value, value, range(count))
        second = shuffled(builder, value, value, range(count, 2 * count))
        value = builder.select(builder.fcmp_ordered(sign, first, second), first, second)
    return builder.extract_element(value, I32(0))


@intrinsic
def minimum_of(typing: Any, values: Any, vectors: Any, out: Any) -> Any:
    """Store at `out` the least of each lane over `vectors` vectors of 16 floats."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values, vectors, out = arguments
        least = cgutils.alloca_once_value(builder, splat(F32, float("inf")))
        with cgutils.for_range(builder, vectors, intp=I64) as loop:
            part = load(builder, builder.add(values, builder.mul(loop.index, I64(64))), 0, FLOATS)
            before = builder.load(least)
            smaller = builder.fcmp_ordered("<", part, before)
            builder.store(builder.select(smaller, part, before), least)
        store(builder, builder.load(least), out)
        return context.get_dummy_value()

    return types.void(INT, INT, INT), generate


@intrinsic
def prefetch(typing: Any, address: Any) -> Any:
    """Ask for the cache line of an address."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        fetched(builder, arguments[0])
        return context.get_dummy_value()

    return types.void(INT), generate


@intrinsic
def int64_at(typing: Any, address: Any, number: Any) -> Any:
    """Return one of the int64 that begin at an address."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address, number = arguments
        return load(builder, builder.add(address, builder.mul(number, I64(8))), 0, I64)

    return INT(INT, INT), generate


@intrinsic
def put_int64(typing: Any, address: Any, number: Any, value: Any) -> Any:
    """Store one of the int64 that begin at an address."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address, number, value = arguments
        store(builder, value, builder.add(address, builder.mul(number, I64(8))))
        return context.get_dummy_value()

    return types.void(INT, INT, INT), generate


@intrinsic
def uint16_at(typing: Any, address: Any, number: Any) -> Any:
    """Return one of the uint16 that begin at an address, as an int64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address, number = arguments
        at = builder.add(address, builder.mul(number, I64(2)))
        return builder.zext(load(builder, at, 0, I16), I64)

    return INT(INT, INT), generate


@intrinsic
def int32_at(typing: Any, address: Any, number: Any) -> Any:
    """Return one of the int32 that begin at an address, as an int64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address, number = arguments
        at = builder.add(address, builder.mul(number, I64(4)))
        return builder.sext(load(builder, at, 0, I32), I64)

    return INT(INT, INT), generate


@intrinsic
def truths_at(typing: Any, address: Any, count: Any) -> Any:
    """Return the first `count` bytes from an address, 16 at most, as bits: 1 where a byte is not 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address, count = arguments
        values = masked(builder, address, ROWS8, rest_of(builder, I64(0), count))
        return bits_of(builder, builder.icmp_unsigned("!=", values, splat(I8, 0)))

    return INT(INT, INT), generate


@intrinsic
def ones_of(typing: Any, bits: Any) -> Any:
    """Return how many bits of an int64 are set."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return ones(builder, arguments[0])

    return INT(INT), generate
