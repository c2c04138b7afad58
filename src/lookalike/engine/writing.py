"""Writing documents with their vectors and tokens, and taking them out again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from lookalike.arrays import Float32
from lookalike.engine.bulk import Action, Written, write
from lookalike.engine.documents import existing, read_documents, stripped_actions, write_actions
from lookalike.engine.header import find_index
from lookalike.engine.layout import writing_alias
from lookalike.engine.target import Target
from lookalike.engine.tokens import TokenScheme
from lookalike.engine.vector_form import VectorForm
from lookalike.errors import EngineError, UnknownIdError

WRITTEN_TOGETHER = 500
"""Documents whose tokens are made, and which are read and written, at a time."""
STREAMS = 2
"""Requests in which documents are written at once."""
COUNTED_TOGETHER = 5_000
"""Documents that are looked for by one request."""
MOST_CONFLICTS = 50
"""Times that a document is read again, since somebody else changed it meanwhile."""
PAUSE = 0.02
"""Seconds before that, at most; they are drawn, so that two who write the same do not keep meeting."""


def added_objects(scheme: TokenScheme, vectors: Float32, form: VectorForm) -> list[dict[str, Any]]:
    """Return what Lookalike adds to the document of each of `vectors` (n, d)."""
    tokens, factors = scheme.documents(vectors)
    added = [
        {"tokens": mine, "vector": vector} for mine, vector in zip(tokens, form.written(vectors), strict=True)
    ]
    if scheme.spread is None:
        return added
    return [{**one, "factor": factor} for one, factor in zip(added, factors.tolist(), strict=True)]


def in_streams(write_part: Callable[[slice], None], count: int) -> None:
    """Have so many documents written in parts, `STREAMS` at once: an engine writes each request by one thread.

    What one of them raises is raised when those that were begun have ended; no others are begun then.
    """
    with ThreadPoolExecutor(STREAMS) as pool:
        parts = (slice(start, start + WRITTEN_TOGETHER) for start in range(0, count, WRITTEN_TOGETHER))
        begun = [pool.submit(write_part, part) for part in parts]
        try:
            for one in begun:
                one.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def add_documents(
    target: Target, ids: Sequence[str], vectors: Float32, documents: Sequence[Mapping[str, Any]] | None
) -> None:
    """Write documents whole, those parts of them that were not given as they are. Errors: `EngineIndex.add`."""
    added = dict(zip(ids, added_objects(target.scheme, vectors, target.header.form), strict=True))
    given = None if documents is None else dict(zip(ids, documents, strict=True))
    merged = given is None or _has_other_features(target)
    left = list(ids)
    for _ in _attempts():
        there = read_documents(target.engine, target.index, left) if merged else None
        if there is not None and given is None and not target.whole.owned:
            _check_there(target, left, there)
        actions = write_actions(
            left,
            [added[one] for one in left],
            target.feature,
            None if given is None else [given[one] for one in left],
            there,
        )
        left = list(_write(target, actions).changed)
        if not left:
            return
    raise _contended(target, left)


def delete_documents(target: Target, ids: Sequence[str]) -> int:
    """Delete documents, and return how many were there.

    They are counted first: a request that is repeated, since its answer was lost, finds them gone.
    """
    count = 0
    for start in range(0, len(ids), COUNTED_TOGETHER):
        some = ids[start : start + COUNTED_TOGETHER]
        count += len(existing(target.engine, target.index, some))
        _write(target, (Action(one, None) for one in some))
    return count


def strip_documents(target: Target, ids: Sequence[str]) -> int:
    """Take the feature out of documents, and return how many had it."""
    left, having = list(ids), set[str]()
    for _ in _attempts():
        there = read_documents(target.engine, target.index, left)
        actions = list(stripped_actions(target.feature, there))
        having |= {action.id for action in actions}
        left = list(
            _write(target, actions).changed
        )  # those that a try changed whose answer was lost among them
        if not left:
            return len(having)
    raise _contended(target, left)


def _has_other_features(target: Target) -> bool:
    """Whether documents have what another feature added, which somebody else may have done since this was opened."""
    if len(target.whole.features) > 1:
        return True
    found = find_index(target.engine, target.name)
    return found.index == target.index and found.header is not None and len(found.header.features) > 1


def _attempts() -> Iterator[int]:
    for attempt in range(MOST_CONFLICTS):
        if attempt:
            time.sleep(random.uniform(0, PAUSE))
        yield attempt


def _write(target: Target, actions: Iterable[Action]) -> Written:
    if target.whole.owned:
        return write(target.engine, writing_alias(target.index), actions, require_alias=True)
    return write(target.engine, target.index, actions)


def _check_there(target: Target, ids: Sequence[str], there: Mapping[str, Any]) -> None:
    missing = [one for one in ids if one not in there]
    if missing:
        raise UnknownIdError(
            f"{target.shown}: {len(missing)} documents ({missing[0]!r} ...) are not there; add them, or give documents"
        )


def _contended(target: Target, ids: Sequence[str]) -> EngineError:
    return EngineError(
        f"{target.shown}: {len(ids)} documents ({ids[0]!r} ...) were changed by somebody else again and again; "
        "try again"
    )
