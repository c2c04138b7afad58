"""Where the elements of an HDF5 dataset lie, checked before anything is read or allocated for them.

HDF5 trusts its files: a dataset may take its elements from any other file, elements that were never written
read as fill values, rows behind the end of the file read as zeros, and a chunk that decompresses to less than
it should is read past its end (HDF5 2.0 crashes). So all of it is checked here.
"""

from __future__ import annotations

import math
from collections import deque
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
from h5py import h5a, h5d, h5g, h5i, h5l, h5o, h5p, h5t

from lookalike.errors import VectorFileError
from lookalike.vectorfiles.base import open_plainly, read_exactly
from lookalike.vectorfiles.hdf5_filters import Pipeline
from lookalike.vectorfiles.hdf5_heap import REFERENCE, Heaps
from lookalike.vectorfiles.layout import line_axis

CHUNK_BYTES = 1 << 30
"""A chunk may take no more than this in memory, since it is decompressed whole."""
CACHE_BYTES = 256 << 20
SOFT_LINKS = 32
"""No more soft links than this are followed on the way to a dataset; they may form a ring."""
LISTED = 20
_MATLAB_CLASS = b"MATLAB_class"


class Storage:
    """A dataset that lies in the file itself.

    Attributes:
        label: how messages call it.
        shape: of the dataset.
    """

    def __init__(self, path: Path, file: h5py.File, name: str, identifier: h5d.DatasetID) -> None:
        self.name = name
        self.label = f"{path}: dataset {name!r}"
        self._file = file
        self._properties = identifier.get_create_plist()
        # First of all: to ask a virtual dataset for its shape may open other files already.
        if self._properties.get_layout() == h5d.VIRTUAL:
            raise VectorFileError(
                f"{self.label} is virtual and so links outside itself; copy it to a plain dataset"
            )
        if self._properties.get_external_count():
            raise VectorFileError(f"{self.label} links outside itself; its numbers lie in another file")
        self._dataset = h5py.Dataset(identifier, readonly=True)
        shape = self._dataset.shape
        if shape is None:
            raise VectorFileError(f"{self.label} is empty; it has no shape")
        self.shape: tuple[int, ...] = tuple(int(length) for length in shape)
        self._heaps: Heaps | None = None
        self._latest: tuple[int | None, bytes] = (None, b"")
        self._chunk: tuple[int, ...] | None = None
        self._pipeline: Pipeline | None = None
        if self._properties.get_layout() == h5d.CHUNKED:
            self._chunk = tuple(int(length) for length in self._properties.get_chunk())
            if len(self._chunk) != len(self.shape) or min(self._chunk) < 1:
                raise VectorFileError(
                    f"{self.label} has chunks {self._chunk}, which fit no shape {self.shape}"
                )
            self._pipeline = Pipeline(self.label, self._properties)

    def number_type(self) -> np.dtype[Any]:
        """Return the type of the elements, which must be real numbers."""
        kind = self._dataset.id.get_type()
        if not isinstance(kind, (h5t.TypeIntegerID, h5t.TypeFloatID, h5t.TypeEnumID)):
            raise VectorFileError(f"{self.label} does not hold real numbers ({_described(kind)})")
        dtype: np.dtype[Any] = self._dataset.dtype
        if dtype.kind not in "fiub":
            raise VectorFileError(f"{self.label} has type {dtype}; give real numbers")
        self._stored_bytes = int(kind.get_size())
        return dtype

    def matlab_class(self) -> str | None:
        """Return what class MATLAB says that the dataset is of, such as "single", or None where it is not MATLAB's."""
        identifier = self._dataset.id
        if not h5a.exists(identifier, _MATLAB_CLASS):
            return None
        attribute = h5a.open(identifier, _MATLAB_CLASS)
        kind = attribute.get_type()
        is_short = isinstance(kind, h5t.TypeStringID) and not kind.is_variable_str() and kind.get_size() <= 64
        if not is_short or attribute.shape not in ((), (1,)):
            raise VectorFileError(f"{self.label} has a damaged attribute MATLAB_class")
        value = np.empty(attribute.shape, attribute.dtype)
        attribute.read(value)
        return bytes(value.reshape(-1)[0]).decode(errors="replace")

    def is_matlab_empty(self) -> bool:
        """Return whether the dataset has the shape of an empty array of MATLAB's instead of elements."""
        return bool(h5a.exists(self._dataset.id, b"MATLAB_empty"))

    def is_of_references(self) -> bool:
        """Return whether the elements are references to objects, and be ready to read them then."""
        kind = self._dataset.id.get_type()
        if not isinstance(kind, h5t.TypeReferenceID) or kind.get_size() != 8:
            return False
        self._stored_bytes = int(kind.get_size())
        return True

    def require_names(self, limit: int) -> None:
        """Refuse elements that are neither whole numbers nor strings, or strings of more than `limit` bytes.

        They lie on one axis; others are of length one.
        """
        axis = line_axis(self.shape)
        if axis is None:
            raise VectorFileError(f"{self.label} has shape {self.shape}; names need (rows,)")
        self._axis = axis
        kind = self._dataset.id.get_type()
        if isinstance(kind, h5t.TypeIntegerID) or (
            isinstance(kind, h5t.TypeFloatID) and self.matlab_class() is not None
        ):
            self.number_type()
            return
        if not isinstance(kind, h5t.TypeStringID):
            raise VectorFileError(f"{self.label} holds no text ({_described(kind)}); names are strings")
        if kind.is_variable_str():
            creation = self._file.id.get_create_plist()
            if creation.get_sizes() != (8, 8) or self._properties.get_layout() == h5d.COMPACT:
                raise VectorFileError(f"{self.label} is stored in an unusual way; write it again with h5py")
            self._heaps = Heaps(Path(self._file.filename), int(creation.get_userblock()))
            self._stored_bytes = REFERENCE.itemsize
            return
        self._stored_bytes = int(kind.get_size())
        if self._stored_bytes > limit:
            raise VectorFileError(
                f"{self.label} has names of {self._stored_bytes} bytes; {limit} are allowed"
            )

    def check_held(self) -> None:
        """Refuse a dataset that declares more than the file holds."""
        size = Path(self._file.filename).stat().st_size
        elements = math.prod(self.shape)
        if not elements:
            return
        if self._chunk is not None:
            self._check_chunks(size)
            return
        identifier = self._dataset.id
        if identifier.get_storage_size() < elements * self._stored_bytes:
            raise VectorFileError(self._missing(f"{elements * self._stored_bytes} bytes were never written"))
        if self._properties.get_layout() == h5d.CONTIGUOUS:
            offset = identifier.get_offset()
            if offset is None or offset + elements * self._stored_bytes > size:
                raise VectorFileError(self._missing("it ends behind the end of the file"))

    def keep_chunks(self, axis: int) -> None:
        """Open the dataset again with a cache for all chunks that a block of the rows on `axis` crosses."""
        if self._chunk is None or not math.prod(self.shape):
            return
        across = math.prod(
            math.ceil(length / step)
            for number, (length, step) in enumerate(zip(self.shape, self._chunk, strict=True))
            if number != axis
        )
        chunk_bytes = self._chunk_bytes()
        access = h5p.create(h5p.DATASET_ACCESS)
        # Slots: a prime much larger than the chunks in the cache; fully read chunks leave it first.
        access.set_chunk_cache(100_003, max(min(across * chunk_bytes, CACHE_BYTES), chunk_bytes), 1.0)
        name = h5i.get_name(self._dataset.id)
        self._dataset.id.close()
        self._dataset = h5py.Dataset(h5d.open(self._file.id, name, access), readonly=True)

    def chunk_length(self, axis: int) -> int:
        """Return the length of a chunk on `axis`; 1 where there are no chunks."""
        return 1 if self._chunk is None else self._chunk[axis]

    def read(self, selection: tuple[slice, ...]) -> npt.NDArray[Any]:
        """Return the elements of `selection`, whose slices have a start and a stop and no step."""
        if self._pipeline and self._chunk is not None:
            self._check_compressed(selection, self._chunk, self._pipeline)
        block: npt.NDArray[Any] = self._dataset[selection]
        return block

    def read_names(self, first: int, last: int, limit: int) -> list[Any]:
        """Return the strings, or numbers, first..last-1 on the one axis; longer ones than `limit` are refused."""
        if self._heaps is None:
            places = [slice(0, 1)] * len(self.shape)
            places[self._axis] = slice(first, last)
            names: list[Any] = self.read(tuple(places)).reshape(-1).tolist()
            return names
        return self._heaps.strings(self._references(first, last), limit)

    def _references(self, first: int, last: int) -> npt.NDArray[Any]:
        """Return the references to strings as they lie in the file, for HDF5 would follow them."""
        if self._chunk is None or self._pipeline is None:
            path = Path(self._file.filename)
            references = np.empty(last - first, REFERENCE)
            handle, _ = open_plainly(path)
            with handle:
                offset = self._dataset.id.get_offset() + first * REFERENCE.itemsize
                read_exactly(path, handle, offset, references)
            return references
        step = self._chunk[self._axis]
        start = first // step * step
        along = np.empty(0, REFERENCE)
        for at in range(start, last, step):
            if self._latest[0] != at:  # a chunk longer than a read is decoded once all the same
                offsets = tuple(at if axis == self._axis else 0 for axis in range(len(self.shape)))
                self._latest = at, self._decoded_chunk(offsets, self._pipeline)
            chunk = np.frombuffer(self._latest[1], REFERENCE).reshape(self._chunk)
            along = np.concatenate([along, np.moveaxis(chunk, self._axis, 0).reshape(step, -1)[:, 0]])
        return along[first - start : last - start]

    def _chunk_bytes(self) -> int:
        return math.prod(self._chunk or ()) * self._stored_bytes

    def _missing(self, what: str) -> str:
        return f"{self.label} declares shape {self.shape}, which is more than the file holds: {what}"

    def _check_chunks(self, size: int) -> None:
        """Every chunk must be there, once, inside the file, and all together no longer than the file."""
        chunk = self._chunk or ()
        grid = [math.ceil(length / step) for length, step in zip(self.shape, chunk, strict=True)]
        expected = math.prod(grid)
        if expected > size:  # a chunk takes a byte at least; this bounds the loop and the memory below
            raise VectorFileError(self._missing(f"{expected} chunks in {size} bytes"))
        if self._chunk_bytes() > CHUNK_BYTES:
            raise VectorFileError(
                f"{self.label} has chunks of {self._chunk_bytes()} bytes; {CHUNK_BYTES} are allowed, "
                "so write it again with smaller ones"
            )
        seen = bytearray(expected)
        held = 0
        wrong: list[str] = []

        def look(stored: Any) -> bool | None:
            nonlocal held
            number = 0
            for offset, step, count in zip(stored.chunk_offset, chunk, grid, strict=True):
                if offset // step >= count:
                    return None  # left behind when the dataset was shrunk; never read
                number = number * count + offset // step
            end = -1 if stored.byte_offset is None else stored.byte_offset + stored.size
            if not 0 < end <= size or (not self._pipeline and stored.size != self._chunk_bytes()):
                wrong.append(f"chunk {stored.chunk_offset} does not lie in it")
                return True
            held += stored.size
            seen[number] = 1
            return None

        self._dataset.id.chunk_iter(look)
        if wrong:
            raise VectorFileError(self._missing(wrong[0]))
        if missing := seen.count(0):
            raise VectorFileError(self._missing(f"{missing} of {expected} chunks were never written"))
        if held > size:
            raise VectorFileError(self._missing("chunks overlap"))
        self._checked = bytearray(expected)
        self._grid = grid

    def _check_compressed(
        self, selection: tuple[slice, ...], chunk: tuple[int, ...], pipeline: Pipeline
    ) -> None:
        """Refuse chunks in `selection` that do not decompress to exactly a chunk."""
        spans = [
            range(part.start // step, -(-part.stop // step))
            for part, step in zip(selection, chunk, strict=True)
        ]
        for place in np.ndindex(*(len(span) for span in spans)):
            at = [span[index] for span, index in zip(spans, place, strict=True)]
            number = 0
            for index, count in zip(at, self._grid, strict=True):
                number = number * count + index
            if self._checked[number]:
                continue
            offsets = tuple(index * step for index, step in zip(at, chunk, strict=True))
            self._decoded_chunk(offsets, pipeline)
            self._checked[number] = 1

    def _decoded_chunk(self, offsets: tuple[int, ...], pipeline: Pipeline) -> bytes:
        mask, raw = self._dataset.id.read_direct_chunk(offsets)
        content = pipeline.decoded(raw, mask, self._chunk_bytes())
        if content is None or len(content) != self._chunk_bytes():
            raise VectorFileError(f"{self.label}: chunk {offsets} is damaged")
        return content


def fetch_dataset(path: Path, file: h5py.File, name: str) -> h5d.DatasetID | None:
    """Return the dataset of that name, or None; links are followed only as long as they stay in the file."""
    root = current = h5g.open(file.id, b"/")
    parts = deque(name.encode().split(b"/"))
    followed = 0
    while parts:
        part = parts.popleft()
        if part in (b"", b"."):
            continue
        if not isinstance(current, h5g.GroupID) or not current.links.exists(part):
            return None
        kind = current.links.get_info(part).type
        if kind == h5l.TYPE_HARD:
            current = h5o.open(current, part)
        elif kind == h5l.TYPE_SOFT:
            followed += 1
            if followed > SOFT_LINKS:
                raise VectorFileError(
                    f"{path}: dataset {name!r} lies behind more than {SOFT_LINKS} soft links"
                )
            target = current.links.get_val(part)
            current = root if target.startswith(b"/") else current
            parts.extendleft(reversed(target.split(b"/")))
        else:
            raise VectorFileError(f"{path}: {name!r} links outside itself, to another file; copy it in")
    if not isinstance(current, h5d.DatasetID):
        raise VectorFileError(f"{path}: {name!r} is not a dataset; it has {list_datasets(file) or 'none'}")
    return current


def list_datasets(file: h5py.File) -> str:
    """Return the names of the first datasets in `file`, which no link outside it is followed for."""
    found: list[str] = []

    def look(name: str, item: object) -> bool | None:
        if isinstance(item, h5py.Dataset):
            found.append(name)
        return True if len(found) > LISTED else None

    file.visititems(look)
    return ", ".join(repr(name) for name in found[:LISTED]) + (" ..." if len(found) > LISTED else "")


def _described(kind: h5t.TypeID) -> str:
    return type(kind).__name__.removeprefix("Type").removesuffix("ID").lower() or "unknown type"
