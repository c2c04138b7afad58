"""Extraction over cores: a stream of pictures in, a stream of vectors out, in bounded memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import TypeVar

from lookalike.errors import OptionError, PictureError
from lookalike.features.batch import Extracted, extract_batch
from lookalike.features.registry import FeatureSpec, create_extractor
from lookalike.features.worker_pool import Batch, WorkerPool, can_start_workers
from lookalike.images.decode import MAX_PIXELS

__all__ = ["Extracted", "extract_batch", "extract_stream", "usable_cores"]

FEW = 16
"""Fewer pictures than this are extracted in this process: workers would take longer to start."""

BATCH_BYTES = 8 << 20
"""A batch of this many bytes is sent off before it is full."""

BYTES_IN_FLIGHT = 256 << 20
"""No more is read while this many bytes await extraction; one batch may go beyond."""

T = TypeVar("T")


def usable_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def extract_stream(
    items: Iterable[tuple[T, str, bytes]],
    extractors: Mapping[str, FeatureSpec],
    *,
    jobs: int,
    batch_size: int = 32,
    max_pixels: int = MAX_PIXELS,
) -> Iterator[tuple[T, Extracted | PictureError]]:
    """Decode pictures and extract their features in `jobs` worker processes; results come in the items' order.

    Args:
        items: (token, name, bytes) of each picture. Pulled by the calling thread, no further ahead than
            4 batches a job and `BYTES_IN_FLIGHT`. The token stays in this process and comes back with the result.
        extractors: features by name.
        jobs: worker processes; with 1, everything is done in this process.
        batch_size: pictures that travel to a worker at once.
        max_pixels: pictures that declare more are refused.

    A picture that cannot be used gives its PictureError in the place of its result, and so does one that kills its
    worker, once it has done so alone. Closing the iterator, or any exception, ends the workers at once.

    Raises:
        OptionError: `jobs` or `batch_size` is less than 1.
        FeatureError, ModelError, MissingDependencyError: an extractor cannot be made, or failed; the run ends.
    """
    if jobs < 1 or batch_size < 1:
        raise OptionError(f"jobs ({jobs}) and batch size ({batch_size}) must be 1 or more")
    specs = {name: FeatureSpec(name, spec.extractor, spec.options) for name, spec in extractors.items()}
    return _stream(iter(items), specs, jobs, batch_size, max_pixels)


def _stream(
    items: Iterator[tuple[T, str, bytes]],
    specs: Mapping[str, FeatureSpec],
    jobs: int,
    batch_size: int,
    max_pixels: int,
) -> Iterator[tuple[T, Extracted | PictureError]]:
    first = list(islice(items, FEW))
    batches = _batches(chain(first, items), batch_size)
    if jobs == 1 or len(first) < FEW or not can_start_workers():
        made = {name: create_extractor(spec) for name, spec in specs.items()} if first else {}
        for tokens, pictures in batches:
            yield from zip(tokens, extract_batch(pictures, made, max_pixels=max_pixels), strict=True)
        return
    in_flight: deque[tuple[list[T], Batch]] = deque()

    def results() -> Iterator[tuple[T, Extracted | PictureError]]:
        tokens, batch = in_flight.popleft()
        yield from zip(tokens, batch.results.result(), strict=True)

    with WorkerPool(list(specs.values()), jobs=jobs, max_pixels=max_pixels) as pool:
        for tokens, pictures in batches:
            in_flight.append((tokens, pool.submit(pictures)))
            while in_flight and (
                in_flight[0][1].results.done()
                or len(in_flight) >= 4 * jobs
                or sum(batch.size for _, batch in in_flight) > BYTES_IN_FLIGHT
            ):
                yield from results()
        while in_flight:
            yield from results()


def _batches(
    items: Iterable[tuple[T, str, bytes]], batch_size: int
) -> Iterator[tuple[list[T], list[tuple[str, bytes]]]]:
    """Split items into batches of `batch_size`, or of fewer where they come to `BATCH_BYTES`."""
    tokens: list[T] = []
    pictures: list[tuple[str, bytes]] = []
    size = 0
    for token, name, data in items:
        tokens.append(token)
        pictures.append((name, data))
        size += len(data)
        if len(tokens) == batch_size or size >= BATCH_BYTES:
            yield tokens, pictures
            tokens, pictures, size = [], [], 0
    if tokens:
        yield tokens, pictures
