"""A disk that is full: an error in words, and nothing half-written."""

from __future__ import annotations

from pathlib import Path

import pytest
from filled_catalogue import new  # type: ignore[import-not-found]

from lookalike.catalogue.catalogue import Catalogue
from lookalike.errors import (
    CollectionError,
)


def test_a_full_disk_is_named_and_nothing_is_half_written(filled: Catalogue) -> None:
    with pytest.raises(CollectionError, match="disk is full"), filled.write() as writer:
        writer._connection.exec_driver_sql("PRAGMA max_page_count = 60")
        writer.add_sources([new(i, metadata={"title": "blue " * 500}) for i in range(100, 300)])
    assert filled.count() == 20 and filled.generation() == 1
    filled.close()
    with Catalogue.open(Path(filled.name)) as again:
        assert list(again.verify()) == []
