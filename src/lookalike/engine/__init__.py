"""Search engines as the home of vectors: tokens in their inverted index, and exact distances after it."""

from lookalike.engine.client import Engine
from lookalike.engine.hits import EngineExplanation, EngineHit, EngineHits
from lookalike.engine.index import EngineIndex
from lookalike.engine.stats import EngineStats
from lookalike.engine.tokens import TokenScheme

__all__ = [
    "Engine",
    "EngineExplanation",
    "EngineHit",
    "EngineHits",
    "EngineIndex",
    "EngineStats",
    "TokenScheme",
]
