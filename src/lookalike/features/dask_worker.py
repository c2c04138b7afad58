"""What a worker of a cluster runs: it extracts batches as this machine would, with a `LocalPool` of its own.

So a picture that crashes its decoder, or hangs, costs a process of that pool and not the cluster's worker, and is
reported in the same words. The pool serves all batches of one setup, and ends when none has come for a while. A task
and its answer are frames of `lookalike.features.worker_protocol`:

    {"version", "setup": {"extractors": [spec, ...], "identities": {feature: identity}, "max_pixels", "time_limit"},
     "pictures": [[name, [feature, ...]], ...]} + their bytes
        -> {"pictures": [...], "features": [...]} + vectors, in the form of `lookalike.features.worker_results`
        -> {"kind", "message"}: an error that ends the run
"""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from distributed import get_worker

from lookalike import __version__
from lookalike.errors import ClusterError, FeatureMismatchError, LookalikeError
from lookalike.features.base import Extractor
from lookalike.features.pool import LocalPool
from lookalike.features.registry import FeatureSpec, create_extractor
from lookalike.features.worker_protocol import read_frame, write_frame
from lookalike.features.worker_results import encoded

IDLE_SECONDS = 30.0
"""A pool to which nothing has come for so long is closed."""


def extract(task: bytes) -> bytes:
    """Carry out a task on a worker of Dask; return its answer."""
    worker = get_worker()
    answer = io.BytesIO()
    try:
        header, parts = read_frame(io.BytesIO(task))
        if header["version"] != __version__:
            raise ClusterError(
                f"has Lookalike {__version__} and not {header['version']}; install the same version"
            )
        pictures = [(name, data) for (name, _), data in zip(header["pictures"], parts, strict=True)]
        with _borrowed(header["setup"], worker.state.nthreads) as pool:
            results = pool.submit(pictures, [features for _, features in header["pictures"]]).result()
        write_frame(answer, *encoded(results))
    except LookalikeError as error:
        message = f"worker {worker.address}: {error}"
        write_frame(answer, {"kind": type(error).__name__, "message": message})
    return answer.getvalue()


def identity(extractor: Extractor) -> list[Any]:
    """Return what two extractors have in common that make the same vectors, as JSON types."""
    return [extractor.version, extractor.model_hash, extractor.dimension, extractor.metric]


class _Shared:
    """A pool, and how many batches are in it."""

    def __init__(self, pool: LocalPool) -> None:
        self.pool = pool
        self.users = 0
        self.end = threading.Timer(IDLE_SECONDS, lambda: None)


_lock = threading.Lock()
_pools: dict[str, _Shared] = {}


@contextmanager
def _borrowed(setup: dict[str, Any], jobs: int) -> Iterator[LocalPool]:
    """Give the pool for a setup, which is made if need be."""
    key = json.dumps(setup, sort_keys=True)
    with _lock:
        if key not in _pools:
            _pools[key] = _Shared(_made(setup, jobs).__enter__())
        shared = _pools[key]
        shared.users += 1
        shared.end.cancel()
    try:
        yield shared.pool
    finally:
        with _lock:
            shared.users -= 1
            shared.end.cancel()
            shared.end = threading.Timer(IDLE_SECONDS, _end, (key, shared))
            shared.end.daemon = True
            shared.end.start()


def _end(key: str, shared: _Shared) -> None:
    with _lock:
        if shared.users or _pools.get(key) is not shared:
            return
        del _pools[key]
    shared.pool.__exit__(None, None, None)


def _made(setup: dict[str, Any], jobs: int) -> LocalPool:
    specs = {spec.name: spec for spec in map(FeatureSpec.from_json, setup["extractors"])}
    extractors = {name: create_extractor(spec) for name, spec in specs.items()}
    for name, extractor in extractors.items():
        if (found := identity(extractor)) != setup["identities"][name]:
            raise FeatureMismatchError(
                f"feature {name!r} would be made by something else than here ({_shown(found)}, and not "
                f"{_shown(setup['identities'][name])}); bring the same plug-in and model there"
            )
    return LocalPool(
        specs, extractors, jobs=jobs, max_pixels=setup["max_pixels"], time_limit=setup["time_limit"]
    )


def _shown(identity: list[Any]) -> str:
    version, model_hash, dimension, metric = identity
    model = f", model {model_hash[:12]}" if model_hash else ""
    return f"version {version}{model}, {dimension} {metric}"
