"""Clusters on which pictures are extracted, by URL; what each takes is loaded when one is named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from lookalike.errors import MissingDependencyError, OptionError
from lookalike.features.base import Extractor
from lookalike.features.pool import ExtractionPool
from lookalike.features.registry import FeatureSpec, create_extractor


def scheduler_address(cluster: Any) -> str:
    """Return the address of the scheduler, as Dask writes it, of a cluster such as "dask://HOST:PORT".

    Raises:
        OptionError: it is no such URL.
    """
    expected = f"cluster is {cluster!r}; give the address of a Dask scheduler, as in dask://HOST:PORT"
    if not isinstance(cluster, str):
        raise OptionError(expected)
    try:
        parts = urlsplit(cluster)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise OptionError(expected) from None
    more = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme != "dask" or not host or not port or more:
        raise OptionError(expected)
    return f"tcp://{f'[{host}]' if ':' in host else host}:{port}"


def open_cluster(
    cluster: str,
    specs: Mapping[str, FeatureSpec],
    made: Mapping[str, Extractor] | None,
    *,
    max_pixels: int,
    time_limit: float | None,
) -> ExtractionPool:
    """Return a pool on a cluster, to which it connects when it is entered.

    Raises:
        OptionError: `cluster` is no URL of a cluster.
        MissingDependencyError: Dask is not installed.
    """
    address = scheduler_address(cluster)
    try:
        from lookalike.features.dask_pool import DaskPool
    except ImportError:
        raise MissingDependencyError(
            "extraction on a cluster needs Dask: pip install 'lookalike[dask]'"
        ) from None
    extractors = made or {name: create_extractor(spec) for name, spec in specs.items()}
    return DaskPool(address, specs, extractors, max_pixels=max_pixels, time_limit=time_limit)
