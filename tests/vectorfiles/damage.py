"""Damages files of vectors and saved indexes, and reads what is left: `python -m tests.vectorfiles.damage`."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

END_BYTES = 256


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


def flipped(whole: bytes, count: int, seed: int = 0) -> Iterator[bytes]:
    """Yield a file in which one to eight bytes are others, in `count` ways.

    In every other one they are near its ends, where files say what they hold.
    """
    draw = random.Random(seed)
    ends = [*range(min(END_BYTES, len(whole))), *range(max(0, len(whole) - END_BYTES), len(whole))]
    for number in range(count):
        content = bytearray(whole)
        for _ in range(draw.randint(1, 8)):
            content[draw.choice(ends) if number % 2 else draw.randrange(len(whole))] ^= draw.randint(1, 255)
        yield bytes(content)


def _try(name: str, count: int) -> None:
    from tests.vectorfiles.test_files_as_they_are import NAMELESS, WRITERS, read

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        (WRITERS | NAMELESS)[name](path)
        _read_all(name, path, damaged(path.read_bytes(), count, seed=1), read)


def _try_saved(name: str, count: int) -> None:
    from tests.vectorfiles.test_saved_indexes import FLIPPED, read_whatever_it_is

    save, library, options = FLIPPED[name]
    with tempfile.TemporaryDirectory() as folder:
        path = save(Path(folder) / "index")

        def read(damaged: Path) -> None:
            read_whatever_it_is(damaged, library, options)

        _read_all(name, path, flipped(path.read_bytes(), count, seed=1), read)


def _read_all(name: str, path: Path, contents: Iterator[bytes], read: Callable[[Path], object]) -> None:
    from lookalike.errors import LookalikeError

    refused = count = 0
    for content in contents:
        path.write_bytes(content)
        count += 1
        try:
            read(path)
        except LookalikeError:
            refused += 1
        except BaseException:
            print(f"{name}: damage {count - 1}")  # noqa: T201
            raise
    print(f"{name}: {count} damages, {refused} refused, {count - refused} read all the same")  # noqa: T201


def main() -> int:
    """Try a thousand damages a kind of file, and 300 a kind of saved index; return how many kinds ended badly.

    Each kind is read in a process of its own.
    """
    from tests.vectorfiles.test_files_as_they_are import NAMELESS, WRITERS
    from tests.vectorfiles.test_saved_indexes import FLIPPED

    kinds = [("_try", name, 1000) for name in [*WRITERS, *NAMELESS]]
    kinds += [("_try_saved", name, 300) for name in FLIPPED]
    bad = 0
    for way, name, count in kinds:
        code = f"from tests.vectorfiles import damage; damage.{way}({name!r}, {count})"
        done = subprocess.run([sys.executable, "-c", code], check=False, timeout=1200)
        if done.returncode:
            print(f"{name}: exit status {done.returncode}")  # noqa: T201
            bad += 1
    return bad


if __name__ == "__main__":
    sys.exit(main())
