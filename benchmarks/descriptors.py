"""SIFT descriptors of photographs, as many as there are: the kind of the well-known SIFT1M set.

D. Lowe, "Distinctive image features from scale-invariant keypoints", IJCV 2004, as OpenCV computes them; the contrast
threshold is lower than the paper's, which finds about half as many again.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import cache
from benchmarks.missing import DatasetMissingError
from lookalike.images.decode import SUFFIXES

CONTRAST = 0.01
QUERY_EVERY = 50
"""One photograph in so many gives queries and no rows, so that no query has its own photograph among the rows."""


def photographs(folders: Sequence[Path]) -> list[Path]:
    """Return the picture files of some folders, sorted by name within each."""
    return [
        path
        for folder in folders
        if folder.is_dir()
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in SUFFIXES
    ]


def descriptors_of(paths: Sequence[Path]) -> npt.NDArray[np.uint8]:
    """Return the SIFT descriptors (n, 128) uint8 of pictures, in the order of the pictures."""
    try:
        cv2: Any = importlib.import_module("cv2")  # whose own types lack SIFT
    except ImportError:
        raise DatasetMissingError(
            "SIFT descriptors need OpenCV: pip install opencv-python-headless"
        ) from None
    cv2.setNumThreads(1)
    sift = cv2.SIFT_create(contrastThreshold=CONTRAST)
    found = [np.zeros((0, 128), dtype=np.uint8)]
    for path in paths:
        picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if picture is not None:
            rows = sift.detectAndCompute(picture, None)[1]
            if rows is not None:
                found.append(np.clip(np.rint(rows), 0, 255).astype(np.uint8))
    return np.concatenate(found)


def sift(folders: Sequence[Path], rows: int, queries: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return base (rows, 128) and queries (queries, 128) uint8, drawn at random; kept once made.

    Raises:
        DatasetMissingError: the folders' photographs give fewer.
    """
    paths = photographs(folders)
    place = (
        cache.FOLDER
        / f"sift-{cache.digest([str(CONTRAST), *(f'{p.name} {p.stat().st_size}' for p in paths)])}"
    )
    kept = cache.load(place, ("base", "queries"))
    if kept is None:
        kept = {
            "base": descriptors_of([path for number, path in enumerate(paths) if number % QUERY_EVERY]),
            "queries": descriptors_of(paths[::QUERY_EVERY]),
        }
        cache.store_all(place, kept)
    if len(kept["base"]) < rows or len(kept["queries"]) < queries:
        raise DatasetMissingError(
            f"{len(paths)} photographs give {len(kept['base'])} descriptors, and {rows} are wanted"
        )
    random = np.random.default_rng(0)
    chosen = np.sort(random.permutation(len(kept["base"]))[:rows])
    asked = random.permutation(len(kept["queries"]))[:queries]
    return np.asarray(kept["base"][chosen]), np.asarray(kept["queries"][np.sort(asked)])
