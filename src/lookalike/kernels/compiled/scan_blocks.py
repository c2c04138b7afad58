"""Scans blocks of sketches, as Numba intrinsics on raw addresses: see `llvm_vector`, and `reference_inverted_file` for
what a block holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from lookalike.kernels.compiled.llvm_vector import (
    BYTES,
    FLOATS,
    I1,
    I8,
    I16,
    I32,
    I64,
    LANES,
    PAIRS,
    ROWS32,
    append,
    bits_of,
    broadcast,
    fetched,
    fused,
    has,
    load,
    looked_up,
    ones,
    shuffled,
    splat,
)

CHUNK_BYTES, UNIT_BYTES, UNIT_TABLES, FACTOR_BYTES = 64, 256, 512, 64
"""A unit is 128 signs of 16 rows: four chunks of 64 bytes, with 128 bytes of tables each. A block ends with its rows'
factors."""

INT, FLOAT = types.int64, types.float32


def _append_near(
    context: Any,
    builder: Any,
    blocks: int,
    block: Any,
    tables: Any,
    units: Any,
    factors: tuple[Any, Any, Any, Any],
    visible: Any,
    estimates: Any,
    places: Any,
    first: Any,
) -> Any:
    """Estimate the rows of adjacent blocks, append those below the limit, and return how many; see `scan_block`.

    `factors` are scale, shift, base and limit, of every lane.
    """
    scales, shifts, bases, limits = factors
    size = builder.add(builder.mul(units, I64(UNIT_BYTES)), I64(FACTOR_BYTES))
    starts = [block]
    while len(starts) < blocks:
        starts.append(builder.add(starts[-1], size))
    count = I64(0)
    for number, sums in enumerate(_sums(context, builder, starts, tables, units)):
        own = builder.add(starts[number], builder.mul(units, I64(UNIT_BYTES)))
        product = fused(builder, sums, scales, shifts)
        words = load(builder, own, 0, ROWS32)
        constant = builder.fadd(builder.bitcast(words, FLOATS), bases)
        slope = builder.bitcast(builder.shl(words, splat(I32, 16)), FLOATS)
        found = fused(builder, slope, product, constant)
        below = bits_of(builder, builder.fcmp_ordered("<", found, limits))
        shown = builder.lshr(visible, I64(LANES * number)) if number else visible
        bits = builder.and_(below, builder.and_(shown, I64(0xFFFF)))
        offset = builder.mul(count, I64(4))
        numbers = ir.Constant(ROWS32, list(range(LANES * number, LANES * number + LANES)))
        numbers = builder.add(broadcast(builder, builder.trunc(first, I32)), numbers)
        kept = ((found, builder.add(estimates, offset)), (numbers, builder.add(places, offset)))

        def keep(bits: Any, kept: Sequence[tuple[Any, Any]]) -> None:
            mask = builder.bitcast(builder.trunc(bits, I16), ir.VectorType(I1, LANES))
            for value, address in kept:
                append(context, builder, value, address, mask)

        if has(context, "avx512f"):  # a branch that is often mispredicted costs more than to append nothing
            keep(bits, kept)
        else:  # to make bits a mask takes long
            with builder.if_then(builder.icmp_unsigned("!=", bits, I64(0)), likely=False):
                keep(bits, kept)
        count = builder.add(count, ones(builder, bits))
    return count


def _scan(blocks: int) -> Any:
    """Return the kernel that estimates the rows of `blocks` adjacent blocks of 16, in one pass over the tables."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        block, tables, units, scale, shift, base, limit, *rest = arguments
        factors = tuple(broadcast(builder, value) for value in (scale, shift, base, limit))
        return _append_near(context, builder, blocks, block, tables, units, factors, *rest)

    def scan(
        typing: Any,
        block: Any,
        tables: Any,
        units: Any,
        scale: Any,
        shift: Any,
        base: Any,
        limit: Any,
        visible: Any,
        estimates: Any,
        places: Any,
        first: Any,
    ) -> Any:
        return INT(INT, INT, INT, FLOAT, FLOAT, FLOAT, FLOAT, INT, INT, INT, INT), generate

    return intrinsic(scan)


