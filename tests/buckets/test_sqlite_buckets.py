"""The bucket store in an SQLite file."""

from __future__ import annotations

import pytest
from tests.buckets.bucket_store_suite import BucketStoreSuite

from lookalike.buckets import BucketStore, open_bucket_store


class TestSqliteBuckets(BucketStoreSuite):
    examples = 20
    file_url: str

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def file(cls, tmp_path_factory: pytest.TempPathFactory) -> None:
        cls.file_url = f"sqlite:///{tmp_path_factory.mktemp('sqlite')}/buckets.sqlite"

    def open(self, namespace: str) -> BucketStore:
        return open_bucket_store(self.file_url, namespace)

    def url(self) -> str:
        return self.file_url
