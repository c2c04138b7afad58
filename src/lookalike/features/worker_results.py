"""What became of pictures, as a JSON header and raw bytes: how workers tell it, on this machine and on others.

In the header {"pictures": [...], "features": [[name, dimension, type], ...]}, a picture is
[width, height, format, [feature, ...]] or {"kind", "reason"} of its PictureError; the parts are, for each feature, the
rows of the pictures that have it, of type "<f4", or "|u1" where they are frames or codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lookalike import errors
from lookalike.arrays import Rows
from lookalike.errors import PictureError
from lookalike.features.batch import Extracted
from lookalike.features.time_limit import Results


def encoded(results: Results) -> tuple[dict[str, Any], list[bytes]]:
    """Return results as a header and its parts."""
    rows: dict[str, list[Rows]] = {}
    for result in results:
        if isinstance(result, Extracted):
            for feature, vector in result.vectors.items():
                rows.setdefault(feature, []).append(vector)
    features, parts = [], []
    for feature, vectors in rows.items():
        block = np.stack(vectors)
        block = block.astype(block.dtype.newbyteorder("<"), copy=False)
        features.append([feature, block.shape[1], block.dtype.str])
        parts.append(block.tobytes())
    return {"pictures": [_described(result) for result in results], "features": features}, parts


def decoded(names: Sequence[str], header: dict[str, Any], parts: Sequence[bytes]) -> Results:
    """Return the results of the pictures of those names, which `encoded` gave as a header and parts."""
    rows = {
        feature: iter(np.frombuffer(part, dtype=dtype).reshape(-1, dimension))
        for (feature, dimension, dtype), part in zip(header["features"], parts, strict=True)
    }
    results: Results = []
    for name, one in zip(names, header["pictures"], strict=True):
        if isinstance(one, dict):
            results.append(getattr(errors, one["kind"])(name, one["reason"]))
        else:
            width, height, picture_format, features = one
            vectors = {feature: next(rows[feature]) for feature in features}
            results.append(Extracted(width, height, picture_format, vectors))
    return results


def _described(result: Extracted | PictureError) -> Any:
    if isinstance(result, PictureError):
        return {"kind": type(result).__name__, "reason": result.reason}
    return [result.width, result.height, result.format, list(result.vectors)]
