"""Saved indexes of other libraries (Annoy, FAISS, hnswlib, USearch, voyager), read as files of vectors.

The library itself reads them, in a process of its own (`child.py`): on a damaged file it may crash, hang or allocate
without end, and takes no more than that process with it.
"""

from lookalike.vectorfiles.saved.detection import LIBRARIES, library_of
from lookalike.vectorfiles.saved.saved_index import SavedIndex

__all__ = ["LIBRARIES", "SavedIndex", "library_of"]
