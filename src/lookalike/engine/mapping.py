"""Fields of an index: those that Lookalike adds, and what an engine's mapping says of all others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lookalike.arguments import shown
from lookalike.engine.client import Engine, path_of
from lookalike.engine.vector_form import VectorForm, VectorType
from lookalike.errors import MetadataError, OptionError

OBJECT = "lookalike"
"""The one object under which all that Lookalike adds to a document lies."""
FEATURE = re.compile(r"[a-z0-9_][a-z0-9_-]{0,63}")
INDEX = re.compile(r"[a-z0-9][a-z0-9._-]{0,199}")
FIELD_TYPES = ("keyword", "long", "double", "date", "boolean", "text")
DEEPEST = 16_000
"""Dimensions of a vector that OpenSearch takes; Elasticsearch takes `ELASTICSEARCH_DEEPEST`."""
ELASTICSEARCH_DEEPEST = 4096
LONGEST = 2**31 - 1
"""Signs of a keyword, as `ignore_above` limits them where nothing is said."""

WITHOUT_GRAPHS = {"knn": True, "knn.advanced.approximate_threshold": -1}
"""Settings of an index by which OpenSearch keeps vectors in files of their own, and builds no graph upon them."""
FLAT_SINCE = {"opensearch": (2, 18), "elasticsearch": (8, 13)}
"""Releases that can do so; Elasticsearch by an option of the field."""

Kind = Literal["text", "whole", "number", "date", "truth", "none"]

WHOLE = {"long": 63, "integer": 31, "short": 15, "byte": 7}
NUMBERS = frozenset({"double", "float", "half_float", "scaled_float"})


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a user's, as it can be filtered, counted and searched by words."""

    name: str
    kind: Kind
    """What its values are; "none" where it cannot be filtered."""
    path: str
    """The field that filters ask: itself, or its exact twin."""
    bits: int = 63
    """Of a whole number's size."""
    longest: int | None = None
    """Longer texts are not indexed (`ignore_above`)."""
    words: bool = False
    """Whether it is searched by words."""


Fields = Mapping[str, Field]


def tokens_field(feature: str) -> str:
    """Return the field of a feature's tokens."""
    return f"{OBJECT}.{feature}.tokens"


def vector_field(feature: str) -> str:
    """Return the field of a feature's vectors."""
    return f"{OBJECT}.{feature}.vector"


def factor_field(feature: str) -> str:
    """Return the field of the factors of a feature's scores."""
    return f"{OBJECT}.{feature}.factor"


def feature_properties(
    feature: str, form: VectorForm, dimension: int, *, factors: bool, graph: bool, flat: bool
) -> dict[str, Any]:
    """Return the mapping of the fields of a feature.

    Args:
        factors: whether documents have factors of their scores.
        graph: whether the engine shall index vectors by its own HNSW, too.
        flat: whether it can keep them in its files of vectors without one, where they are compared soonest and are
            not kept once more within documents.
    """
    of_vector = form.described(dimension)
    if form.type == "knn_vector" and (graph or flat):
        library = "lucene" if graph else "faiss"  # which heeds WITHOUT_GRAPHS in every release
        of_vector["method"] = {"name": "hnsw", "engine": library, "space_type": "l2"}
    elif form.type == "dense_vector":
        of_vector["index"] = graph or flat
        if graph or flat:
            of_vector["similarity"] = "l2_norm"  # cosine would change vectors in their last bits
        if flat and not graph:
            of_vector["index_options"] = {"type": "flat"}
    of_tokens = {"type": "keyword", "doc_values": False, "norms": False, "index_options": "docs"}
    of_tokens["ignore_above"] = (
        LONGEST  # a setting of the index may make it less for fields that do not say it
    )
    fields = {"tokens": of_tokens, "vector": of_vector}
    if factors:
        fields["factor"] = {"type": "float", "index": False}
    return {OBJECT: {"properties": {feature: {"properties": fields}}}}


