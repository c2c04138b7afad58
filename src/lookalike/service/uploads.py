"""Pictures that clients sent to search by: kept for a while, so that a search can be shared and paged."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Container
from dataclasses import dataclass
from typing import Any

import numpy as np

from lookalike.arrays import Rows
from lookalike.collection.query import VectorQuery
from lookalike.service.bounded_folder import BoundedFolder
from lookalike.service.problems import ProblemError


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture, and what it looks like."""

    id: str
    thumbnail: bytes
    """JPEG."""
    vectors: dict[str, Rows]

    def query(self, features: Container[str] | None) -> VectorQuery:
        """Return the search for what looks like it in some features, or in all where None are named."""
        return VectorQuery(
            {name: one for name, one in self.vectors.items() if features is None or name in features}
        )


class Uploads:
    """The latest uploads, on disk for all processes. The pictures themselves are not kept."""

    def __init__(self, folder: BoundedFolder) -> None:
        """Keep them in `folder`."""
        self._folder = folder

    def put(self, upload: Upload) -> None:
        """Keep an upload. Raises ProblemError where the disk takes none."""
        written = io.BytesIO()
        arrays: dict[str, Any] = {f"of-{name}": vector for name, vector in upload.vectors.items()}
        arrays["thumbnail"] = np.frombuffer(upload.thumbnail, dtype=np.uint8)
        np.savez(written, **arrays)
        if not self._folder.put(_name(upload.id), written.getvalue()):
            raise ProblemError(507, "the service has no room to keep the picture; tell whoever runs it")

    def get(self, id_: str) -> Upload:
        """Return an upload. Raises ProblemError where it is not kept, or no longer."""
        data = self._folder.get(_name(id_))
        try:
            if data is not None:
                with np.load(io.BytesIO(data), allow_pickle=False) as kept:
                    vectors = {name[3:]: kept[name] for name in kept.files if name.startswith("of-")}
                    return Upload(id_, kept["thumbnail"].tobytes(), vectors)
        except (ValueError, KeyError, OSError, zipfile.BadZipFile):
            pass  # the disk was full, or the file is damaged
        raise ProblemError(
            404, "there is no such upload any more; send the picture again", field="query.upload"
        )


def upload_id(picture: bytes) -> str:
    """Return the id of a picture: that of its bytes, so that the same one is kept once."""
    return hashlib.sha256(picture).hexdigest()[:32]


def _name(id_: str) -> str:
    return f"upload-{id_}"
