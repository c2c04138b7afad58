"""How many threads a build takes, those of matrix products among them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from lookalike.arguments import as_threads

_limiting = threading.Lock()


@contextmanager
def limited(n_jobs: int) -> Iterator[int]:
    """Give how many threads `n_jobs` means, and hold NumPy's BLAS to no more of them meanwhile; at -1 it is left alone.

    BLAS's threads are the whole process's. So while several limit them at once, the first's number is what they all
    have: each going back to what it found would leave a limit behind for good.

    Raises OptionError where `n_jobs` is no number of threads.
    """
    threads = as_threads(n_jobs)
    if n_jobs == -1 or not _limiting.acquire(blocking=False):
        yield threads
        return
    try:
        from threadpoolctl import ThreadpoolController  # who only searches does without

        blas = ThreadpoolController().select(user_api="blas")
        most = max((library["num_threads"] for library in blas.info()), default=1)
        with blas.limit(limits=min(threads, most)):
            yield threads
    finally:
        _limiting.release()
