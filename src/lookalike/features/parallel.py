"""Extraction over cores: a stream of pictures in, a stream of vectors out, in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from itertools import chain
from typing import TypeVar

from lookalike.errors import OptionError, PictureError
from lookalike.features.base import Extractor
from lookalike.features.batch import Extracted, Progress, extract_batch
from lookalike.features.cluster import open_cluster
from lookalike.features.pool import ExtractionPool, LocalPool
from lookalike.features.registry import FeatureSpec, create_extractor
from lookalike.features.time_limit import Pictures, Results, extract_within
from lookalike.features.worker_pool import can_start_workers
from lookalike.images import MAX_PIXELS

__all__ = ["Extracted", "extract_batch", "extract_stream"]

FEW = 16
FEW_BYTES = 64 << 20
"""Fewer pictures than this, and fewer bytes, are extracted in this process: workers would take longer to start."""

BATCH = 32
CLUSTER_BATCH = 128
"""Pictures of a batch: on a cluster, each batch has a price of its own in the scheduler and on the network."""

BATCH_BYTES = 8 << 20
"""A batch of this many bytes is sent off before it is full."""

BYTES_IN_FLIGHT = 256 << 20
"""No more is read while this many bytes await extraction; one picture may go beyond."""

T = TypeVar("T")


def extract_stream(
    items: Iterable[tuple[T, str, bytes]],
    extractors: Mapping[str, FeatureSpec],
    *,
    jobs: int,
    batch_size: int | None = None,
    max_pixels: int = MAX_PIXELS,
    time_limit: float | None = None,
    wanted: Callable[[T], Collection[str]] | None = None,
    made: Mapping[str, Extractor] | None = None,
    isolated: bool = False,
    cluster: str | None = None,
) -> Iterator[tuple[T, Extracted | PictureError]]:
    """Decode pictures and extract their features in `jobs` worker processes; results come in the items' order.

    Args:
        items: (token, name, bytes) of each picture. Pulled by the calling thread, no further ahead than
            4 batches a job and `BYTES_IN_FLIGHT`. The token stays in this process and comes back with the result.
        extractors: features by name.
        jobs: worker processes; with 1, everything is done in this process unless it is `isolated`.
        batch_size: pictures that travel to a worker at once; by default `BATCH`, or `CLUSTER_BATCH`.
        max_pixels: pictures that declare more are refused.
        time_limit: seconds after which a picture is given up and its worker ended. In this process, a thread is left
            behind instead, and only a decoder that lets other threads run can be left.
        wanted: says of a token which features are extracted; by default all.
        made: the extractors themselves, for use in this process; by default they are made. Those that run "here"
            are used in this process always, by a thread of their own, and workers only decode for them.
        isolated: use worker processes also for few pictures, or with one job, wherever they can be started.
        cluster: extract on that cluster, such as "dask://HOST:PORT", instead of on this machine, by as many jobs as it
            has threads. Its workers get pictures as bytes.

    A picture that cannot be used gives its PictureError in the place of its result, and so does one that kills its
    worker, once it has done so alone. Closing the iterator, or any exception, ends the workers at once.

    Raises:
        OptionError: `jobs` or `batch_size` is less than 1.
        FeatureError, ModelError, MissingDependencyError: an extractor cannot be made, or failed; the run ends.
        ClusterError: the cluster cannot be reached, was lost, or has another version of Lookalike; the run ends.
    """
    if batch_size is None:
        batch_size = BATCH if cluster is None else CLUSTER_BATCH
    if jobs < 1 or batch_size < 1:
        raise OptionError(f"jobs ({jobs}) and batch size ({batch_size}) must be 1 or more")
    specs = {name: FeatureSpec(name, spec.extractor, spec.options) for name, spec in extractors.items()}
    return _stream(
        iter(items), specs, jobs, batch_size, max_pixels, time_limit, wanted, made, isolated, cluster
    )


def _stream(
    items: Iterator[tuple[T, str, bytes]],
    specs: Mapping[str, FeatureSpec],
    jobs: int,
    batch_size: int,
    max_pixels: int,
    time_limit: float | None,
    wanted: Callable[[T], Collection[str]] | None,
    made: Mapping[str, Extractor] | None,
    isolated: bool,
    cluster: str | None,
) -> Iterator[tuple[T, Extracted | PictureError]]:
    first, are_few = _peek(items) if cluster is None else (deque[tuple[T, str, bytes]](), False)
    batches = _batches(chain(_emptied(first), items), batch_size)

    def features_of(tokens: Iterable[T]) -> list[Collection[str]]:
        return [tuple(specs) if wanted is None else wanted(token) for token in tokens]

    if cluster is None and ((not isolated and (jobs == 1 or are_few)) or not can_start_workers()):
        if first and made is None:
            made = {name: create_extractor(spec) for name, spec in specs.items()}
        for tokens, pictures in batches:
            features = features_of(tokens)
            results = _extract_here(pictures, made or {}, features, max_pixels, time_limit)
            del pictures
            yield from zip(tokens, results, strict=True)
        return
    if cluster is None:
        pool: ExtractionPool = LocalPool(specs, made, jobs=jobs, max_pixels=max_pixels, time_limit=time_limit)
    else:
        pool = open_cluster(cluster, specs, made, max_pixels=max_pixels, time_limit=time_limit)
    in_flight: deque[tuple[list[T], int, Future[Results]]] = deque()

    def results_of_first() -> Iterator[tuple[T, Extracted | PictureError]]:
        tokens, _, coming = in_flight.popleft()
        yield from zip(tokens, coming.result(), strict=True)

    with pool:
        for tokens, pictures in batches:
            size = sum(len(data) for _, data in pictures)
            in_flight.append((tokens, size, pool.submit(pictures, features_of(tokens))))
            del pictures
            while in_flight and (
                in_flight[0][2].done()
                or len(in_flight) >= _most(pool, batch_size)
                or sum(size for _, size, _ in in_flight) > BYTES_IN_FLIGHT
            ):
                yield from results_of_first()
        while in_flight:
            yield from results_of_first()


def _most(pool: ExtractionPool, batch_size: int) -> int:
    """Return how many batches may be in flight: frames, too, are held in no more than so many bytes."""
    most = 4 * pool.jobs
    if pool.frame_bytes:
        most = max(2, min(most, BYTES_IN_FLIGHT // (batch_size * pool.frame_bytes)))
    return most


def _extract_here(
    pictures: Pictures,
    extractors: Mapping[str, Extractor],
    wanted: Sequence[Collection[str]],
    max_pixels: int,
    time_limit: float | None,
) -> Results:
    def extract(places: Sequence[int], progress: Progress | None) -> Results:
        return extract_batch(
            [pictures[place] for place in places],
            extractors,
            max_pixels=max_pixels,
            wanted=[wanted[place] for place in places],
            progress=progress,
        )

    if time_limit is None:
        return extract(range(len(pictures)), None)
    return extract_within(time_limit, [name for name, _ in pictures], extract)


def _peek(items: Iterator[tuple[T, str, bytes]]) -> tuple[deque[tuple[T, str, bytes]], bool]:
    """Return the first items, and whether they are all and few."""
    first: deque[tuple[T, str, bytes]] = deque()
    size = 0
    for item in items:
        first.append(item)
        size += len(item[2])
        if len(first) == FEW or size >= FEW_BYTES:
            return first, False
    return first, True


def _emptied(items: deque[T]) -> Iterator[T]:
    """Yield items, and keep none of those that were yielded."""
    while items:
        yield items.popleft()


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
        del data  # which would be held while the next is read
        if len(tokens) == batch_size or size >= BATCH_BYTES:
            yield tokens, pictures
            tokens, pictures, size = [], [], 0
    if tokens:
        yield tokens, pictures