def user_properties(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the mapping of fields of the user's, each one of `FIELD_TYPES` or a mapping as the engine takes it.

    Raises:
        OptionError: no such type, or a name that is taken or that engines read as something else.
    """
    properties: dict[str, Any] = {}
    for name, kind in fields.items():
        plain = isinstance(name, str) and name.strip() and not re.search(r"^[._]|\.\.|\.$|[*,\0]", name)
        if not plain or name.partition(".")[0] == OBJECT:
            raise OptionError(
                f"{shown(name)} cannot be the name of a field in a search engine; choose another"
            )
        if isinstance(kind, Mapping):
            properties[name] = dict(kind)
        elif kind in FIELD_TYPES:
            properties[name] = {"type": kind}
        else:
            raise OptionError(
                f"field {name!r} is of type {shown(kind)}; choose one of {', '.join(FIELD_TYPES)}, "
                "or give a mapping as the engine takes it"
            )
    return properties


def fields_of(mapping: Mapping[str, Any]) -> dict[str, Field]:
    """Return the user's fields that an index's mapping names, those within objects by their paths."""
    found: dict[str, Field] = {}

    def gather(properties: Mapping[str, Any], above: str) -> None:
        for name, described in properties.items():
            path = f"{above}{name}"
            if path == OBJECT or described.get("type") == "nested":
                continue
            if "properties" in described:
                gather(described["properties"], f"{path}.")
            else:
                found[path] = _field(path, described)

    gather(mapping.get("properties", {}), "")
    return found


def known_field(fields: Fields, name: str) -> Field:
    """Return a field by name. Raises MetadataError for one that is not there."""
    if name in fields:
        return fields[name]
    names = ", ".join(map(repr, sorted(fields)[:20])) or "none"
    raise MetadataError(f"no metadata field {name!r} in the index; the fields are {names}")


def filtered_field(fields: Fields, name: str) -> Field:
    """Return a field that can be filtered and counted. Raises MetadataError for another."""
    field = known_field(fields, name)
    if field.kind == "none":
        raise MetadataError(
            f"metadata field {name!r} cannot be filtered or counted in the index; "
            + (
                "search it by words, or map it as keyword too"
                if field.words
                else "map it as keyword or a number"
            )
        )
    return field


def has_knn(engine: Engine) -> bool:
    """Whether an OpenSearch has the k-NN plug-in on every node."""
    nodes = engine.call("GET", "/_nodes/plugins", params={"filter_path": "nodes.*.plugins.classname"})
    plugins = [
        {plugin["classname"].rpartition(".")[2] for plugin in node.get("plugins", [])}
        for node in (nodes or {}).get("nodes", {}).values()
    ]
    return bool(plugins) and all("KNNPlugin" in names for names in plugins)


def keeps_flat(engine: Engine, index: str | None, vector: VectorType) -> bool:
    """Whether an engine keeps a new field of vectors in files of their own, without a graph upon them.

    Args:
        index: that gains the field; None: one that is being made.
    """
    if vector == "binary" or engine.version < FLAT_SINCE[engine.name]:
        return False
    if engine.name == "elasticsearch" or index is None:
        return True
    settings = engine.call("GET", path_of(index, "_settings"), params={"flat_settings": "true"})[index][
        "settings"
    ]
    return all(settings.get(f"index.{name}") == str(value).lower() for name, value in WITHOUT_GRAPHS.items())


def loses_shards(engine: Engine) -> bool:
    """Whether an index fails when its mapping changes while it has vectors that are not indexed.

    So do 2.19.0 to 2.19.2 of OpenSearch (k-NN issue 2540, mended by 2710).
    """
    return engine.name == "opensearch" and (2, 19, 0) <= engine.version < (2, 19, 3)


def has_plain_vectors(properties: Mapping[str, Any]) -> bool:
    """Whether a mapping has vectors of the k-NN plug-in that are not indexed."""
    return any(
        (described.get("type") == "knn_vector" and not {"method", "model_id"} & described.keys())
        or has_plain_vectors(described.get("properties", {}))
        for described in properties.values()
    )


def vector_type(engine: Engine, dimension: int, *, owned: bool) -> VectorType:
    """Return how an engine keeps vectors of that dimension. Raises OptionError where it cannot.

    Args:
        owned: whether the index is Lookalike's, and its mapping never changes.
    """
    deepest = DEEPEST if engine.name == "opensearch" else ELASTICSEARCH_DEEPEST
    if dimension > deepest:
        raise OptionError(f"{engine.name} takes vectors of up to {deepest} dimensions, not {dimension}")
    if engine.name == "elasticsearch":
        return "dense_vector"
    if loses_shards(engine) and not owned:
        return "binary"
    return "knn_vector" if has_knn(engine) else "binary"


def check_index_name(index: object) -> str:
    """Return the name of an index. Raises OptionError for a pattern, or what engines refuse."""
    if not isinstance(index, str) or not INDEX.fullmatch(index):
        raise OptionError(
            f"{shown(index)} cannot be the name of an index; write lower-case letters, digits, '-', '_' and '.'"
        )
    return index


def check_feature_name(feature: object) -> str:
    """Return the name of a feature. Raises OptionError for another."""
    if not isinstance(feature, str) or not FEATURE.fullmatch(feature):
        raise OptionError(
            f"{shown(feature)} cannot be the name of a feature in a search engine; "
            "write lower-case letters, digits, '-' and '_'"
        )
    return feature


def _field(path: str, described: Mapping[str, Any]) -> Field:
    kind = described.get("type")
    if kind == "text":
        for twin, of_twin in described.get("fields", {}).items():
            if of_twin.get("type") == "keyword" and "normalizer" not in of_twin:
                return Field(path, "text", f"{path}.{twin}", longest=of_twin.get("ignore_above"), words=True)
        return Field(path, "none", path, words=True)
    if kind == "keyword":
        return Field(path, "text", path, longest=described.get("ignore_above"))
    if kind in WHOLE:
        return Field(path, "whole", path, bits=WHOLE[kind])
    if kind in NUMBERS:
        return Field(path, "number", path)
    kinds: dict[Any, Kind] = {"date": "date", "boolean": "truth"}
    return Field(path, kinds.get(kind, "none"), path)
