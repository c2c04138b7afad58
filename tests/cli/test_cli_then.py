"""`lookalike search ... --then ...`: what belongs to which criterion."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command_line import lookalike, picture  # type: ignore[import-not-found]

from lookalike import Collection, Then


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("then")
    (made / "pictures").mkdir()
    for seed in range(8):
        (made / "pictures" / f"p{seed}.png").write_bytes(picture(seed))
    (made / "new.png").write_bytes(picture(99))
    (made / "other.png").write_bytes(picture(98))
    added = lookalike(
        "add",
        made / "pictures",
        "-c",
        made / "c",
        "--feature",
        "look",
        "--feature",
        "color-layout",
        "--jobs",
        "1",
    )
    assert added.exit_code == 0, added.stderr
    return made


@pytest.fixture(autouse=True)
def _here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("LOOKALIKE_COLLECTION", "c")


def found(*arguments: str) -> list[tuple[str, float]]:
    result = lookalike("search", *arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    return [(hit["id"], hit["distance"]) for hit in json.loads(result.stdout)["hits"]]


def expected(query: str, then: Any, **options: Any) -> list[tuple[str, float]]:
    with Collection.open("c") as collection:
        return [(hit.id, hit.distance) for hit in collection.search(query, then=then, **options)]


LOOK, COLOURS = ("--feature", "look"), ("--feature", "color-layout")
BY_COLOUR = Then(features=["color-layout"], among=4)


@pytest.mark.parametrize(
    "arguments",
    [
        ("new.png", *LOOK, "-k", "3", "--json", "--then", *COLOURS, "--among", "4"),
        ("new.png", *LOOK, "--then", *COLOURS, "--among", "4", "-k", "3", "--json"),
        ("--json", *LOOK, "new.png", "-k3", "--then", "--among=4", "--feature=color-layout", "-c", "c"),
        (
            "--json",
            *LOOK,
            "new.png",
            "--then",
            "-k3",
            "--among=4",
            "--feature=color-layout",
            "--collection=c",
        ),
    ],
)
def test_options_of_the_verb_stand_anywhere(arguments: tuple[str, ...]) -> None:
    assert found(*arguments) == expected("new.png", BY_COLOUR, features=["look"], k=3)


def test_a_criterion_may_have_a_query_and_be_followed_by_another() -> None:
    steps = [
        Then("other.png", features=["color-layout"], among=6),
        Then("new.png", features=["look"], among=3),
    ]
    arguments = ("--then", *COLOURS, "other.png", "--among", "6", "--then", "--among", "3", "new.png", *LOOK)
    assert found("new.png", "--json", *arguments) == expected("new.png", steps)


def test_without_it_nothing_changes() -> None:
    assert found("new.png", "--json", *LOOK) == expected("new.png", None, features=["look"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("new.png", "--then", "--nothing"), "No such option"),
        (("new.png", "--then", "a.png", "b.png"), "unexpected extra argument"),
        (("new.png", "--then", "--among", "0"), "0 is not in the range"),
        (("new.png", "--then", "a.png", "--describe", "x"), "has a QUERY and --describe"),
        (("new.png", "--then", "--among"), "requires an argument"),
        (("--then", "new.png"), "name a QUERY"),
        (("new.png", "--among", "3"), "No such option"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(arguments: tuple[str, ...], message: str) -> None:
    result = lookalike("search", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_file_that_is_called_like_an_option_comes_after_two_dashes() -> None:
    result = lookalike("search", "new.png", "--then", "--", "--then")
    assert result.exit_code != 0 and "--then" in result.stderr


def test_help_tells_of_it() -> None:
    assert "--then" in lookalike("search", "--help").stdout
