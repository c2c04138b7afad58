"""`lookalike search` and `lookalike explain`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import lookalike, picture, process, shop  # type: ignore[import-not-found]

from lookalike import Collection


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with `pictures`, and a collection of them in `c`, which no test changes."""
    made = tmp_path_factory.mktemp("shop")
    shop(made)
    return made


@pytest.fixture(autouse=True)
def _here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("LOOKALIKE_COLLECTION", "c")


def names(*arguments: str) -> list[str]:
    """Return the file names of the hits, best first."""
    result = lookalike("search", *arguments, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    return [Path(hit["path"]).name for hit in json.loads(result.stdout)["hits"]]


def test_people_get_a_table() -> None:
    result = lookalike("search", "queries/a.png", "-k", "2")
    assert (result.exit_code, result.stderr) == (0, "")
    head, first, second = result.stdout.splitlines()
    assert head.split() == ["#", "distance", "where", "what"]
    assert first.split() == ["1", "0.0000", "pictures/a.png", "Red", "shoes"]
    assert second.split()[0] == "2"
    with_words = lookalike("search", "queries/a.png", "--text", "shoes").stdout.splitlines()
    assert with_words[0].split() == ["#", "distance", "words", "where", "what"]
    assert len(with_words) == 3


def test_json_is_as_promised(folder: Path) -> None:
    result = lookalike(
        "search",
        "queries/a.png",
        "--text",
        "red",
        "--where",
        "year=2010..2011",
        "--max-distance",
        "9",
        "--json",
    )
    document = json.loads(result.stdout)
    assert list(document) == ["query", "notes", "estimated_recall", "facets", "hits"]
    assert document["query"] == {
        "path": "queries/a.png",
        "text": "red",
        "where": ["year=2010..2011"],
        "features": {"look": 1.0},
        "k": 10,
        "max_distance": 9.0,
        "blend": False,
        "text_weight": None,
    }
    (hit,) = document["hits"]
    assert list(hit) == ["id", "path", "exists", "places", "distance", "features", "text_score", "metadata"]
    assert hit["path"] == str(folder / "pictures" / "a.png")
    assert hit["distance"] == pytest.approx(0, abs=1e-5)
    assert hit["features"] == {"look": hit["distance"]}
    assert hit["text_score"] > 0
    assert hit["metadata"] == {"title": "Red shoes", "colour": "Red", "year": 2010}


def test_jsonl_has_a_hit_a_line() -> None:
    lines = lookalike("search", "queries/a.png", "--jsonl").stdout.splitlines()
    whole = json.loads(lookalike("search", "queries/a.png", "--json").stdout)["hits"]
    assert [json.loads(line) for line in lines] == whole


def test_paths0_is_for_xargs(folder: Path) -> None:
    result = lookalike("search", "queries/b.png", "--paths0", "-k", "2")
    paths = result.stdout.split("\0")
    assert paths.pop() == ""
    assert len(paths) == 2 and all(os.path.isfile(path) for path in paths)
    assert paths[0] == str(folder / "pictures" / "b.png")


def test_a_picture_on_stdin(folder: Path) -> None:
    result = lookalike("search", "-", "--json", stdin=(folder / "pictures" / "c.png").read_bytes())
    document = json.loads(result.stdout)
    assert Path(document["hits"][0]["path"]).name == "c.png"
    for stdin in (b"", b"no picture"):
        result = lookalike("search", "-", stdin=stdin)
        assert result.exit_code == 1
        assert "stdin" in result.stderr and result.stderr.count("\n") == 1


def test_an_id_finds_others_than_itself() -> None:
    first = json.loads(lookalike("search", "queries/a.png", "-k", "1", "--json").stdout)["hits"][0]
    others = json.loads(lookalike("search", first["id"], "--json").stdout)
    assert others["query"]["id"] == first["id"]
    assert len(others["hits"]) == 3
    assert first["id"] not in [hit["id"] for hit in others["hits"]]


def test_what_follows_blend_is_a_weight_only_if_it_is_a_number() -> None:
    shown = json.loads(lookalike("search", "--text", "red", "--blend", "queries/a.png", "--json").stdout)
    assert (shown["query"]["blend"], shown["query"]["text_weight"]) == (True, 0.5)
    weighed = json.loads(
        lookalike("search", "--text", "red", "--blend", "0.3", "queries/a.png", "--json").stdout
    )
    assert (weighed["query"]["path"], weighed["query"]["text_weight"]) == ("queries/a.png", 0.3)
    refused = lookalike("search", "--text", "red", "--blend", "3", "queries/a.png")
    assert refused.exit_code == 2
    assert "--blend" in refused.stderr


def test_options_mean_what_python_means(folder: Path) -> None:
    with Collection.open(folder / "c") as collection:
        for arguments, options in (
            (["--text", "red", "--blend"], {"text": "red", "blend": True}),
            (["--text", "red", "--blend", "0.2"], {"text": "red", "blend": 0.2}),
            (["--text", "red", "--blend=0"], {"text": "red", "blend": 0.0}),
            (["--blend", "--text", "red", "--text-weight", "0.9"], {"text": "red", "blend": 0.9}),
            (["--text", "red", "--text-weight", "0.9"], {"text": "red", "text_weight": 0.9}),
            (["--where", "colour=Red", "--where", "year=2012"], {"where": {"colour": "Red", "year": 2012}}),
            (["--where", "colour!=Red"], {"where": ["colour!=Red"]}),
            (["--where", "colour=Red|Blue"], {"where": {"colour": ["Red", "Blue"]}}),
            (["--feature", "look=0.5"], {"features": {"look": 0.5}}),
            (["--feature", "look"], {"features": {"look": 1}}),
            (["-k", "3"], {"k": 3}),
            (["-k", "999999999999"], {"k": 4}),
        ):
            hits = collection.search(folder / "pictures" / "d.png", **options)
            assert names("pictures/d.png", *arguments) == [Path(hit.path or "").name for hit in hits], (
                arguments
            )


def test_facets_are_counted_among_what_filters_leave() -> None:
    arguments = (
        "search",
        "queries/a.png",
        "-k",
        "1",
        "--where",
        "year=2010..2011",
        "--facet",
        "colour",
        "--facet",
        "year",
    )
    counted = json.loads(lookalike(*arguments, "--json").stdout)["facets"]
    assert list(counted) == ["colour", "year"]
    assert all(list(one) == ["value", "count"] for counts in counted.values() for one in counts)
    lines = lookalike(*arguments).stdout.splitlines()[-2:]
    for line, (field, counts) in zip(lines, counted.items(), strict=True):
        assert line == f"{field}: " + ", ".join(f"{one['value']} ({one['count']})" for one in counts)
    refused = lookalike("search", "queries/a.png", "--facet", "color")
    assert refused.exit_code == 1 and "did you mean 'colour'" in refused.stderr


def test_nothing_found_is_no_error() -> None:
    result = lookalike("search", "queries/a.png", "--text", "unicorn")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "nothing found" in result.stderr
    assert names("pictures/a.png", "--text", "unicorn") == []


def test_a_page_is_written(folder: Path, tmp_path: Path) -> None:
    result = lookalike("search", "queries/a.png", "--html", tmp_path / "hits.html")
    assert result.exit_code == 0
    page = (tmp_path / "hits.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert page.count("data:image/") == 5  # the query and four hits
    assert "Red shoes" in page
    refused = lookalike("search", "queries/a.png", "--html", tmp_path / "no" / "hits.html")
    assert refused.exit_code == 1
    assert "--html" in refused.stderr and refused.stderr.count("\n") == 1


def test_a_larger_query_can_be_let_in() -> None:
    for verb in (["search", "queries/a.png"], ["explain", "queries/a.png", "pictures/a.png"]):
        refused = lookalike(*verb, "--max-megapixels", "0.0015")
        assert refused.exit_code == 1
        assert "40 x 40 pixels; the limit is 1,500 in all (--max-megapixels)" in refused.stderr
        assert lookalike(*verb, "--max-megapixels", "0.0016").exit_code == 0


def test_the_page_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("click.launch", opened.append)
    assert lookalike("search", "queries/a.png", "--open").exit_code == 0
    (file,) = opened
    assert Path(file).read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    Path(file).unlink()
    lookalike("search", "queries/a.png", "--open", "--html", tmp_path / "named.html")
    assert opened[1] == str(tmp_path / "named.html")


def test_explain_gives_the_verdict_first() -> None:
    result = lookalike("explain", "pictures/a.png", "pictures/b.png", "--text", "hat", "--where", "year=2011")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == "It is not a hit: its text has no 'hat'."
    assert "  filter year=2011: met" in result.stdout.splitlines()
    document = json.loads(
        lookalike("explain", "pictures/a.png", "pictures/b.png", "--json", "-k", "4").stdout
    )
    assert document["is_hit"] is True
    assert document["features"]["look"]["path"] == "scan"
    assert {"id", "rank", "verdict", "distance", "limit", "filters", "words", "missing_features"} <= set(
        document
    )
    stdin = lookalike("explain", "-", "pictures/a.png", stdin=picture(0))
    assert stdin.stdout.startswith("It is hit 1 of 4.")


def test_names_that_are_not_utf8_do_not_break_json(folder: Path) -> None:
    name = os.fsdecode(b"pictures/caf\xe9.png")
    shutil.copy(folder / "pictures" / "a.png", name)
    try:
        for arguments in ([], ["--json"]):
            result = process("search", name, *arguments, cwd=folder)
            assert (result.returncode, result.stderr) == (0, b"")
        assert json.loads(result.stdout.decode("utf-8"))["hits"]
    finally:
        os.unlink(name)


def test_pipes_get_plain_text(folder: Path) -> None:
    result = process("search", "queries/a.png", cwd=folder, env={"TERM": "xterm-256color"})
    assert (result.returncode, result.stderr) == (0, b"")
    assert b"\x1b" not in result.stdout


@pytest.mark.parametrize(
    "arguments", [["list"], ["list", "--jsonl"], ["search", "queries/a.png"], ["info"]], ids=" ".join
)
def test_pipes_may_close(folder: Path, arguments: list[str]) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "lookalike", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
    ) as running:
        assert running.stdout is not None and running.stderr is not None
        running.stdout.close()  # before it writes, like `| head -0`
        assert running.stderr.read() == b""
    assert running.returncode == 0


def test_a_stored_picture_is_shown_before_its_hits() -> None:
    result = lookalike("search", "pictures/a.png", "-k", "1")
    assert (result.exit_code, result.stderr) == (0, "")
    _, itself, first = result.stdout.splitlines()
    assert itself.split()[:3] == ["=", "0.0000", "pictures/a.png"]
    assert first.split()[0] == "1"
    assert names("pictures/a.png", "-k", "4") == names("queries/a.png", "-k", "4")[1:]


def test_words_alone_are_a_query() -> None:
    result = lookalike("search", "--text", "red")
    assert (result.exit_code, result.stderr) == (0, "")
    head, *rows = result.stdout.splitlines()
    assert head.split() == ["#", "words", "where", "what"]
    assert len(rows) == 2
    nothing = lookalike("search")
    assert nothing.exit_code == 2
    assert "--text" in nothing.stderr


def test_a_value_that_no_source_has_is_told_with_the_nearest() -> None:
    for verb in (["search", "queries/a.png"], ["list"]):
        result = lookalike(*verb, "--where", "colour=Rde")
        assert result.exit_code == 0
        assert "did you mean 'Red'?" in result.stderr
    document = json.loads(lookalike("search", "queries/a.png", "--where", "colour=Rde", "--json").stdout)
    assert "did you mean 'Red'?" in document["notes"][0]


def test_a_picture_that_is_gone_is_left_out_and_told(folder: Path) -> None:
    hidden = folder / "pictures" / "b.png"
    hidden.rename(folder / "b.png")
    try:
        result = lookalike("search", "queries/a.png")
        assert "b.png" not in result.stdout
        assert "1 picture was left out, as its file is gone; lookalike remove --missing" in result.stderr
    finally:
        (folder / "b.png").rename(hidden)


def test_pictures_on_a_share_that_is_away_are_marked(folder: Path) -> None:
    (folder / "pictures").rename(folder / "unmounted")
    try:
        assert "pictures/a.png (away)" in lookalike("search", "queries/a.png").stdout
    finally:
        (folder / "unmounted").rename(folder / "pictures")


def test_a_search_loads_only_what_it_needs() -> None:
    code = (
        "import sys; from lookalike.cli.verbs import run; run(); heavy = ('sqlalchemy', 'rich', 'h5py', 'numba', "
        "'jinja2', 'asyncio', 'multiprocessing', 'PIL', 'scipy', 'distributed', 'lookalike.engine', "
        "'lookalike.service'); print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "search", "pictures/a.png"], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_adding_loads_no_cluster_and_no_engine(tmp_path: Path) -> None:
    code = (
        "import sys; from lookalike.cli.verbs import run; run(); heavy = ('distributed', "
        "'lookalike.engine', 'lookalike.service'); print([name for name in heavy if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, "add", "-c", str(tmp_path / "c"), "pictures/a.png"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.filterwarnings("ignore:.*getdata:DeprecationWarning")  # of textual-image
def test_preview_draws_the_hits_under_the_table() -> None:
    pytest.importorskip("textual_image")
    plain = lookalike("search", "queries/a.png", "-k", "2").stdout
    result = lookalike("search", "queries/a.png", "-k", "2", "--preview")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(plain)
    lines = result.stdout[len(plain) :].splitlines()
    assert [line[:3] for line in lines if line.endswith(".png")] == ["1  ", "2  "]
    assert len(lines) == 2 * 11
    refused = lookalike("search", "queries/a.png", "--preview", "--json")
    assert refused.exit_code == 2
    assert "leave out --json" in refused.stderr
