"""What was acknowledged survives SIGKILL, once; nothing is left behind."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from small_pictures import draw, picture  # type: ignore[import-not-found]

from lookalike import Collection

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")

# The command line itself, but with small batches, so that there is much to interrupt.
COMMAND = """
import sys
from lookalike.collection import add_pictures
add_pictures.COMMIT_FILES = int(sys.argv.pop(1))
from lookalike.cli import main
main()
"""


class Run:
    """`lookalike add` in a process of its own; `lines` are those it has printed so far."""

    def __init__(self, collection: Path, pictures: Path, batch: int) -> None:
        arguments = ["add", "-c", str(collection), str(pictures), "--jobs", "2", "--jsonl"]
        self.process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, str(batch), *arguments],
            stdout=subprocess.PIPE,
            env=os.environ | {"LOOKALIKE_TEST_RUN": str(collection)},
        )
        self.lines: list[bytes] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(self.process.stdout)

    def wait_for_lines(self, count: int) -> None:
        while len(self.lines) < count and self.process.poll() is None:
            time.sleep(0.001)

    def end(self) -> list[dict[str, str]]:
        """Return the events of the lines that were printed whole."""
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return [json.loads(line) for line in self.lines if line.endswith(b"\n")]


def left_over(collection: Path) -> list[int]:
    """Return the processes that a run over `collection` has started and left."""
    mark = f"LOOKALIKE_TEST_RUN={collection}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def interrupt_and_finish(collection: Path, pictures: Path, *, kills: int, batch: int, seed: int) -> None:
    """Add `pictures` with that many kills at random moments, then to the end; check what came of it."""
    rng = random.Random(seed)
    files = sorted(pictures.iterdir())
    acknowledged: list[str] = []  # paths
    interrupted = 0
    for number in range(kills):
        run = Run(collection, pictures, batch)
        if number % 2:
            time.sleep(rng.uniform(0.0, 1.2))
        else:
            run.wait_for_lines(rng.randrange(1, len(files) // 2))
        run.process.kill()
        events = run.end()
        acknowledged += [event["path"] for event in events if event["outcome"] in ("added", "duplicate")]
        interrupted += run.process.returncode == -signal.SIGKILL
    assert interrupted >= kills // 3, "the runs were too quick to be killed"
    run = Run(collection, pictures, batch)
    events = run.end()
    assert run.process.returncode == 0
    acknowledged += [event["path"] for event in events if event["outcome"] in ("added", "duplicate")]
    # A batch may be committed and its lines unsaid; but nothing is said twice.
    assert max(Counter(acknowledged).values()) == 1
    with Collection.open(collection) as opened:
        places = Counter(place.path for source in opened.list() for place in source.places)
        assert places == Counter(str(file) for file in files)
        assert len(opened) == len({file.read_bytes() for file in files})
        assert list(opened.verify()) == []
        # All but the query itself, which is stored.
        assert len(opened.search(files[0], k=len(files))) == len(opened) - 1
    deadline = time.monotonic() + 5
    while (processes := left_over(collection)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes == []


def test_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    draw(folder, [f"{number:03}.png" for number in range(100)])
    for number in range(5):
        (folder / f"copy{number}.png").write_bytes(picture(number))
    interrupt_and_finish(tmp_path / "c", folder, kills=6, batch=8, seed=1)


def test_kills_over_photographs(tmp_path: Path) -> None:
    data = Path(os.environ.get("LOOKALIKE_DATA") or "/nonexistent") / "products" / "images"
    if not data.is_dir():
        pytest.skip("LOOKALIKE_DATA does not name a folder with products/images")
    folder = tmp_path / "pictures"
    folder.mkdir()
    for file in sorted(data.iterdir())[:300]:
        shutil.copy(file, folder)
    interrupt_and_finish(tmp_path / "c", folder, kills=3, batch=32, seed=2)
