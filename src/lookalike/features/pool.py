"""Where batches of pictures are extracted: the contract, and what does it on this machine."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from typing import Protocol, Self

from lookalike.features.base import BatchExtractor, Extractor
from lookalike.features.framing import Framer
from lookalike.features.here import NetworkThread
from lookalike.features.registry import FeatureSpec, create_extractor, may_run_here
from lookalike.features.time_limit import Pictures, Results
from lookalike.features.worker_pool import WorkerPool


class ExtractionPool(Protocol):
    """Extracts batches of pictures; a context manager, at whose end nothing is left at work.

    A picture that cannot be used, kills the process that is at it, or takes longer than the time limit gives its
    PictureError in the place of its result. What else goes wrong is the exception of the batch's future.
    """

    @property
    def jobs(self) -> int:
        """How many batches are extracted at once."""

    @property
    def frame_bytes(self) -> int:
        """Bytes of a picture's frames, where it comes back to this process as such; else 0."""

    def submit(self, pictures: Pictures, wanted: Sequence[Collection[str]]) -> Future[Results]:
        """Queue pictures, as (name, bytes), with the features that are wanted of each."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...


class LocalPool:
    """An `ExtractionPool` of worker processes, and a thread for the networks that run "here".

    Args:
        specs: features by name.
        made: the extractors themselves; by default those that run "here" are made.
        jobs: worker processes.
    """

    def __init__(
        self,
        specs: Mapping[str, FeatureSpec],
        made: Mapping[str, Extractor] | None,
        *,
        jobs: int,
        max_pixels: int,
        time_limit: float | None,
    ) -> None:
        here = _run_here(specs, made)
        framers = {name: Framer(one.framing, one.decoded_side) for name, one in here.items()}
        self.jobs = jobs
        self.frame_bytes = sum(framer.dimension for framer in framers.values())
        self._network = NetworkThread(here) if here else None
        self._workers = WorkerPool(
            list(specs.values()), jobs=jobs, max_pixels=max_pixels, time_limit=time_limit, framers=framers
        )
        self._stack = ExitStack()

    def submit(self, pictures: Pictures, wanted: Sequence[Collection[str]]) -> Future[Results]:
        """Queue pictures, as (name, bytes), with the features that are wanted of each."""
        names = [name for name, _ in pictures]
        results = self._workers.submit(pictures, wanted).results
        return results if self._network is None else self._network.submit(names, results)

    def __enter__(self) -> Self:
        if self._network is not None:
            self._stack.enter_context(self._network)
        self._stack.enter_context(self._workers)
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()


def _run_here(
    specs: Mapping[str, FeatureSpec], made: Mapping[str, Extractor] | None
) -> dict[str, BatchExtractor]:
    """Return the extractors that run in this process, whatever decodes."""
    found = {}
    for name, spec in specs.items():
        if may_run_here(spec.extractor):
            extractor = create_extractor(spec) if made is None else made[name]
            if isinstance(extractor, BatchExtractor) and extractor.runs == "here":
                found[name] = extractor
    return found
