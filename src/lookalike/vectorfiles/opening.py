"""One door to all kinds of vector files, and references to one row of them."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection
from pathlib import Path
from typing import get_args

from lookalike.arrays import Metric
from lookalike.errors import OptionError, VectorFileError
from lookalike.vectorfiles.base import Orientation, VectorFile, open_plainly
from lookalike.vectorfiles.layout import Wanted

HDF5_SUFFIXES = (".h5", ".hdf5", ".hdf", ".he5")
VECS_SUFFIXES = (".fvecs", ".bvecs", ".ivecs")
BIN_SUFFIXES = (".fbin", ".u8bin", ".i8bin")
SET_SUFFIXES = (".txt", ".jsonl", ".npz")
"""Those of sets under the metric "jaccard"; `.npz` is one of vectors under others."""
SUFFIXES = (
    *HDF5_SUFFIXES,
    ".mat",
    ".npy",
    *VECS_SUFFIXES,
    *BIN_SUFFIXES,
    ".parquet",
    ".safetensors",
    *SET_SUFFIXES,
)

_HDF5 = b"\x89HDF\r\n\x1a\n"
_REFERENCE = re.compile(r"(?P<path>.+)#(?P<row>[0-9]{1,18})", re.DOTALL)


def open_vectors(
    path: str | os.PathLike[str],
    *,
    metric: Metric = "euclidean",
    dataset: str | None = None,
    names: str | None = None,
    orientation: Orientation | None = None,
    dimensions: Collection[int] | None = None,
) -> VectorFile:
    """Open a file of vectors for streamed reading. Its suffix says what it is.

    Args:
        path: an HDF5 (`.h5`, `.hdf5`, `.hdf`, `.he5`), MATLAB (`.mat`), NumPy (`.npy`, `.npz`), `.fvecs`, `.bvecs`,
            `.ivecs`, `.fbin`, `.u8bin`, `.i8bin`, `.safetensors` or `.parquet` file; for sets a `.txt`, `.jsonl` or
            `.npz` file (see `lookalike.vectorfiles.set_files`). Axes of length one mean nothing.
        metric: how the vectors are compared: under "hamming" they are binary codes, under "jaccard" sets.
        dataset: the HDF5 dataset, MATLAB variable, array or column that holds the vectors; by default `feats`, or the
            only one, but of HDF5. Where each picture has a group of its own, what the dataset in it is called.
        names: what in the file holds one name a vector, or a text file of names, one a line; by default `filenames`, in
            Parquet also `image_path`, `path` or `key`, if it is there.
        orientation: how vectors lie in an array: "rows" for (n, d), "columns" for (d, n). By default
            the axis that is as long as the names; "rows" if there are no names. A square array with
            names is refused unless the orientation is given. Rows of a MATLAB file are those that MATLAB shows.
        dimensions: of what a row of the file is searched among, to tell the orientation by; names need not be there
            then.

    Raises:
        OptionError: an unknown orientation, or an option for another kind of file; a file of sets for another
            metric than "jaccard", or another file for that.
        VectorFileError: the file is missing, of another kind, damaged, declares more than it holds, links
            outside itself, or lacks the dataset.
        MissingDependencyError: `.parquet` needs the extra `parquet`.
    """
    path = Path(path)
    if orientation is not None and orientation not in get_args(Orientation):
        raise OptionError(f"orientation {orientation!r} is not known; choose one of rows, columns")
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise VectorFileError(f"{path} is not a vector file by its suffix; known are {', '.join(SUFFIXES)}")
    _require_regular_file(path)
    if metric == "jaccard" and suffix not in SET_SUFFIXES:
        raise OptionError(
            f"{path} holds no sets, which jaccard compares; give a file of {', '.join(SET_SUFFIXES)}"
        )
    if metric != "jaccard" and suffix in SET_SUFFIXES and suffix != ".npz":
        raise OptionError(f"{path} holds sets, which are compared by jaccard (--metric jaccard)")
    wanted = Wanted(dataset, names, orientation, None if dimensions is None else frozenset(dimensions))
    opened = _opened(path, suffix, wanted, of_sets=metric == "jaccard")
    opened.metric = metric
    return opened


def _opened(path: Path, suffix: str, wanted: Wanted, *, of_sets: bool) -> VectorFile:
    # The formats load when first used: h5py alone takes a tenth of a second.
    if of_sets:
        from lookalike.vectorfiles.set_files import SetFile

        _refuse(path, wanted, "dataset", "names", "orientation")
        return SetFile(path)
    if suffix in HDF5_SUFFIXES or (suffix == ".mat" and is_hdf5(path)):
        from lookalike.vectorfiles.hdf5 import open_hdf5

        return open_hdf5(path, wanted)
    if suffix == ".mat":
        from lookalike.vectorfiles.matlab import MatlabFile

        return MatlabFile(path, wanted)
    if suffix == ".npz":
        from lookalike.vectorfiles.npz import NpzFile

        return NpzFile(path, wanted)
    if suffix == ".safetensors":
        from lookalike.vectorfiles.safetensors import SafetensorsFile

        return SafetensorsFile(path, wanted)
    if suffix == ".parquet":
        from lookalike.vectorfiles.parquet import ParquetFile

        _refuse(path, wanted, "orientation")
        return ParquetFile(path, wanted)
    _refuse(path, wanted, "dataset")
    if suffix == ".npy":
        from lookalike.vectorfiles.npy import NpyFile

        return NpyFile(path, wanted)
    _refuse(path, wanted, "orientation")
    if suffix in BIN_SUFFIXES:
        from lookalike.vectorfiles.bin import BinFile

        return BinFile(path, wanted)
    from lookalike.vectorfiles.vecs import VecsFile

    return VecsFile(path, wanted)


def is_hdf5(path: Path) -> bool:
    """Return whether a file begins with the signature of HDF5, or has it behind 512 bytes, as MATLAB writes it."""
    handle, _ = open_plainly(path)
    with handle:
        began = handle.read(520)
    return _HDF5 in (began[:8], began[512:520])


def _refuse(path: Path, wanted: Wanted, *options: str) -> None:
    """Raise OptionError for options that mean nothing for a file; those of an import are passed over by a query."""
    for option in options:
        value = getattr(wanted, option)
        if value is not None and not wanted.is_query:
            raise OptionError(f"{path} is of a kind for which {option} {value!r} means nothing; leave it out")


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
