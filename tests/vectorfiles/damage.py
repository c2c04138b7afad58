"""Damages files of vectors, and reads what is left: `python -m tests.vectorfiles.damage`."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path


def damaged(whole: bytes, count: int, seed: int = 0) -> Iterator[bytes]:
    """Yield a file damaged in `count` ways: bytes flipped, the end cut off, runs overwritten or taken out."""
    draw = random.Random(seed)
    for number in range(count):
        at = draw.randrange(len(whole))
        if number % 10 == 0:
            yield whole[:at]
        elif number % 10 == 1:
            yield whole[:at] + whole[at + draw.randrange(1, 9) :]
        elif number % 10 == 2:
            yield whole[:at] + draw.randbytes(8) + whole[at + 8 :]
        else:
            content = bytearray(whole)
            for _ in range(draw.randrange(1, 4)):
                content[draw.randrange(len(whole))] = draw.choice((0, 0xFF, 0x7F, draw.randrange(256)))
            yield bytes(content)


def _try(name: str, count: int) -> None:
    from tests.vectorfiles.test_files_as_they_are import NAMELESS, WRITERS, read

    from lookalike.errors import LookalikeError

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        (WRITERS | NAMELESS)[name](path)
        refused = 0
        for content in damaged(path.read_bytes(), count, seed=1):
            path.write_bytes(content)
            try:
                read(path)
            except LookalikeError:
                refused += 1
    print(f"{name}: {count} damages, {refused} refused, {count - refused} read all the same")  # noqa: T201


def main() -> int:
    """Try a thousand damages a kind of file, each kind in a process of its own; return how many ended badly."""
    from tests.vectorfiles.test_files_as_they_are import NAMELESS, WRITERS

    code = "import sys; from tests.vectorfiles import damage; damage._try(sys.argv[1], int(sys.argv[2]))"
    bad = 0
    for name in [*WRITERS, *NAMELESS]:
        done = subprocess.run([sys.executable, "-c", code, name, "1000"], check=False, timeout=600)
        if done.returncode:
            print(f"{name}: exit status {done.returncode}")  # noqa: T201
            bad += 1
    return bad


if __name__ == "__main__":
    sys.exit(main())
