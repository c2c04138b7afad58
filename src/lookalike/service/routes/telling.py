"""What the collection is made of, and why a source is a hit or is none."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from lookalike.collection.filters import where_from_json
from lookalike.service.access import READS, Sent, Served
from lookalike.service.find import asked
from lookalike.service.messages import ExplainBody, FeatureMessage
from lookalike.service.problems import ProblemError

router = APIRouter(prefix="/api/v1", tags=["collection"], dependencies=READS)


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


@router.post("/explain")
def explain(body: ExplainBody, collection: Served, sent: Sent) -> dict[str, Any]:
    """Tell why a source is among the hits of a search, or is not."""
    query = asked(body.query, sent)
    if query is None:
        raise ProblemError(422, "a query with an id, an upload or a vector is needed", field="query")
    told = collection.explain(
        query,
        collection.source(body.id).id,
        k=body.limit,
        text=body.text,
        where=where_from_json(body.where),
        features=body.features,
        blend=body.blend,
        max_distance=body.max_distance,
    )
    return told.to_json()
