"""What clients send and get, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from lookalike.collection.hits import TITLE_FIELDS, one_line
from lookalike.errors import OptionError

LONGEST_TEXT = 2_000
LONGEST_ID = 4_096
Id = Annotated[str, Field(min_length=1, max_length=LONGEST_ID)]


Name = Annotated[str, Field(min_length=1, max_length=1000)]


class Message(BaseModel):
    """One that a client sends: with no fields but those that are known."""

    model_config = ConfigDict(extra="forbid", strict=True)


Numbers = Annotated[list[float], Field(min_length=1, max_length=100_000)]


class Query(Message):
    """What hits are to look like: exactly one of these, or none where words alone are searched."""

    id: Annotated[
        Id | None, Field(description="A source of the collection; it is left out of its own hits.")
    ] = None
    upload: Annotated[
        str | None,
        Field(
            max_length=64, description="A picture that was sent to `/api/v1/uploads`, by the id it was given."
        ),
    ] = None
    vector: Annotated[
        Numbers | Annotated[dict[str, Numbers], Field(min_length=1, max_length=100)] | None,
        Field(
            description="A vector of the one feature of its length, or one by each feature's name. "
            "Binary codes are their bytes, 0 to 255, or their bits, 0 and 1."
        ),
    ] = None
    describe: Annotated[
        str | None,
        Field(
            max_length=LONGEST_TEXT,
            description="Words that a network with a text tower brings into the space of pictures.",
            examples=["a red shoe on grass"],
        ),
    ] = None
    weight: Annotated[
        float, Field(ge=0, description="How much it weighs beside the others of `also` or `unlike`.")
    ] = 1.0


class Options(Message):
    """What narrows and weighs hits."""

    text: Annotated[
        str | None,
        Field(
            max_length=LONGEST_TEXT, description="Words that a hit has all of, or that weigh in with `blend`."
        ),
    ] = None
    where: Annotated[
        dict[str, JsonValue] | Annotated[list[dict[str, JsonValue]], Field(max_length=100)],
        Field(
            description='Filters by field: a value, a list of values, `{"from": ..., "to": ...}` with either left out, '
            'or `{"not": value or values}`. In a list of such objects, all must hold.',
            examples=[{"baseColour": ["Red", "Pink"], "year": {"from": 2010}}],
        ),
    ] = {}
    features: Annotated[
        dict[str, float] | list[str] | None,
        Field(
            description="The features that are compared, with or without weights; by default all. Equal weights mean "
            "equal say. Weights that are not given come from how distances are distributed in the collection."
        ),
    ] = None
    blend: bool = False
    text_weight: Annotated[
        float | None,
        Field(
            description="How much words weigh beside looks, from 0 to 1; without `blend`, hits must have them, too."
        ),
    ] = None
    max_distance: float | None = None


class Search(Options):
    """What is asked for beside the query."""

    facets: Annotated[
        list[Name],
        Field(
            max_length=50,
            description="Metadata fields whose most frequent values are counted among what filters and words select.",
        ),
    ] = []
    candidates: Annotated[
        Literal["tokens", "knn"], Field(description="How a search engine finds candidates.")
    ] = "tokens"
    strict: Annotated[
        bool, Field(description="Fail where the home of an index cannot be used, instead of comparing all.")
    ] = False
    among: Annotated[
        list[Id] | None,
        Field(
            max_length=10_000,
            description="Ids of the sources that are searched, such as the hits of a search before.",
        ),
    ] = None


class SearchBody(Search):
    """A search."""

    query: Query = Query()
    also: Annotated[list[Query], Field(max_length=20, description="More that hits are to look like.")] = []
    unlike: Annotated[list[Query], Field(max_length=20, description="What hits are not to look like.")] = []
    limit: int = Field(20, ge=1, le=200, description="Hits of a page.")
    cursor: Annotated[
        str | None,
        Field(max_length=2_000, description="Of the page before: go on from there, with the same search."),
    ] = None


class ExplainBody(Options):
    """A search, and a source that may be among its hits."""

    query: Query = Query()
    id: Id
    limit: int = Field(20, ge=1, le=1000, description="Hits of the search.")


class BatchBody(Search):
    """Several searches that ask for the same."""

    queries: Annotated[list[Query], Field(min_length=1, max_length=10_000)]
    limit: int = Field(20, ge=1, le=200)


class HitMessage(BaseModel):
    """One hit."""

    id: str
    title: str | None
    distance: float | None
    features: dict[str, float]
    text_score: float | None
    metadata: dict[str, Any]
    has_picture: bool
    pixels: int = Field(description="Width times height of a picture; 0 for other vectors.")
    rank: int


class ValueCount(BaseModel):
    """A value of metadata, and how many sources have it."""

    value: str | int | float | bool
    count: int


class Page(BaseModel):
    """Hits, the most alike first."""

    hits: list[HitMessage]
    next: str | None = Field(description="The cursor of the next page; null after the last.")
    notes: list[str] = Field(description="What should be known of the answer, a sentence each.")
    estimated_recall: float | None = Field(
        description="Which share of the sources that look most alike is among the hits, as the index estimates it for "
        "this query; null where it is not known."
    )
    features: dict[str, float] = Field(description="What was compared, and how much each weighed.")
    facets: dict[str, list[ValueCount]]


class SourceMessage(BaseModel):
    """A source of the collection."""

    id: str
    number: int = Field(description="By which indexes know it.")
    kind: Literal["picture", "file", "row"]
    sha256: str
    size: int = Field(description="Bytes.")
    generation: int = Field(description="Of the write that changed it last.")
    title: str | None
    metadata: dict[str, Any]
    width: int | None
    height: int | None
    added_at: str
    has_picture: bool
    url: str | None = Field(description="Of the picture itself, where it lies on the web.")


class Sources(BaseModel):
    """Sources."""

    sources: list[SourceMessage]
    total: int = Field(description="Of all that the filters and words select.")


def json_of(written: str | None) -> Any:
    """Return what came as JSON in an address, an empty object for nothing. Raises OptionError."""
    if written is None:
        return {}
    try:
        return json.loads(written)
    except (ValueError, RecursionError):
        raise OptionError('where is no JSON; give fields and values, such as {"year": 2012}') from None


def title_of(metadata: Mapping[str, Any]) -> str | None:
    """Return the title that metadata have, if any, as hits show it."""
    found = next((metadata[name] for name in TITLE_FIELDS if metadata.get(name) not in (None, "")), None)
    return None if found is None else one_line(found)


class ChangeBody(Message):
    """New metadata of a source."""

    metadata: dict[str, JsonValue]


class RemoveBody(Message):
    """Sources to be removed."""

    ids: Annotated[list[Id], Field(min_length=1, max_length=1000)]


class RemovedMessage(BaseModel):
    """What became of sources."""

    removed: int


class VectorsBody(Message):
    """Vectors to be added."""

    vectors: Annotated[list[list[float]], Field(min_length=1, max_length=100_000)]
    ids: Annotated[list[Id], Field(max_length=100_000)] | None = None
    feature: str = Field("vectors", max_length=200)
    metric: Literal["euclidean", "cosine", "dot"] | None = None
    metadata: Annotated[list[dict[str, JsonValue]], Field(max_length=100_000)] | None = None
    on_duplicate: Literal["error", "skip", "replace"] = "error"


class VectorsMessage(BaseModel):
    """What became of vectors."""

    added: int
    refreshed: int
    duplicate: int


class JobMessage(BaseModel):
    """What is written in the background."""

    id: str
    kind: str
    state: Literal["waiting", "running", "done", "failed", "stopped", "interrupted"]
    total: int
    done: int
    outcomes: dict[str, int]
    ids: list[str]
    skipped: list[dict[str, str]]
    error: str | None


class UrlBody(Message):
    """Where a picture is."""

    url: Annotated[
        str,
        Field(
            min_length=1,
            max_length=2_000,
            description="Of http or https, on the public internet.",
            examples=["https://example.org/shoe.jpg"],
        ),
    ]


class IiifMessage(Message):
    """A picture that a server of the IIIF Image API has."""

    url: Annotated[
        str,
        Field(
            min_length=1,
            max_length=2_000,
            description="Its base, its `info.json`, or any request for it, of the IIIF Image API 2 or 3.",
            examples=["https://example.org/iiif/3/apple"],
        ),
    ]
    metadata: dict[str, JsonValue] = {}


class IiifBody(Message):
    """Pictures that lie elsewhere."""

    pictures: Annotated[list[IiifMessage], Field(min_length=1, max_length=1000)]


class UploadMessage(BaseModel):
    """A picture that was taken."""

    id: str


class FeatureMessage(BaseModel):
    """A feature that can be compared."""

    name: str
    extractor: str
    dimension: int
    metric: str


class Groups(BaseModel):
    """Sources that look nearly the same."""

    groups: list[list[SourceMessage]] = Field(description="The largest first.")
    looked_at: int = Field(description="Sources, the latest, that were each compared with all.")
    total: int = Field(description="Sources that have the feature.")


class FieldProblem(BaseModel):
    """What was wrong with one field."""

    field: str
    message: str


class Problem(BaseModel):
    """Why a request failed (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str | None = None
    errors: list[FieldProblem] = []
