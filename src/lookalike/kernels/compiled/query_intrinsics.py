"""The steps by which a query is rotated and its tables made, as Numba intrinsics like those of `scan_intrinsics`."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from lookalike.kernels.compiled.llvm_vector import (
    BYTES,
    F32,
    FLOATS,
    I32,
    I64,
    LANES,
    PAIRS,
    ROWS8,
    ROWS32,
    broadcast,
    call,
    fused,
    load,
    masked,
    products,
    rest_of,
    shuffled,
    splat,
    store,
    total,
)
from lookalike.kernels.compiled.scan_intrinsics import FLOAT, INT, extreme

TOGETHER = 4
"""Queries that a centroid is multiplied with at once."""


def _codes(builder: Any, block: Any, pair: Any, packed: bool) -> list[Any]:
    """Return the values of two words of a block's vectors, as bytes."""
    if not packed:
        at = builder.add(block, builder.mul(pair, I64(128)))
        return [load(builder, at, 64 * part, BYTES) for part in range(2)]
    both = load(builder, builder.add(block, builder.mul(pair, I64(64))), 0, PAIRS)
    low = builder.shl(both, ir.Constant(PAIRS, [4] * PAIRS.count))
    upper = ir.Constant(BYTES, [0xF0] * BYTES.count)
    return [builder.and_(builder.bitcast(each, BYTES), upper) for each in (low, both)]


def _byte_products(packed: bool) -> Any:
    """Return the kernel that multiplies one query with one block."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        block, query, words, scale, out = arguments
        sums = [cgutils.alloca_once_value(builder, splat(I32, 0)) for _ in range(4)]
        with cgutils.for_range(builder, builder.udiv(words, I64(4)), intp=I64) as loop:
            asked = builder.add(query, builder.mul(loop.index, I64(16)))
            for half in range(2):
                pair = builder.add(builder.mul(loop.index, I64(2)), I64(half))
                for part, codes in enumerate(_codes(builder, block, pair, packed), 2 * half):
                    word = builder.bitcast(broadcast(builder, load(builder, asked, 4 * part, I32)), BYTES)
                    more = products(context, builder, builder.load(sums[part]), word, codes)
                    builder.store(more, sums[part])
        first, second, third, fourth = (builder.load(place) for place in sums)
        whole = builder.add(builder.add(first, second), builder.add(third, fourth))
        store(builder, _scaled(builder, block, words, whole, scale, packed), out)
        return context.get_dummy_value()

    def compare(typing: Any, block: Any, query: Any, words: Any, scale: Any, out: Any) -> Any:
        return types.void(INT, INT, INT, FLOAT, INT), generate

    return intrinsic(compare)


def _byte_products_together(count: int, packed: bool) -> Any:
    """Return the kernel that multiplies `TOGETHER` queries with `count` blocks.

    Of the queries each, and its result, are a stride further than the one before. With two blocks there are enough sums
    for none to wait for, and a query's bytes are fetched once for both. One query is sooner done with one block after
    the other, as it waits for memory, which gives one stream sooner than two.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        first, queries, stride, words, scales, out, out_stride = arguments
        size = builder.add(builder.mul(words, I64(32 if packed else 64)), I64(192))
        blocks = [builder.add(first, builder.mul(size, I64(number))) for number in range(count)]
        asked = [builder.add(queries, builder.mul(stride, I64(query))) for query in range(TOGETHER)]
        sums = [[cgutils.alloca_once_value(builder, splat(I32, 0)) for _ in asked] for _ in blocks]
        with cgutils.for_range(builder, builder.udiv(words, I64(2)), intp=I64) as loop:
            codes = [_codes(builder, block, loop.index, packed) for block in blocks]
            for part in range(2):
                for number, query in enumerate(asked):
                    place = builder.add(query, builder.mul(loop.index, I64(8)))
                    word = builder.bitcast(broadcast(builder, load(builder, place, 4 * part, I32)), BYTES)
                    for own, places in zip(codes, sums, strict=True):
                        more = products(context, builder, builder.load(places[number]), word, own[part])
                        builder.store(more, places[number])
        for side, (block, places) in enumerate(zip(blocks, sums, strict=True)):
            for number, place in enumerate(places):
                scale = load(builder, scales, 4 * number, F32)
                found = _scaled(builder, block, words, builder.load(place), scale, packed)
                store(builder, found, builder.add(out, builder.mul(out_stride, I64(number))), 64 * side)
        return context.get_dummy_value()

    def compare(
        typing: Any, block: Any, queries: Any, stride: Any, words: Any, scales: Any, out: Any, out_stride: Any
    ) -> Any:
        return types.void(INT, INT, INT, INT, INT, INT, INT), generate

    return intrinsic(compare)


def _scaled(builder: Any, block: Any, words: Any, sums: Any, scale: Any, packed: bool) -> Any:
    """Return constant + scale * step * (bias + sum) for each vector of a block."""
    biases = builder.add(block, builder.mul(words, I64(32 if packed else 64)))
    whole = builder.add(load(builder, biases, 0, ROWS32), sums)
    product = builder.fmul(builder.sitofp(whole, FLOATS), load(builder, biases, 128, FLOATS))
    return fused(builder, product, broadcast(builder, scale), load(builder, biases, 64, FLOATS))


