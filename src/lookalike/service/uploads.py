"""Pictures that clients sent to search by: kept for a while, so that a search can be shared and paged."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass

from lookalike.collection.query import VectorQuery
from lookalike.service.problems import ProblemError

MOST = 1_000
MOST_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture, and what it looks like."""

    id: str
    thumbnail: bytes
    """JPEG."""
    query: VectorQuery

    @property
    def size(self) -> int:
        """Bytes that it takes, about."""
        vectors = self.query.vectors
        return len(self.thumbnail) + sum(vectors[name].nbytes for name in vectors)


class Uploads:
    """The latest uploads, in memory; safe for threads. The pictures themselves are not kept."""

    def __init__(self) -> None:
        """Begin without any."""
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Upload] = OrderedDict()
        self._bytes = 0

    def put(self, upload: Upload) -> None:
        """Keep an upload; the oldest go where there are too many."""
        with self._lock:
            before = self._kept.pop(upload.id, None)
            self._bytes += upload.size - (before.size if before else 0)
            self._kept[upload.id] = upload
            while len(self._kept) > MOST or (self._bytes > MOST_BYTES and len(self._kept) > 1):
                self._bytes -= self._kept.popitem(last=False)[1].size

    def get(self, id_: str) -> Upload:
        """Return an upload. Raises ProblemError where it is not kept, or no longer."""
        with self._lock:
            found = self._kept.get(id_)
            if found is None:
                raise ProblemError(
                    404, "there is no such upload any more; send the picture again", field="query.upload"
                )
            self._kept.move_to_end(id_)
            return found


def upload_id(picture: bytes) -> str:
    """Return the id of a picture: that of its bytes, so that the same one is kept once."""
    return hashlib.sha256(picture).hexdigest()[:32]
