"""A museum of 600 things made by code, and an index of them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from lookalike.arrays import Float32, Metric
from lookalike.engine import EngineIndex, TokenScheme
from lookalike.engine.client import Engine
from lookalike.hashing import Clusterings
from lookalike.index.row_forms import as_hashed

COUNT, DIMENSION = 600, 12
IDS = [f"thing-{i:03}" for i in range(COUNT)]
FIELDS = {
    "title": "text",
    "material": "keyword",
    "year": "long",
    "weight": "double",
    "shown": "boolean",
    "acquired": "date",
}
MATERIALS = ("oak", "ash", "iron", "Glass")
NOUNS = ("dog", "house", "ship", "t-shirt")


@cache
def vectors() -> Float32:
    """Vectors (600, 12) in 30 groups; 20 of them twice."""
    random = np.random.default_rng(11)
    middles = random.normal(size=(30, DIMENSION))
    rows = (middles[random.integers(30, size=COUNT)] + 0.3 * random.normal(size=(COUNT, DIMENSION))).astype(
        np.float32
    )
    rows[100:120] = rows[:20]
    return rows


def documents() -> list[dict[str, Any]]:
    """What is told of each thing; some fields are missing, null or lists here and there."""
    random = np.random.default_rng(12)
    told: list[dict[str, Any]] = []
    for i in range(COUNT):
        thing: dict[str, Any] = {
            "title": f"A {NOUNS[i % 4]} by the {NOUNS[i // 4 % 4]}, number {i}",
            "material": MATERIALS[int(random.integers(4))],
            "year": 1800 + int(random.integers(200)),
            "weight": float(random.integers(1, 1000)) / 8,
            "shown": bool(random.integers(2)),
            "acquired": f"{1900 + i % 100}-{1 + i % 12:02}-{1 + i % 28:02}",
            "note": {"not": ["indexed", i]},
        }
        if i % 7 == 0:
            thing["material"] = ["oak", "iron"]
        if i % 11 == 0:
            del thing["year"]
        if i % 13 == 0:
            thing["shown"] = None
        told.append(thing)
    return told


@cache
def scheme(metric: Metric = "euclidean") -> TokenScheme:
    """A scheme whose candidates are nearly all documents, so that hits have to equal those of exact search."""
    family = Clusterings(tables=3, clusters=6).fit(as_hashed(vectors(), metric))
    return TokenScheme(family, metric, probes=6, candidates=COUNT)


def make_museum(engine: Engine, name: str, metric: Metric = "euclidean", **options: Any) -> EngineIndex:
    """Make the index and fill it."""
    index = EngineIndex.create(engine, name, scheme=scheme(metric), fields=FIELDS, **options)
    index.add(IDS, vectors(), documents())
    return index


def nearest(query: Float32, metric: Metric = "euclidean") -> list[tuple[str, float]]:
    """Ids and distances of all things, as exact search in float64 has them; equal ones by id."""
    wide, rows = query.astype(np.float64), vectors().astype(np.float64)
    if metric == "cosine":
        wide, rows = wide / np.linalg.norm(wide), rows / np.linalg.norm(rows, axis=1, keepdims=True)
    squares = ((rows - wide) ** 2).sum(axis=1)
    distances = squares / 2 if metric == "cosine" else np.sqrt(squares)
    order = sorted(range(COUNT), key=lambda i: (round(float(distances[i]), 6), IDS[i]))
    return [(IDS[i], float(distances[i])) for i in order]