byte_products, packed_products = _byte_products(False), _byte_products(True)
"""Store for the 16 vectors of a block constant + scale * step * (bias + sum of products with the query's bytes).

`words` is the padded width / 4; blocks are made by `lookalike.index.sketches.byte_blocks`.
"""
byte_products_together = _byte_products_together(1, False)
byte_products_of_two_together = _byte_products_together(2, False)
packed_products_of_two_together = _byte_products_together(2, True)


@intrinsic
def lengths_of(typing: Any, values: Any, vectors: Any) -> Any:
    """Return of 16 * `vectors` floats the greatest sum of four lengths beside one another, and the sum of all."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values, vectors = arguments
        widest, total_of = (cgutils.alloca_once_value(builder, splat(F32, 0.0)) for _ in range(2))
        with cgutils.for_range(builder, vectors, intp=I64) as loop:
            part = load(builder, builder.add(values, builder.mul(loop.index, I64(64))), 0, FLOATS)
            part = call(builder, "llvm.fabs.v16f32", FLOATS, (part,))
            builder.store(builder.fadd(builder.load(total_of), part), total_of)
            for step in (1, 2):  # then each of four holds their sum
                part = builder.fadd(part, shuffled(builder, part, part, [i ^ step for i in range(LANES)]))
            before = builder.load(widest)
            builder.store(builder.select(builder.fcmp_ordered(">", part, before), part, before), widest)
        found = extreme(builder, ">", builder.load(widest)), total(builder, builder.load(total_of))
        return context.make_tuple(builder, signature.return_type, found)

    return types.UniTuple(FLOAT, 2)(INT, INT), generate


@intrinsic
def make_table(typing: Any, values: Any, inverse: Any, out: Any) -> Any:
    """Store the 16-byte table of four values: entry v sums 2 |value| * inverse over the signs that v has right."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values, inverse, out = arguments
        entries = splat(F32, 0.5)
        for bit in range(4):
            value = builder.fmul(load(builder, values, 4 * bit, F32), inverse)
            length = call(builder, "llvm.fabs.f32", F32, (value,))
            signs = ir.Constant(FLOATS, [1.0 if v >> bit & 1 else -1.0 for v in range(LANES)])
            entries = builder.fadd(entries, broadcast(builder, length))
            entries = fused(builder, broadcast(builder, value), signs, entries)
        whole = builder.fptosi(entries, ROWS32)
        store(builder, builder.trunc(whole, ROWS8), out)
        return context.get_dummy_value()

    return types.void(INT, FLOAT, INT), generate


@intrinsic
def difference(typing: Any, first: Any, second: Any, dimension: Any, out: Any) -> Any:
    """Store the differences of two float32 vectors, and zeros up to a whole vector of 16."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        first, second, dimension, out = arguments
        even = builder.and_(dimension, I64(-LANES))
        with cgutils.for_range_slice(builder, I64(0), even, I64(LANES), intp=I64) as (at, _):
            offset = builder.mul(at, I64(4))
            both = (load(builder, builder.add(whole, offset), 0, FLOATS) for whole in (first, second))
            store(builder, builder.fsub(*both), builder.add(out, offset))
        with builder.if_then(builder.icmp_unsigned("!=", even, dimension)):
            offset, mask = builder.mul(even, I64(4)), rest_of(builder, even, dimension)
            both = (masked(builder, builder.add(whole, offset), FLOATS, mask) for whole in (first, second))
            store(builder, builder.fsub(*both), builder.add(out, offset))
        return context.get_dummy_value()

    return types.void(INT, INT, INT, INT), generate


@intrinsic
def longest_of(typing: Any, values: Any, vectors: Any) -> Any:
    """Return the greatest length among 16 * `vectors` floats."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values, vectors = arguments
        most = cgutils.alloca_once_value(builder, splat(F32, 0.0))
        with cgutils.for_range(builder, vectors, intp=I64) as loop:
            part = load(builder, builder.add(values, builder.mul(loop.index, I64(64))), 0, FLOATS)
            part = call(builder, "llvm.fabs.v16f32", FLOATS, (part,))
            before = builder.load(most)
            builder.store(builder.select(builder.fcmp_ordered(">", part, before), part, before), most)
        return extreme(builder, ">", builder.load(most))

    return FLOAT(INT, INT), generate


@intrinsic
def put_bytes(typing: Any, values: Any, vectors: Any, inverse: Any, out: Any) -> Any:
    """Store 16 * `vectors` floats, none longer than 127 / `inverse`, times `inverse` as bytes around 128."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values, vectors, inverse, out = arguments
        scale, middle = broadcast(builder, inverse), splat(F32, 128.5)
        with cgutils.for_range(builder, vectors, intp=I64) as loop:
            part = load(builder, builder.add(values, builder.mul(loop.index, I64(64))), 0, FLOATS)
            whole = builder.fptosi(fused(builder, part, scale, middle), ROWS32)
            place = builder.add(out, builder.mul(loop.index, I64(LANES)))
            store(builder, builder.trunc(whole, ROWS8), place)
        return context.get_dummy_value()

    return types.void(INT, INT, FLOAT, INT), generate