@intrinsic
def scan_pairs(
    typing: Any,
    block: Any,
    tables: Any,
    units: Any,
    scale: Any,
    shift: Any,
    base: Any,
    limit: Any,
    rows: Any,
    estimates: Any,
    places: Any,
    first: Any,
    size: Any,
    room: Any,
    ahead: Any,
    end: Any,
    following: Any,
) -> Any:
    """Do what `scan_two_blocks` does of a bucket's blocks, two by two, until `room` rows or more are appended.

    Where `ahead` is not 0, blocks so many bytes further on are asked for meanwhile: after `end`, where those of the
    bucket end, come those at `following`.

    `rows` are left in the bucket; a last block without a partner is left. Returns how many rows were looked at, and
    how many there are behind `estimates` now, where `size` were.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        block, tables, units, scale, shift, base, limit, rows, *rest = arguments
        estimates, places, first, size, room, ahead, last, following = rest
        factors = tuple(broadcast(builder, value) for value in (scale, shift, base, limit))
        block_bytes = builder.add(builder.mul(units, I64(UNIT_BYTES)), I64(FACTOR_BYTES))
        at, done, filled = (cgutils.alloca_once_value(builder, value) for value in (block, I64(0), size))
        begin, body, end = (builder.append_basic_block(f"pairs.{name}") for name in ("begin", "body", "end"))
        builder.branch(begin)
        builder.position_at_end(begin)
        left = builder.sub(rows, builder.load(done))
        more = builder.icmp_signed(">", left, I64(LANES))
        free = builder.icmp_signed("<", builder.load(filled), room)
        builder.cbranch(builder.and_(more, free), body, end)
        builder.position_at_end(body)
        few = builder.select(builder.icmp_signed("<", left, I64(2 * LANES)), left, I64(2 * LANES))
        visible = builder.sub(builder.shl(I64(1), few), I64(1))
        with builder.if_then(builder.icmp_signed("!=", ahead, I64(0))):
            coming = builder.add(builder.load(at), ahead)
            behind = builder.sub(coming, last)
            coming = builder.select(
                builder.icmp_signed("<", behind, I64(0)), coming, builder.add(following, behind)
            )
            step = builder.mul(block_bytes, I64(2))
            with cgutils.for_range_slice(builder, I64(0), step, I64(64), intp=I64) as (line, _):
                fetched(builder, builder.add(coming, line))
        offset = builder.mul(builder.load(filled), I64(4))
        added = _append_near(
            context,
            builder,
            2,
            builder.load(at),
            tables,
            units,
            factors,
            visible,
            builder.add(estimates, offset),
            builder.add(places, offset),
            builder.add(first, builder.load(done)),
        )
        builder.store(builder.add(builder.load(filled), added), filled)
        builder.store(builder.add(builder.load(done), few), done)
        builder.store(builder.add(builder.load(at), builder.mul(block_bytes, I64(2))), at)
        builder.branch(begin)
        builder.position_at_end(end)
        found = [builder.load(done), builder.load(filled)]
        return context.make_tuple(builder, signature.return_type, found)

    arguments = (INT, INT, INT, FLOAT, FLOAT, FLOAT, FLOAT, *(INT,) * 9)
    return types.UniTuple(INT, 2)(*arguments), generate


def _sums(context: Any, builder: Any, blocks: Sequence[Any], tables: Any, units: Any) -> list[Any]:
    """Return for each block the sums of its rows' table entries, as floats."""
    even, odd = ([cgutils.alloca_once_value(builder, splat(I16, 0, 32)) for _ in blocks] for _ in range(2))
    low_half, four = splat(I8, 15, 64), splat(I16, 4, 32)
    with cgutils.for_range(builder, units, intp=I64) as loop:
        at = builder.mul(loop.index, I64(UNIT_BYTES))
        table = builder.add(tables, builder.mul(loop.index, I64(UNIT_TABLES)))
        sums: list[Any] = [None] * len(blocks)
        for chunk in range(UNIT_BYTES // CHUNK_BYTES):
            entries = [load(builder, table, (2 * chunk + half) * 64, BYTES) for half in range(2)]
            for number, block in enumerate(blocks):
                both = load(builder, builder.add(block, at), chunk * CHUNK_BYTES, BYTES)
                high = builder.bitcast(builder.lshr(builder.bitcast(both, PAIRS), four), BYTES)
                for half, part in enumerate((both, high)):
                    found = looked_up(context, builder, entries[half], builder.and_(part, low_half))
                    before = sums[number]
                    sums[number] = found if before is None else builder.add(before, found)
        for number, total in enumerate(sums):
            pairs = builder.bitcast(total, PAIRS)
            low = builder.and_(pairs, splat(I16, 255, 32))
            high = builder.lshr(pairs, splat(I16, 8, 32))
            for place, more in ((even[number], low), (odd[number], high)):
                builder.store(builder.add(builder.load(place), more), place)
    found = []
    for number in range(len(blocks)):
        halves = []
        for whole in (builder.load(even[number]), builder.load(odd[number])):
            upper = shuffled(builder, whole, whole, range(16, 32))
            halves.append(builder.add(shuffled(builder, whole, whole, range(16)), upper))
        total = builder.add(
            shuffled(builder, halves[0], halves[1], [*range(8), *range(16, 24)]),
            shuffled(builder, halves[0], halves[1], [*range(8, 16), *range(24, 32)]),
        )
        found.append(builder.sitofp(builder.zext(total, ROWS32), FLOATS))
    return found


scan_block = _scan(1)
"""Estimate the 16 rows of a block; append those below `limit` to `estimates` and `places`; return how many.

A row's estimate is base + constant + slope * (scale * sum of its table entries + shift). Bit i of `visible` is whether
row i is looked at; `first` is the position of the first one.
"""
scan_two_blocks = _scan(2)
"""The same for 32 rows in two blocks: tables are fetched once, and one block is computed while the other waits."""
