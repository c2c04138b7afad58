"""The PostgreSQL servers that the tests start."""

from __future__ import annotations

import signal
from pathlib import Path

import psycopg
import pytest

from tests.services.postgres import PostgresServer
from tests.services.required import missing


def test_a_database_is_empty_and_its_own(postgres: PostgresServer) -> None:
    first, second = postgres.new_database(), postgres.new_database()
    with psycopg.connect(first) as connection:
        connection.execute("CREATE TABLE t (n bigint)")
    with psycopg.connect(second) as connection:
        assert connection.execute("SELECT to_regclass('t')").fetchone() == (None,)


def test_what_was_committed_outlives_a_loss_of_power(own_postgres: PostgresServer) -> None:
    with psycopg.connect(own_postgres.url()) as connection:
        connection.execute("CREATE TABLE t AS SELECT 7 AS n")
    own_postgres.halt(signal.SIGQUIT)
    own_postgres.start()
    with psycopg.connect(own_postgres.url()) as connection:
        assert connection.execute("SELECT n FROM t").fetchone() == (7,)


def test_a_paused_server_answers_when_it_goes_on(own_postgres: PostgresServer) -> None:
    own_postgres.pause()
    with pytest.raises(psycopg.OperationalError, match="timeout"):
        psycopg.connect(own_postgres.url(), connect_timeout=2)
    own_postgres.resume()
    psycopg.connect(own_postgres.url()).close()


def test_a_stopped_server_leaves_nothing(own_postgres: PostgresServer) -> None:
    with psycopg.connect(own_postgres.url()) as connection:
        row = connection.execute("SHOW data_directory").fetchone()
    assert row is not None and Path(row[0]).is_dir()
    own_postgres.stop()
    assert not Path(row[0]).parent.exists()
    own_postgres.stop()


@pytest.mark.parametrize(("required", "outcome"), [("1", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_a_missing_server_skips_unless_it_is_required(
    monkeypatch: pytest.MonkeyPatch, required: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("LOOKALIKE_REQUIRE_SERVICES", required)
    with pytest.raises(outcome, match="Nothing is not installed; make it"):
        missing("Nothing", "make it")
