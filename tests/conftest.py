"""Fixtures for all tests: the servers."""

from tests.services.postgres import own_postgres, postgres, postgres_url

__all__ = ["own_postgres", "postgres", "postgres_url"]
