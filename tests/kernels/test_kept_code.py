"""Compiled code is kept between processes, and code that other files made is not taken for ours."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from lookalike.kernels.compiled import entry

if len(sys.argv) > 1:
    entry.SOURCES = sys.argv[1]
from lookalike.kernels.compiled import mask, discrete
import numpy as np

codes, found = np.zeros((2, 3), dtype=np.uint64), np.empty(1, dtype=np.float32)
discrete.hamming_distances(codes, codes, np.array([0]), np.array([1]), found)
for kernel in (mask.pack, discrete.hamming_distances):
    print(sum(kernel.stats.cache_hits.values()), sum(kernel.stats.cache_misses.values()))
"""


def hits(folder: Path, *arguments: str) -> list[str]:
    """Return hits and misses of two kernels in a process of its own."""
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        env={**os.environ, "NUMBA_CACHE_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout.split("\n")[:2]


def test_code_of_other_files_is_compiled_anew(tmp_path: Path) -> None:
    assert hits(tmp_path) == ["0 1", "0 1"]
    assert hits(tmp_path) == ["1 0", "1 0"]
    assert hits(tmp_path, "those of another version") == ["0 1", "0 1"]
    assert hits(tmp_path) == ["1 0", "1 0"]
