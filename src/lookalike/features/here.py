"""Networks that run in one place: workers decode pictures and cut their frames, and a thread here runs the network.

One large network in each worker would take its memory many times over, and an accelerator is one.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from lookalike.features.base import BatchExtractor
from lookalike.features.batch import Extracted, checked_rows, no_vector, usable_rows
from lookalike.features.time_limit import Results


class _Work(NamedTuple):
    """Pictures on their way: what workers make of them, and what becomes of that here."""

    names: Sequence[str]
    frames: Future[Results]
    vectors: Future[Results]


class NetworkThread:
    """A thread that turns frames into vectors, in batches; a context manager, at whose end it stops.

    A batch takes what has been decoded by then, up to the extractor's `batch_size`: who is fed slowly does not wait.
    """

    def __init__(self, extractors: Mapping[str, BatchExtractor]) -> None:
        self._extractors = extractors
        self._most = max(extractor.batch_size for extractor in extractors.values())
        self._waiting: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="lookalike-network", daemon=True)

    def submit(self, names: Sequence[str], frames: Future[Results]) -> Future[Results]:
        """Queue pictures, by name, that have frames; return what becomes of them, in the order of submission."""
        work = _Work(names, frames, Future())
        self._waiting.put(work)
        return work.vectors

    def __enter__(self) -> NetworkThread:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._closed = True
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        following: _Work | None = None
        while (work := following or self._waiting.get()) is not None and not self._closed:
            group, following = [work], None
            work.frames.exception()  # waits
            # What is there already is taken along.
            while sum(len(one.names) for one in group) < self._most and following is None:
                try:
                    following = self._waiting.get(block=False)
                except queue.Empty:
                    break
                if following is None:
                    self._waiting.put(None)
                    break
                if following.frames.done():
                    group.append(following)
                    following = None
            self._finish(group)

    def _finish(self, group: list[_Work]) -> None:
        try:
            results = [result for work in group for result in work.frames.result()]
            for feature, extractor in self._extractors.items():
                self._replace_frames(
                    results, [name for work in group for name in work.names], feature, extractor
                )
            start = 0
            for work in group:
                work.vectors.set_result(results[start : start + len(work.names)])
                start += len(work.names)
        except BaseException as error:
            for work in group:
                if not work.vectors.done():
                    work.vectors.set_exception(error)

    def _replace_frames(
        self, results: Results, names: Sequence[str], feature: str, extractor: BatchExtractor
    ) -> None:
        """Put the vectors of one feature in the place of its frames."""
        width, height = extractor.framing.size
        having = [
            (place, result)
            for place, result in enumerate(results)
            if isinstance(result, Extracted) and feature in result.vectors
        ]
        for start in range(0, len(having), extractor.batch_size):
            chunk = having[start : start + extractor.batch_size]
            frames = np.stack([result.vectors[feature] for _, result in chunk]).astype(np.uint8, copy=False)
            frames = frames.reshape(-1, height, width, 3)
            rows = checked_rows(feature, extractor, len(chunk), partial(extractor.extract_frames, frames))
            for (place, result), row, usable in zip(chunk, rows, usable_rows(rows, extractor), strict=True):
                vectors = {**result.vectors, feature: row}
                results[place] = (
                    replace(result, vectors=vectors) if usable else no_vector(names[place], feature)
                )
