"""What the libraries that read saved indexes may do, and what becomes of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lookalike.errors import MissingDependencyError, VectorFileError
from lookalike.vectorfiles.saved import SavedIndex


def read(path: Path, library: str, **options: Any) -> None:
    """Read all rows of a saved index."""
    with SavedIndex(path, library, **options) as index:
        list(index.blocks(64))


DOES = {
    "os.kill(os.getpid(), 11)": r"crashed on it or did not come to an end \(SIGSEGV\)",
    "os._exit(3)": r"crashed on it or did not come to an end \(exit status 3\)",
    "print('a line of its own')": "no index that Annoy saved",
    "raise ValueError('of\\n two lines')": "cannot be read by annoy: of two lines",
}


def pretend(folder: Path, monkeypatch: pytest.MonkeyPatch, does: str) -> None:
    """Put a library in the place of Annoy that does something when it reads a file."""
    (folder / "annoy.py").write_text(
        "import os\nclass AnnoyIndex:\n    def __init__(self, *_): pass\n"
        f"    def load(self, path):\n        {does}\n    def get_n_items(self): return 10**9\n"
    )
    monkeypatch.syspath_prepend(folder)


@pytest.mark.parametrize("does", DOES)
def test_a_library_that_crashes_takes_no_more_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str
) -> None:
    pretend(tmp_path, monkeypatch, does)
    (tmp_path / "index").write_bytes(bytes(1000))
    with pytest.raises(VectorFileError, match=DOES[does]):
        read(tmp_path / "index", "annoy", dimension=17, metric="angular")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits what is really used")
def test_a_library_that_allocates_without_end_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(tmp_path, monkeypatch, "bytearray(1 << 36)")
    (tmp_path / "index").write_bytes(bytes(1000))
    with pytest.raises(VectorFileError, match="takes more memory than the file can need"):
        read(tmp_path / "index", "annoy", dimension=17, metric="angular")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_library_that_computes_without_end_is_stopped() -> None:
    program = (
        "from lookalike.vectorfiles.saved import child\nchild.SECONDS = 0\nchild._limit(child.SLOWEST)\n"
        "while True: pass"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60)
    assert run.returncode < 0


def test_a_library_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "voyager.py").write_text("raise ImportError('it is away')")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "index").write_bytes(b"VOYA")
    with pytest.raises(MissingDependencyError, match=r"pip install 'lookalike\[voyager\]'"):
        read(tmp_path / "index", "voyager")
