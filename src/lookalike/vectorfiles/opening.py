"""One door to all kinds of vector files, and references to one row of them."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import get_args

from lookalike.arrays import Metric
from lookalike.errors import OptionError, VectorFileError
from lookalike.vectorfiles.base import Orientation, VectorFile

HDF5_SUFFIXES = (".h5", ".hdf5", ".hdf", ".he5")
VECS_SUFFIXES = (".fvecs", ".bvecs", ".ivecs")
SET_SUFFIXES = (".txt", ".jsonl", ".npz")
SUFFIXES = (*HDF5_SUFFIXES, ".npy", *VECS_SUFFIXES, *SET_SUFFIXES)

_REFERENCE = re.compile(r"(?P<path>.+)#(?P<row>[0-9]{1,18})", re.DOTALL)


def open_vectors(
    path: str | os.PathLike[str],
    *,
    metric: Metric = "euclidean",
    dataset: str | None = None,
    names: str | None = None,
    orientation: Orientation | None = None,
) -> VectorFile:
    """Open a file of vectors for streamed reading. Its suffix says what it is.

    Args:
        path: an HDF5 (`.h5`, `.hdf5`, `.hdf`, `.he5`), `.npy`, `.fvecs`, `.bvecs` or `.ivecs` file; for sets a `.txt`,
            `.jsonl` or `.npz` file (see `lookalike.vectorfiles.set_files`).
        metric: how the vectors are compared: under "hamming" they are binary codes, under "jaccard" sets.
        dataset: the HDF5 dataset that holds the vectors; `feats` by default.
        names: the HDF5 dataset that holds one name a vector; `filenames` by default, if it is there.
        orientation: how vectors lie in an HDF5 dataset: "rows" for (n, d), "columns" for (d, n). By default
            the axis that is as long as the names; "rows" if there are no names. A square dataset with
            names is refused unless the orientation is given.

    Raises:
        OptionError: an unknown orientation, or an HDF5 option for another kind of file; a file of sets for another
            metric than "jaccard", or another file for that.
        VectorFileError: the file is missing, of another kind, damaged, declares more than it holds, links
            outside itself, or lacks the dataset.
    """
    path = Path(path)
    if orientation is not None and orientation not in get_args(Orientation):
        raise OptionError(f"orientation {orientation!r} is not known; choose one of rows, columns")
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise VectorFileError(f"{path} is not a vector file by its suffix; known are {', '.join(SUFFIXES)}")
    _require_regular_file(path)
    if (suffix in SET_SUFFIXES) != (metric == "jaccard"):
        raise OptionError(
            f"{path} holds sets, which are compared by jaccard (--metric jaccard)"
            if suffix in SET_SUFFIXES
            else f"{path} holds no sets, which jaccard compares; give a file of {', '.join(SET_SUFFIXES)}"
        )
    opened = _opened(path, suffix, dataset, names, orientation)
    opened.metric = metric
    return opened


def _opened(
    path: Path, suffix: str, dataset: str | None, names: str | None, orientation: Orientation | None
) -> VectorFile:
    # The formats load when first used: h5py alone takes a tenth of a second.
    if suffix in HDF5_SUFFIXES:
        from lookalike.vectorfiles.hdf5 import Hdf5File

        return Hdf5File(path, dataset=dataset, names=names, orientation=orientation)
    for option, value in (("dataset", dataset), ("names", names), ("orientation", orientation)):
        if value is not None:
            raise OptionError(f"{path} is not HDF5, so {option} {value!r} means nothing; leave it out")
    if suffix == ".npy":
        from lookalike.vectorfiles.npy import NpyFile

        return NpyFile(path)
    if suffix in SET_SUFFIXES:
        from lookalike.vectorfiles.set_files import SetFile

        return SetFile(path)
    from lookalike.vectorfiles.vecs import VecsFile

    return VecsFile(path)


def is_vector_file(path: Path) -> bool:
    """Return whether `path` is a vector file by its suffix."""
    return path.suffix.lower() in SUFFIXES


def parse_reference(text: str) -> tuple[Path, int] | None:
    """Return (path, row) if `text` is `FILE#ROW` and FILE has the suffix of a vector file, else None."""
    match = _REFERENCE.fullmatch(text)
    if match is None or Path(match["path"]).suffix.lower() not in SUFFIXES:
        return None
    return Path(match["path"]), int(match["row"])


def _require_regular_file(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        reason = "is not there" if isinstance(error, FileNotFoundError) else f"cannot be read: {error}"
        raise VectorFileError(f"{path} {reason}") from error
    if not stat.S_ISREG(mode):  # a pipe would wait forever
        raise VectorFileError(f"{path} is not a file; give a file of vectors")
