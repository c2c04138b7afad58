"""Streamed reading of vectors of any kind from HDF5, `.npy`, `.fvecs`, `.bvecs` and `.ivecs` files."""

from lookalike.vectorfiles.base import VectorFile
from lookalike.vectorfiles.opening import Orientation, open_vectors, parse_reference

__all__ = ["Orientation", "VectorFile", "open_vectors", "parse_reference"]
