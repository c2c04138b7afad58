"""The bucket store in PostgreSQL."""

from __future__ import annotations

import pytest
from tests.buckets.bucket_store_suite import BucketStoreSuite
from tests.services.postgres import PostgresServer

from lookalike.buckets import BucketStore, open_bucket_store


class TestPostgresqlBuckets(BucketStoreSuite):
    examples = 10
    database_url: str

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def database(cls, postgres: PostgresServer) -> None:
        cls.database_url = postgres.new_database()

    def open(self, namespace: str) -> BucketStore:
        return open_bucket_store(self.database_url, namespace)

    def url(self) -> str:
        return self.database_url

    def nobody_there(self) -> str:
        return "postgresql://lookalike:secret@127.0.0.1:1/postgres"
