"""FAISS: an inverted file, 1-bit RaBitQ codes scanned in registers, and exact refinement."""

from __future__ import annotations

from typing import Any

from benchmarks.peers.base import power_of_two
from benchmarks.peers.faiss_ivf import LISTS_A_ROOT, FaissIVF


class FaissRaBitQ(FaissIVF):
    """`IVF*,RaBitQfs,RFlat`: as many lists as for FAISS's product quantisation, and more rows refined."""

    factors = (8, 16, 32, 64)

    @classmethod
    def builds(cls, rows: int, dimension: int) -> list[dict[str, Any]]:
        lists = power_of_two(LISTS_A_ROOT * rows**0.5)
        return [{"factory": f"IVF{count},RaBitQfs,RFlat"} for count in (lists, lists // 4)]
