"""`n_jobs` holds BLAS's threads too, while an index is built, tuned or folded; searches load nothing for it."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from lookalike import Index
from lookalike.errors import OptionError
from lookalike.hashing import Hyperplane
from lookalike.index.ivf import build as ivf_build
from lookalike.index.ivf import search as ivf_search
from lookalike.index.lsh import search as lsh_search
from lookalike.index.sketches import encode as sketches_encode
from lookalike.index.threads import limited

ROWS = np.random.default_rng(0).standard_normal((300, 4)).astype(np.float32)


def blas_threads() -> int:
    """Return how many threads a product of matrices would take."""
    return max(
        int(library["num_threads"]) for library in ThreadpoolController().select(user_api="blas").info()
    )


@pytest.fixture(autouse=True)
def four_threads() -> Any:
    """Give BLAS four threads, whatever it was started with."""
    if not ThreadpoolController().select(user_api="blas").info():
        pytest.skip("NumPy's BLAS cannot be asked for its threads")
    with threadpool_limits(4, user_api="blas"):
        assert blas_threads() == 4
        yield
        assert blas_threads() == 4, "the limit outlives what it was for"


Seen = dict[str, set[int]]

BUILD_PARTS = (
    "lookalike.index.ivf.build many_means",
    "lookalike.index.sketches.encode encode",
    "lookalike.index.ivf.build measured",
)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """Return what parts of a build are called, each with the threads that BLAS had then."""
    found: Seen = {}

    def spied(part: str, own: Callable[..., Any]) -> Callable[..., Any]:
        def spy(*arguments: Any, **options: Any) -> Any:
            found.setdefault(part, set()).add(blas_threads())
            return own(*arguments, **options)

        return spy

    for module, name in (
        (ivf_build, "many_means"),
        (sketches_encode, "encode"),
        (ivf_build, "measured"),
        (ivf_search, "measured"),
        (lsh_search, "measured"),
    ):
        part = f"{module.__name__} {name}"
        monkeypatch.setattr(module, name, spied(part, getattr(module, name)))
    return found


@pytest.mark.parametrize(("n_jobs", "threads"), [(1, 1), (3, 3), (9, 4), (-1, 4)])
def test_a_build_takes_no_more_threads_than_it_may(
    tmp_path: Path, seen: Seen, n_jobs: int, threads: int
) -> None:
    """Nor more than BLAS had before."""
    parts = {key: {threads} for key in BUILD_PARTS}
    Index.build(ROWS, scan_below=50, n_jobs=n_jobs)
    assert seen == parts
    seen.clear()
    Index.build(ROWS, scan_below=50, n_jobs=n_jobs, path=tmp_path / "one")
    assert seen == parts
    seen.clear()
    blocks = [(np.arange(300), ROWS)]
    Index.build_from_blocks(blocks, tmp_path / "two", dimension=4, scan_below=50, n_jobs=n_jobs)
    assert seen == parts
    seen.clear()
    Index.build(ROWS, scan_below=50, n_jobs=n_jobs, family=Hyperplane(tables=2, bits=3))
    assert seen == {
        "lookalike.index.sketches.encode encode": {threads},
        "lookalike.index.lsh.search measured": {threads},
    }


def test_tuning_and_its_fold_take_no_more_threads_than_they_may(seen: Seen) -> None:
    index = Index.build(ROWS, scan_below=50, n_jobs=1)
    seen.clear()
    index.tune(0.9, n_jobs=1)
    assert seen == {"lookalike.index.ivf.search measured": {1}}
    seen.clear()
    exact = Index.build(ROWS, scan_below=50, recall=1)  # it gets its buckets when less is asked of it
    assert not seen
    exact.tune(0.9, n_jobs=1)
    assert seen == {key: {1} for key in BUILD_PARTS}


def test_a_build_that_fails_lets_go(tmp_path: Path) -> None:
    def failing() -> Any:
        assert blas_threads() == 1
        yield [0], ROWS[:1]
        raise KeyError("as blocks may")

    with pytest.raises(KeyError):
        Index.build_from_blocks(failing(), tmp_path / "index", dimension=4, n_jobs=1)
    assert blas_threads() == 4
    with pytest.raises(OptionError, match="n_jobs"), limited(0):
        raise AssertionError("no such number of threads")
    with limited(2) as threads:
        assert (threads, blas_threads()) == (2, 2)


def test_builds_that_overlap_leave_no_limit_behind() -> None:
    """Whichever ends first; the first's limit holds, and is gone with it."""
    inside, go_on = threading.Event(), threading.Event()

    def other() -> None:
        with limited(1):
            inside.set()
            go_on.wait(timeout=30)

    thread = threading.Thread(target=other)
    with limited(2):
        thread.start()
        assert inside.wait(timeout=30)
        assert blas_threads() == 2
    assert blas_threads() == 4
    go_on.set()
    thread.join(timeout=30)
    assert blas_threads() == 4


def test_opening_and_searching_load_nothing_for_it(tmp_path: Path) -> None:
    Index.build(ROWS, n_jobs=1, path=tmp_path / "index")
    code = (
        "import sys; from lookalike import Index; import numpy as np;"
        "index = Index.open(sys.argv[1], verify=True); index.search(np.zeros((2, 4)), 3, n_jobs=1);"
        "sys.exit(bool({'threadpoolctl', 'filelock'} & sys.modules.keys()))"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "index")], check=True, timeout=60)
