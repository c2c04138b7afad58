"""Vector instructions for Numba: small pieces of LLVM's own language, on raw addresses.

Numba by itself makes no vectors of bytes, and none of bytes against floats. What is written here is in LLVM's
generic vector types, which it lowers to AVX-512, AVX2 or NEON by itself; only the byte look-up and the
sum of byte products ask for the machine's own instruction, and have a generic form for other machines.

Addresses are int64 and are not checked: callers own the arrays behind them. Loads need no alignment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils

LANES = 16

I1, I8, I16, I32, I64, F32 = (*(ir.IntType(bits) for bits in (1, 8, 16, 32, 64)), ir.FloatType())
ROWS8, ROWS32, FLOATS = (ir.VectorType(part, LANES) for part in (I8, I32, F32))
BYTES, PAIRS = ir.VectorType(I8, 64), ir.VectorType(I16, 32)

ELEMENTS: dict[str, tuple[ir.Type, int]] = {
    "uint8": (I8, 1),
    "int8": (I8, 1),
    "float16": (I16, 2),
    "float32": (F32, 4),
}
"""LLVM's type and the bytes of each type that rows may have; halves are loaded as their bits."""

BYTE_LOOK_UPS = (
    ("avx2", "llvm.x86.avx2.pshuf.b", 32),
    ("ssse3", "llvm.x86.ssse3.pshuf.b.128", 16),
    ("neon", "llvm.aarch64.neon.tbl1.v16i8", 16),
)
"""Features, the instructions that they bring, and how many bytes these look up at once."""


def splat(element: ir.Type, value: Any, count: int = LANES) -> ir.Constant:
    """Return the vector that holds one constant everywhere."""
    return ir.Constant(ir.VectorType(element, count), [value] * count)


def broadcast(builder: ir.IRBuilder, value: Any, count: int = LANES) -> Any:
    """Return the vector that holds one value everywhere."""
    kind = ir.VectorType(value.type, count)
    first = builder.insert_element(ir.Constant(kind, ir.Undefined), value, I32(0))
    return builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(I32, count), [0] * count))


def shuffled(builder: ir.IRBuilder, first: Any, second: Any, places: Sequence[int]) -> Any:
    """Return the elements at `places` of two vectors, one after the other."""
    return builder.shuffle_vector(
        first, second, ir.Constant(ir.VectorType(I32, len(places)), [I32(place) for place in places])
    )


def load(builder: ir.IRBuilder, address: Any, offset: int, kind: ir.Type) -> Any:
    """Return what is at an address."""
    place = builder.add(address, I64(offset)) if offset else address
    return builder.load(builder.inttoptr(place, ir.PointerType()), align=1, typ=kind)


def store(builder: ir.IRBuilder, value: Any, address: Any, offset: int = 0) -> None:
    """Put `value` at an address."""
    place = builder.add(address, I64(offset)) if offset else address
    builder.store(value, builder.inttoptr(place, ir.PointerType()), align=1)


def call(builder: ir.IRBuilder, name: str, result: ir.Type, arguments: Sequence[Any]) -> Any:
    """Call an intrinsic of LLVM's."""
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    function = cgutils.get_or_insert_function(builder.module, kind, name)
    return builder.call(function, arguments)


def fetched(builder: ir.IRBuilder, address: Any) -> None:
    """Ask for the cache line of an address, which need not be there."""
    pointer = builder.inttoptr(address, ir.PointerType())
    hints = [I32(0), I32(3), I32(1)]
    kind = ir.FunctionType(ir.VoidType(), [pointer.type, I32, I32, I32])
    builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0"), (pointer, *hints))


def fused(builder: ir.IRBuilder, first: Any, second: Any, third: Any) -> Any:
    """Return first * second + third, rounded once."""
    return call(builder, "llvm.fma.v16f32", FLOATS, (first, second, third))


def total(builder: ir.IRBuilder, value: Any) -> Any:
    """Return the sum of a vector of floats, by halves: always in the same order."""
    count = LANES
    while count > 1:
        count //= 2
        low = shuffled(builder, value, value, range(count))
        value = builder.fadd(low, shuffled(builder, value, value, range(count, 2 * count)))
    return builder.extract_element(value, I32(0))


def has(context: Any, feature: str) -> bool:
    """Return whether the machine that code is made for has a feature, in LLVM's word for it."""
    return f"+{feature}" in context.codegen()._tm_features.split(",")


def looked_up(context: Any, builder: ir.IRBuilder, tables: Any, places: Any) -> Any:
    """Return for each of 64 bytes below 16 the byte at that place of its own quarter's 16-byte table."""
    if has(context, "avx512bw"):
        return call(builder, "llvm.x86.avx512.pshuf.b.512", BYTES, (tables, places))
    name, width = next(
        ((name, width) for feature, name, width in BYTE_LOOK_UPS if has(context, feature)), ("", 16)
    )
    found = []
    kind = ir.VectorType(I8, width)
    for start in range(0, 64, width):
        part = [shuffled(builder, whole, whole, range(start, start + width)) for whole in (tables, places)]
        if name:
            found.append(call(builder, name, kind, part))
            continue
        bytes_found: Any = ir.Constant(kind, ir.Undefined)
        for i in range(width):
            at = builder.zext(builder.extract_element(part[1], I32(i)), I32)
            bytes_found = builder.insert_element(bytes_found, builder.extract_element(part[0], at), I32(i))
        found.append(bytes_found)
    while len(found) > 1:
        both = range(2 * found[0].type.count)
        found = [shuffled(builder, found[i], found[i + 1], both) for i in range(0, len(found), 2)]
    return found[0]


