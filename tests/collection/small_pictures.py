"""Small pictures, made from a seed, and an extractor that is quick; for the tests of this folder."""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lookalike.arrays import Float32, Metric
from lookalike.collection import AddReport, Event, Listener
from lookalike.features import registry


def picture(seed: int, side: int = 40) -> bytes:
    """Return a PNG of 5 x 5 coloured patches, the same for the same seed."""
    patches = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(patches).resize((side, side), Image.Resampling.NEAREST).save(stream, "PNG")
    return stream.getvalue()


def draw(folder: Path, names: Sequence[str], first_seed: int = 0) -> list[Path]:
    """Write one picture a name, each of another seed; return their paths."""
    paths = []
    for seed, name in enumerate(names, first_seed):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(seed))
        paths.append(path)
    return paths


class Told(Listener):
    """Keeps the events that it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def event(self, event: Event) -> None:
        self.events.append(event)

    def outcomes(self) -> dict[str, str]:
        """Return the outcome of each file by its name; fail if a file was told of twice."""
        assert len({event.path for event in self.events}) == len(self.events)
        return {Path(event.path).name: event.outcome for event in self.events}


def counts(report: AddReport) -> dict[str, int]:
    """Return the counts of a report that are not zero."""
    document = report.to_json()
    document["skipped"] = len(report.skipped)
    return {name: count for name, count in document.items() if name != "seconds" and count}


class MeanColour:
    """An extractor: the mean of the three colours, and a constant so that no vector is zero."""

    version = "1"
    model_hash = ""
    dimension = 4
    metric: Metric = "euclidean"
    decoded_side = 16

    def extract(self, pictures: Sequence[Any]) -> Float32:
        means = [np.asarray(one, dtype=np.float32).mean(axis=(0, 1)) for one in pictures]
        return np.array([[*mean, 1] for mean in means], dtype=np.float32)


def register_mean_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the extractor `mean` known in this process, as an installed package would."""
    point = EntryPoint("mean", f"{__name__}:MeanColour", registry.ENTRY_POINTS)

    def entry_points(*, group: str, name: str | None = None) -> EntryPoints:
        return EntryPoints([point] if group == registry.ENTRY_POINTS and name in (None, "mean") else [])

    monkeypatch.setattr(registry, "entry_points", entry_points)
