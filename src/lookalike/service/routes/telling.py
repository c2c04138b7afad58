"""What the collection is made of, and why a source is a hit or is none."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from lookalike.collection.filters import where_from_json
from lookalike.service.access import READS, Grouped, KeyedRoute, Sent, Served, Told
from lookalike.service.find import asked
from lookalike.service.groups import MOST_GROUPS, NEWEST
from lookalike.service.messages import (
    LONGEST_TEXT,
    ExplainBody,
    FeatureMessage,
    Groups,
    Name,
    ValueCount,
    json_of,
)
from lookalike.service.paging import counts_message
from lookalike.service.problems import ProblemError
from lookalike.service.routes.sources import message_of

router = APIRouter(route_class=KeyedRoute, prefix="/api/v1", tags=["collection"], dependencies=READS)


@router.get("/collection")
def collection_info(collection: Served) -> dict[str, Any]:
    """Count sources, features, metadata and buckets, as `lookalike info --json` does, but for where they are."""
    told = collection.info()
    del told["location"]
    return told


@router.get("/features")
def features(collection: Served) -> list[FeatureMessage]:
    """Name the features that can be compared."""
    return [
        FeatureMessage(name=one.name, extractor=one.extractor, dimension=one.dimension, metric=one.metric)
        for one in collection.features().values()
    ]


@router.get("/growth")
def growth(collection: Served) -> dict[str, int]:
    """Count the sources that were added on each day (UTC)."""
    return collection.growth()


@router.get("/groups")
async def groups(
    collection: Served,
    known: Grouped,
    feature: Annotated[
        Name | None, Query(description="By which sources are compared; by default the first.")
    ] = None,
    max_distance: Annotated[
        float | None,
        Query(ge=0, allow_inf_nan=False, description="By default what copies mostly have by that feature."),
    ] = None,
    newest: Annotated[
        int, Query(ge=0, le=NEWEST, description="Sources, the latest, that are each compared with all.")
    ] = NEWEST,
    limit: Annotated[int, Query(ge=1, le=200, description="Groups.")] = MOST_GROUPS,
) -> Groups:
    """Find groups of sources that look nearly the same: copies in other sizes, or pictures of one thing."""
    found = await known.found(collection, feature, max_distance, newest, limit)
    told = [[message_of(source) for source in group] for group in found.groups]
    return Groups(groups=told, looked_at=found.looked_at, total=found.total)


@router.get("/facets")
def facets(
    collection: Served,
    field: Annotated[list[Name], Query(min_length=1, max_length=50, description="Metadata fields.")],
    text: Annotated[str | None, Query(max_length=LONGEST_TEXT)] = None,
    where: Annotated[str | None, Query(max_length=20_000, description="Filters, as JSON.")] = None,
) -> dict[str, list[ValueCount]]:
    """Count the ten most frequent values of metadata fields, among what filters and words select.

    Where a field is filtered itself, its values are counted as if it were not: what else could be chosen.
    """
    return counts_message(collection.facets(field, text=text, where=where_from_json(json_of(where))))


@router.post("/explain")
def explain(body: ExplainBody, collection: Served, settings: Told, sent: Sent) -> dict[str, Any]:
    """Tell why a source is among the hits of a search, or is not."""
    query = asked(body.query, collection, sent, body.features)
    if query is None:
        raise ProblemError(422, "a query with an id, an upload or a vector is needed", field="query")
    told = collection.explain(
        query,
        collection.source(body.id).id,
        k=min(body.limit, settings.limits.most_hits),
        text=body.text,
        where=where_from_json(body.where),
        features=body.features,
        blend=body.blend,
        text_weight=body.text_weight,
        max_distance=body.max_distance,
    )
    return told.to_json()
