"""Groups of copies, and the clusters of a collection, as HTML pages with thumbnails."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lookalike.pages.hits import template


def groups_page(groups: Any, shown: Sequence[Any]) -> str:
    """Return a page of the groups `shown`; `groups` says how they were found, as `collection.groups.Groups` does."""
    return template("groups.html").render(groups=groups, shown=shown)


def clusters_page(clusters: Any) -> str:
    """Return a page of clusters, as `collection.clusters.Clusters` has them."""
    return template("clusters.html").render(clusters=clusters)
