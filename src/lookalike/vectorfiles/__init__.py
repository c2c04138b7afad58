"""Streamed reading of vectors of any kind from HDF5, `.npy`, `.fvecs`, `.bvecs` and `.ivecs` files, and of sets."""

from lookalike.vectorfiles.base import Orientation, VectorFile
from lookalike.vectorfiles.opening import (
    HDF5_SUFFIXES,
    SET_SUFFIXES,
    is_vector_file,
    open_vectors,
    parse_reference,
)

__all__ = [
    "HDF5_SUFFIXES",
    "SET_SUFFIXES",
    "Orientation",
    "VectorFile",
    "is_vector_file",
    "open_vectors",
    "parse_reference",
]
