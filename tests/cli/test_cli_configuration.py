"""Where a collection and its buckets are: an option goes before the environment, and that before `lookalike.toml`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import lookalike  # type: ignore[import-not-found]
from tests.services.postgres import PostgresServer
from tests.services.redis import RedisServer

FILE = Path("lookalike.toml")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with vectors in v.npy, where nothing is said yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for key in ("COLLECTION", "BUCKETS"):
        monkeypatch.delenv(f"LOOKALIKE_{key}", raising=False)
    np.save("v.npy", np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32))
    return tmp_path


@pytest.mark.parametrize("said", ["file", "environment"])
def test_a_collection_on_two_servers_is_used_without_an_option(
    said: str,
    folder: Path,
    one_postgres: PostgresServer,
    one_redis: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    places = {"collection": one_postgres.new_database(), "buckets": one_redis.url()}
    if said == "file":
        FILE.write_text("".join(f'{key} = "{url}"\n' for key, url in places.items()))
    else:
        for key, url in places.items():
            monkeypatch.setenv(f"LOOKALIKE_{key.upper()}", url)
    assert lookalike("import", "v.npy").exit_code == 0
    told = json.loads(lookalike("index", "vectors", "--json").stdout)
    assert told["store"].startswith(f"redis://127.0.0.1:{one_redis.port}") and told["base_rows"] == 300
    assert json.loads(lookalike("info", "--json").stdout)["sources"] == 300
    assert len(json.loads(lookalike("search", "v.npy#7", "--strict", "--json").stdout)["hits"]) == 10
    assert sorted(path.name for path in folder.iterdir() if path.name not in ("cache", FILE.name)) == [
        "v.npy"
    ]


def test_an_option_goes_before_the_environment_and_that_before_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def made(*options: str) -> list[str]:
        assert lookalike("import", "v.npy", "--on-duplicate", "skip", *options).exit_code == 0
        return sorted(path.parent.name for path in Path().glob("*/catalogue.sqlite"))

    assert made() == [".lookalike"]
    FILE.write_text('collection = "of the file"\n')
    assert made() == [".lookalike", "of the file"]
    monkeypatch.setenv("LOOKALIKE_COLLECTION", "of the environment")
    assert made() == [".lookalike", "of the environment", "of the file"]
    assert made("-c", "of the option") == [
        ".lookalike",
        "of the environment",
        "of the file",
        "of the option",
    ]


def test_buckets_that_an_option_names_go_before_those_of_the_file(folder: Path) -> None:
    FILE.write_text(f'buckets = "sqlite:///{folder}/file.sqlite"\n')
    lookalike("import", "v.npy")
    assert lookalike("index", "vectors", "--buckets", f"sqlite:///{folder}/option.sqlite").exit_code == 0
    assert json.loads(lookalike("index", "vectors", "--json").stdout)["store"].startswith(
        f"sqlite:///{folder}/option.sqlite"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("collection = ", "lookalike.toml: cannot be read as TOML"),
        ("collection = 7", "lookalike.toml: collection is 7; give text in quotes"),
        ("buckets = [1]", "lookalike.toml: buckets is [1]; give text in quotes"),
        (
            "bucket = 'redis://localhost'",
            "lookalike.toml: 'bucket' is not known; it may say collection, buckets, engine",
        ),
        ('buckets = "nowhere"', "buckets is 'nowhere'; give the URL of a store"),
        ('collection = ""\nbuckets = ""', "buckets is ''; give the URL of a store"),
    ],
)
def test_a_file_that_makes_no_sense_is_one_line(text: str, message: str) -> None:
    FILE.write_text(text)
    result = lookalike("import", "v.npy")
    assert (result.exit_code, result.stdout) == (1, "")
    assert message in result.stderr and result.stderr.count("\n") == 1
    assert not Path(".lookalike").exists()
