"""Adding a feature to an index that is there, and taking it, or an index of Lookalike's, away."""

from __future__ import annotations

from lookalike.engine.client import Engine
from lookalike.engine.defaults import Forecast
from lookalike.engine.documents import check_keeps_documents
from lookalike.engine.families import save_arrays
from lookalike.engine.header import FeatureHeader, Found, Header, find_index
from lookalike.engine.header_lock import Changed, change_header
from lookalike.engine.layout import all_ids, delete_index, forget_families, refresh_index
from lookalike.engine.target import Target, feature_header
from lookalike.engine.tokens import TokenScheme
from lookalike.engine.writing import strip_documents
from lookalike.errors import EngineError


def attach_feature(
    engine: Engine, name: str, feature: str, scheme: TokenScheme, dtype: str, forecast: Forecast
) -> None:
    """Add the fields and the header of a feature to an index. Errors: `EngineIndex.attach`."""

    header: FeatureHeader | None = None

    def added(found: Found) -> Changed:
        nonlocal header
        before = _known(found)
        if feature in before.features:
            raise EngineError(
                f"{engine.shown}, index {name!r}: it has a feature {feature!r}; open it, or name another"
            )
        check_keeps_documents(engine, found, name)
        if header is None:
            header = feature_header(
                engine, scheme, dtype=dtype, owned=before.owned, graph=False, forecast=forecast
            )
        return before.with_feature(feature, header), {feature: header}

    added(find_index(engine, name))  # what takes long is done before others are kept away
    change_header(engine, name, added)
    save_arrays(engine, scheme.arrays())


def drop_index(target: Target) -> None:
    """Delete an index of Lookalike's; take a feature out of one of the user's own."""
    engine = target.engine
    family = target.header.family
    if target.whole.owned:
        delete_index(engine, target.index)
        forget_families(engine, {feature.family for feature in target.whole.features.values()})
        return
    for ids in all_ids(engine, target.index):
        strip_documents(target, ids)
    refresh_index(engine, target.index)
    change_header(engine, target.name, lambda found: (_known(found).without_feature(target.feature), {}))
    forget_families(engine, {family})


def _known(found: Found) -> Header:
    return found.header or Header(False, {})
