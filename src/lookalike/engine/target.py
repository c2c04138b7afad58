"""One feature of an index, as a process knows it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lookalike.arguments import shown
from lookalike.arrays import Float32, Given, Metric, as_array, as_metric, as_rows, as_vectors
from lookalike.engine.client import Engine
from lookalike.engine.defaults import Forecast, fitted_scheme
from lookalike.engine.families import save_arrays
from lookalike.engine.header import FeatureHeader, Found, Header, find_index, scheme_of
from lookalike.engine.mapping import (
    LONGEST,
    OBJECT,
    Fields,
    fields_of,
    tokens_field,
    vector_field,
    vector_type,
)
from lookalike.engine.multi_search import send_searches
from lookalike.engine.rescore import script_query
from lookalike.engine.tokens import TokenScheme
from lookalike.engine.vector_form import OFFSETS, engine_dtype, mapped_as
from lookalike.errors import EngineError, EngineUnavailableError, OptionError
from lookalike.index.row_forms import prepared


@dataclass(frozen=True, slots=True)
class Target:
    """One feature of an index, as it is searched and written."""

    engine: Engine
    name: str
    """The public name of the index."""
    index: str
    """Its own, where the public one is an alias."""
    feature: str
    whole: Header
    scheme: TokenScheme
    fields: Fields
    scripts: bool
    """Whether the engine computes distances."""

    @property
    def header(self) -> FeatureHeader:
        """What the index says of the feature."""
        return self.whole.features[self.feature]

    @property
    def shown(self) -> str:
        """Engine and index, as messages name them."""
        return f"{self.engine.shown}, index {self.name!r}"

    def rows(self, vectors: Given) -> Float32:
        """Return vectors (n, dimension) that the index can keep, as they are compared. Raises VectorError."""
        metric, dtype = self.header.metric, np.dtype(self.header.dtype)
        rows = as_rows(vectors, dtype, dimension=self.header.dimension, metric=metric)
        return np.ascontiguousarray(prepared(rows, metric), dtype=np.float32)

    def queries(self, vectors: Given, name: str) -> Float32:
        """Return queries (q, dimension) as they are compared. Raises VectorError."""
        metric = self.header.metric
        checked = as_vectors(vectors, dimension=self.header.dimension, metric=metric, name=name)
        return np.ascontiguousarray(prepared(checked, metric))


def read_target(engine: Engine, name: str, feature: str) -> Target:
    """Return a feature of an index that is there.

    Raises:
        EngineError: there is no such index or feature, or it was made by a newer version, or is damaged.
        EngineUnavailableError: the engine cannot be reached.
    """
    found = find_index(engine, name)
    if found.header is None or feature not in found.header.features:
        has = "none" if found.header is None else ", ".join(sorted(found.header.features)) or "none"
        raise EngineError(
            f"{engine.shown}, index {name!r}: it has no feature {feature!r} of Lookalike (it has {has}); "
            "attach one, or name another"
        )
    header = found.header.features[feature]
    _check_mapped(engine, name, found, feature, header)
    scheme = scheme_of(engine, name, header)
    scripts = _runs_scripts(engine, found.index, feature, header)
    return Target(engine, name, found.index, feature, found.header, scheme, fields_of(found.mapping), scripts)


def feature_header(
    engine: Engine, scheme: TokenScheme, *, dtype: str, owned: bool, graph: bool, forecast: Forecast
) -> FeatureHeader:
    """Return the header of a new feature, whose arrays are kept by then. Raises EngineError, OptionError.

    Once an index has that header they are to be saved again, as `lookalike.engine.families.chunks_of` tells.
    """
    vector = vector_type(engine, scheme.dimension, owned=owned)
    if graph and vector == "binary":
        raise OptionError(
            f"{engine.shown}: its k-NN plug-in is not there, so it makes no graph; leave graph out"
        )
    return FeatureHeader(
        scheme.dimension,
        scheme.metric,
        scheme.to_json(),
        save_arrays(engine, scheme.arrays()),
        scheme.family.table_uuids(),
        vector,
        dtype,
        graph,
        forecast,
    )


def given_dtype(sample: Given | None, dtype: str | None, metric: Metric) -> str:
    """Return the type in which vectors are kept: `dtype`, or by default that of a sample.

    Raises:
        OptionError: an engine keeps no such vectors.
        VectorError: the sample cannot be read.
    """
    known = as_metric(metric)
    if dtype is None:
        return "float32" if sample is None else engine_dtype(as_array(sample, "sample").dtype, known)
    if not isinstance(dtype, str) or dtype not in OFFSETS:
        raise OptionError(f"dtype is {shown(dtype)}; an engine keeps one of {', '.join(OFFSETS)}")
    if dtype != engine_dtype(dtype, known):
        raise OptionError(f"an engine keeps {dtype} under euclidean, not under {metric}; choose float32")
    return dtype


def given_scheme(
    sample: Given | None,
    scheme: TokenScheme | None,
    metric: Metric,
    rows: int | None,
    recall: float,
) -> tuple[TokenScheme, Forecast]:
    """Return the scheme that was given, or one learned from a sample, and what was predicted for that.

    Raises:
        OptionError: neither or both were given, or they are no such thing.
    """
    if (sample is None) == (scheme is None):
        raise OptionError("an index learns its tokens from vectors; give sample or scheme, one of them")
    if scheme is not None:
        return scheme, None
    known = as_metric(metric)
    if known not in ("euclidean", "cosine"):
        raise OptionError(f"an index in an engine compares by euclidean or cosine, not {known}; choose one")
    assert sample is not None
    return fitted_scheme(as_vectors(sample, metric=known, name="sample"), known, rows, recall)


def _check_mapped(engine: Engine, name: str, found: Found, feature: str, header: FeatureHeader) -> None:
    """Raise EngineError where the fields of a feature are not mapped as they were: somebody changed or copied them."""
    inner = found.mapping.get("properties", {}).get(OBJECT, {}).get("properties", {})
    mapped = inner.get(feature, {}).get("properties", {})
    tokens, vector = mapped.get("tokens", {}), mapped.get("vector", {})
    told, kept = mapped_as(vector), mapped_as(header.form.described(header.dimension))
    if tokens.get("type") != "keyword" or told != kept:
        raise EngineError(
            f"{engine.shown}, index {name!r}: it maps {tokens_field(feature)} as {tokens.get('type')} and "
            f"{vector_field(feature)} as {told}, not as keyword and {kept}, so that documents "
            "are not found; attach the feature to an index without these fields"
        )
    if tokens.get("ignore_above", LONGEST) < LONGEST:
        raise EngineError(
            f"{engine.shown}, index {name!r}: its field {tokens_field(feature)} leaves tokens of more than "
            f"{tokens['ignore_above']} signs out, so that documents are not found; set ignore_above of its mapping to "
            f"{LONGEST}, and add the documents again"
        )


def _runs_scripts(engine: Engine, index: str, feature: str, header: FeatureHeader) -> bool:
    """Whether the engine takes the script that computes distances: an administrator may have switched scripts off."""
    if header.vector != "dense_vector":
        return header.vector == "knn_vector"
    query = header.form.asked(np.zeros(header.dimension, dtype=np.float32))
    body = {"size": 0, "query": script_query(engine.name, vector_field(feature), query, ())}
    try:
        send_searches(engine, index, [body])
    except EngineUnavailableError:
        raise
    except EngineError as error:
        if "script" in str(error):
            return False
        raise
    return True
