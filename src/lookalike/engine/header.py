"""What an index says of itself: an entry `lookalike` in its mapping's `_meta`, beside what others keep there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from lookalike.arrays import Metric, as_metric
from lookalike.engine.client import Engine, path_of
from lookalike.engine.families import ArraysError, load_arrays
from lookalike.engine.mapping import OBJECT
from lookalike.engine.tokens import TokenScheme
from lookalike.engine.vector_form import OFFSETS, VectorForm, VectorType
from lookalike.errors import EngineError, OptionError

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Following:
    """Which state of a catalogue the documents of an index are of, where they follow one."""

    stamp: int
    """Of the last state that all documents were brought to."""
    writing: int | None
    """Of the state that documents are being brought to; None where nobody does that. A writer that was killed leaves
    it: each document is of one of the two states then."""
    rows: int
    """Vectors that tokens were fitted to."""


@dataclass(frozen=True, slots=True)
class FeatureHeader:
    """One feature of an index."""

    dimension: int
    metric: Metric
    scheme: Mapping[str, Any]
    """`TokenScheme.to_json`."""
    family: str
    """UUID of the scheme's arrays in `lookalike.engine.families`."""
    tables: tuple[str, ...]
    """UUID of each table of the family."""
    vector: VectorType
    """The type of the field in which the engine keeps vectors."""
    dtype: str
    """Of the vectors, as `VectorForm` has it."""
    graph: bool
    """Whether the engine indexes vectors by its own HNSW, too."""
    forecast: Mapping[str, Any] | None
    """What was predicted, `now` and `grown`, as `lookalike.engine.tuning` has it; None where the scheme was given."""
    follows: Following | None = None
    """Of a collection's index; None for others."""

    @property
    def form(self) -> VectorForm:
        """How the engine keeps vectors."""
        return VectorForm(self.vector, self.dtype)

    @property
    def factors(self) -> bool:
        """Whether documents have factors of their scores."""
        return self.scheme.get("spread") is not None


@dataclass(frozen=True, slots=True)
class Header:
    """All features of an index."""

    owned: bool
    """Whether Lookalike made the index; a user's own gains fields only."""
    features: Mapping[str, FeatureHeader]

    def with_feature(self, name: str, feature: FeatureHeader) -> Header:
        """Return this with one feature more."""
        return replace(self, features={**self.features, name: feature})

    def without_feature(self, name: str) -> Header:
        """Return this with one feature less."""
        return replace(self, features={key: value for key, value in self.features.items() if key != name})

    def to_json(self) -> dict[str, Any]:
        """Return what `_meta` keeps."""
        features = {
            name: {**asdict(feature), "scheme": dict(feature.scheme), "tables": list(feature.tables)}
            for name, feature in self.features.items()
        }
        return {"format": FORMAT, "owned": self.owned, "features": features}


@dataclass(frozen=True, slots=True)
class Found:
    """An index as the engine has it."""

    index: str
    """Its own name, where it was asked for by an alias."""
    mapping: Mapping[str, Any]
    header: Header | None
    """None where Lookalike has no feature in it."""

    @property
    def meta(self) -> dict[str, Any]:
        """All that `_meta` holds, others' entries too."""
        return dict(self.mapping.get("_meta") or {})


def find_index(engine: Engine, name: str) -> Found:
    """Return the index of that name or alias.

    Raises:
        EngineError: it is not there, is several, or was made by a newer version or damaged.
    """
    found = engine.call("GET", path_of(name, "_mapping"))
    if len(found) != 1:
        raise EngineError(
            f"{engine.shown}: {name!r} stands for {len(found)} indexes; give the name of one of them"
        )
    ((index, described),) = found.items()
    mapping = described["mappings"]
    told = (mapping.get("_meta") or {}).get(OBJECT)
    return Found(index, mapping, None if told is None else _header(engine, name, told))


def scheme_of(engine: Engine, name: str, feature: FeatureHeader) -> TokenScheme:
    """Return the token scheme of a feature of an index, with its arrays.

    Raises:
        EngineError: these are gone, damaged, or not the ones that made the index's tokens.
    """
    about = f"{engine.shown}, index {name!r}"
    again = "create the index again, or attach another feature"
    try:
        scheme = TokenScheme.from_parts(feature.scheme, load_arrays(engine, feature.family))
    except (ArraysError, OptionError) as error:
        raise EngineError(f"{about}: {error}; {again}") from error
    if scheme.family.table_uuids() != feature.tables or scheme.dimension != feature.dimension:
        raise EngineError(f"{about}: family {feature.family} is not the one that made its tokens; {again}")
    return scheme


def _header(engine: Engine, name: str, told: Any) -> Header:
    try:
        if told["format"] > FORMAT:
            raise EngineError(
                f"{engine.shown}, index {name!r}: it was made by a newer version of Lookalike "
                f"(format {told['format']}, this one knows {FORMAT}); update Lookalike"
            )
        features = {
            str(key): FeatureHeader(
                int(value["dimension"]),
                as_metric(value["metric"]),
                dict(value["scheme"]),
                str(value["family"]),
                tuple(value["tables"]),
                value["vector"],
                _dtype(value.get("dtype", "float32")),
                bool(value["graph"]),
                value["forecast"],
                _following(value.get("follows")),
            )
            for key, value in told["features"].items()
        }
        return Header(bool(told["owned"]), features)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EngineError(
            f"{engine.shown}, index {name!r}: its header is damaged ({type(error).__name__}: {error}); "
            "make the index again"
        ) from error


def _dtype(told: Any) -> str:
    if told not in OFFSETS:
        raise ValueError(f"vectors of type {told!r}")
    return str(told)


def _following(told: Any) -> Following | None:
    if told is None:
        return None
    writing = told["writing"]
    return Following(int(told["stamp"]), None if writing is None else int(writing), int(told["rows"]))
