"""The demo: what it refuses, before it deletes what an earlier run made."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

DEMO = Path(__file__).parents[2] / "examples" / "demo.py"


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the demo as a module, in a working folder that has pictures in the folder `demo` already."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo" / "pictures").mkdir(parents=True)
    (tmp_path / "demo" / "pictures" / "mine.jpg").write_bytes(b"the only copy")
    (tmp_path / "link").symlink_to(tmp_path / "demo")
    spec = importlib.util.spec_from_file_location("demo", DEMO)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "given", ["demo", "demo/pictures", "./demo/../demo/pictures", "link/pictures", "demo/pictures/mine.jpg"]
)
def test_pictures_in_the_folder_that_is_made_anew_are_refused(
    demo: ModuleType, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["demo.py", "--pictures", given])
    with pytest.raises(SystemExit, match="deletes"):
        demo.main()
    assert Path("demo/pictures/mine.jpg").read_bytes() == b"the only copy"


def test_a_mistyped_folder_deletes_nothing(demo: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["demo.py", "--pictures", "nowhere"])
    with pytest.raises(SystemExit, match="nowhere"):
        demo.main()
    assert Path("demo/pictures/mine.jpg").read_bytes() == b"the only copy"


def test_the_demo_ends_with_the_line_that_opens_the_page(
    demo: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["demo.py"])
    monkeypatch.setattr(demo, "make_crops", lambda folder: (folder.parent / "a.csv", folder.parent / "q.jpg"))
    monkeypatch.setattr(demo, "run", lambda *_: None)
    demo.main()
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.endswith("/lookalike serve -c demo/collection")