def products(context: Any, builder: ir.IRBuilder, sums: Any, unsigned: Any, signed: Any) -> Any:
    """Return 16 int32 `sums`, each with four products of unsigned by signed bytes added."""
    if has(context, "avx512vnni"):
        return call(builder, "llvm.x86.avx512.vpdpbusd.512", ROWS32, (sums, unsigned, signed))
    for part in range(4):
        places = range(part, 64, 4)
        first = builder.zext(shuffled(builder, unsigned, unsigned, places), ROWS32)
        second = builder.sext(shuffled(builder, signed, signed, places), ROWS32)
        sums = builder.add(sums, builder.mul(first, second))
    return sums


def squared_pairs(context: Any, builder: ir.IRBuilder, sums: Any, values: Any) -> Any:
    """Return 16 int32 `sums`, each with the squares of two of 32 int16 added."""
    if has(context, "avx512vnni"):
        given = builder.bitcast(values, ROWS32)
        return call(builder, "llvm.x86.avx512.vpdpwssd.512", ROWS32, (sums, given, given))
    if has(context, "avx512bw"):
        return builder.add(sums, call(builder, "llvm.x86.avx512.pmaddw.d.512", ROWS32, (values, values)))
    if has(context, "avx2"):
        kind = ir.VectorType(I32, 8)
        halves = [shuffled(builder, values, values, range(start, start + LANES)) for start in (0, LANES)]
        pairs = [call(builder, "llvm.x86.avx2.pmadd.wd", kind, (half, half)) for half in halves]
        return builder.add(sums, shuffled(builder, pairs[0], pairs[1], range(LANES)))
    for part in range(2):
        wide = builder.sext(shuffled(builder, values, values, range(part, 2 * LANES, 2)), ROWS32)
        sums = builder.add(sums, builder.mul(wide, wide))
    return sums


def widened(context: Any, builder: ir.IRBuilder, values: Any, element: str) -> Any:
    """Return 16 values of an element's type as floats."""
    if element == "float32":
        return values
    if element != "float16":
        return (builder.uitofp if element == "uint8" else builder.sitofp)(values, FLOATS)
    if has(context, "f16c") or has(context, "neon"):
        return builder.fpext(builder.bitcast(values, ir.VectorType(ir.HalfType(), LANES)), FLOATS)
    # Elsewhere LLVM would call a function that Numba does not have: move the bits, and the exponent by a product.
    bits = builder.zext(values, ROWS32)
    size = builder.shl(builder.and_(bits, splat(I32, 0x7FFF)), splat(I32, 13))
    sign = builder.shl(builder.and_(bits, splat(I32, 0x8000)), splat(I32, 16))
    size = builder.fmul(builder.bitcast(size, FLOATS), splat(F32, 2.0**112))
    return builder.bitcast(builder.or_(builder.bitcast(size, ROWS32), sign), FLOATS)


def bits_of(builder: ir.IRBuilder, mask: Any) -> Any:
    """Return the 16 truths of a mask as an int64."""
    return builder.zext(builder.bitcast(mask, I16), I64)


def ones(builder: ir.IRBuilder, bits: Any) -> Any:
    """Return how many bits of an int64 are set."""
    return call(builder, "llvm.ctpop.i64", I64, (bits,))


def rest_of(builder: ir.IRBuilder, start: Any, end: Any) -> Any:
    """Return the mask of the lanes from `start` that are before `end`."""
    left = builder.trunc(builder.sub(end, start), I32)
    return builder.icmp_unsigned("<", ir.Constant(ROWS32, list(range(LANES))), broadcast(builder, left))


def masked(builder: ir.IRBuilder, address: Any, kind: Any, mask: Any) -> Any:
    """Return a vector of which only the elements under `mask` are read; the others are 0."""
    pointer = builder.inttoptr(address, ir.PointerType())
    name = {"i8": "v16i8", "i16": "v16i16", "float": "v16f32"}[str(kind.element)]
    zero = ir.Constant(kind, [0 if isinstance(kind.element, ir.IntType) else 0.0] * LANES)
    signature = ir.FunctionType(kind, [pointer.type, I32, mask.type, kind])
    function = cgutils.get_or_insert_function(builder.module, signature, f"llvm.masked.load.{name}.p0")
    return builder.call(function, (pointer, I32(1), mask, zero))


def append(context: Any, builder: Any, value: Any, address: Any, mask: Any) -> None:
    """Store the elements that `mask` leaves, one after the other, and anything in the room of 16 beyond them.

    With AVX-512 they are brought together in a register: compressing into memory takes Zen 4 some hundred cycles.
    """
    if has(context, "avx512f"):
        zero = ir.Constant(value.type, None)
        name = "llvm.x86.avx512.mask.compress.v16" + ("f32" if value.type == FLOATS else "i32")
        store(builder, call(builder, name, value.type, (value, zero, mask)), address)
        return
    pointer = builder.inttoptr(address, ir.PointerType())
    kind = ir.FunctionType(ir.VoidType(), [value.type, pointer.type, mask.type])
    name = "llvm.masked.compressstore." + ("v16f32" if value.type == FLOATS else "v16i32")
    builder.call(cgutils.get_or_insert_function(builder.module, kind, name), (value, pointer, mask))
