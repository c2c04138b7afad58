"""Retrieval measured on the user's own labels: features, weights of features, and buckets."""

from lookalike.evaluation.evaluate import Fusion, Options, Progress, evaluated
from lookalike.evaluation.judged import Judged, judgements
from lookalike.evaluation.labels import labels_by
from lookalike.evaluation.report import Evaluation

__all__ = [
    "Evaluation",
    "Fusion",
    "Judged",
    "Options",
    "Progress",
    "evaluated",
    "judgements",
    "labels_by",
]
