"""The rooms import only what docs/design.md allows, and `import lookalike` stays light."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import lookalike

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "lookalike"
DESIGN = ROOT / "docs" / "design.md"
HEAVY = (
    "numba",
    "sqlalchemy",
    "PIL",
    "h5py",
    "jinja2",
    "rich",
    "click",
    "onnxruntime",
    "tokenizers",
    "sklearn",
    "scipy",
    "redis",
    "opensearchpy",
    "elasticsearch",
    "orjson",
    "fastapi",
    "pydantic",
    "uvicorn",
    "httpx",
)

Rooms = dict[str, frozenset[str]]


def rooms_of(table: str) -> Rooms:
    """Parse the design's table of rooms: each room and the rooms that it may import."""
    rooms: dict[str, frozenset[str]] = {}
    for line in table.splitlines():
        match = re.fullmatch(r"\| `(\w+)(?:\.py|/)` \|.*\| ([^|]*) \|", line)
        if match is None:
            continue
        room, allowed = match.groups()
        if allowed == "nothing":
            rooms[room] = frozenset()
        elif allowed == "all above":
            rooms[room] = frozenset(rooms)
        else:
            rooms[room] = frozenset(allowed.split(", "))
            unknown = rooms[room] - rooms.keys()
            assert not unknown, f"{room} may import {sorted(unknown)}, which stand below it or nowhere"
    return rooms


def imported_modules(source: str, package: str) -> Iterator[tuple[int, str]]:
    """Yield (line, module) of each import anywhere in `source`, TYPE_CHECKING and functions included.

    `package` is the dotted package that holds the source, for relative imports. `from a import b` yields
    `a.b`: b may be a module.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            prefix = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{prefix}.{alias.name}") for alias in node.names)


def violations(package: Path, rooms: Rooms) -> list[str]:
    """Return one line for each import within `package` that `rooms` does not allow."""
    found: list[str] = []
    for path in sorted(package.rglob("*.py")):
        relative = path.relative_to(package)
        room = relative.parts[0].removesuffix(".py")
        if room in ("__init__", "__main__"):  # the public face and the program; they stand above all rooms
            continue
        if room not in rooms:
            found.append(f"{relative}: there is no room {room} in the table")
            continue
        dotted = ".".join((package.name, *relative.parts[:-1]))
        for line, module in imported_modules(path.read_text(encoding="utf-8"), dotted):
            top, _, rest = module.partition(".")
            target = rest.partition(".")[0]
            if top != package.name or target == room:
                continue
            if target in rooms:
                if target not in rooms[room]:
                    found.append(f"{relative}:{line}: {room} may not import {target}")
            elif (package / target).exists() or (package / f"{target}.py").exists():
                found.append(f"{relative}:{line}: there is no room {target} in the table")
    return found


def test_the_design_names_the_rooms() -> None:
    rooms = rooms_of(DESIGN.read_text(encoding="utf-8"))
    assert rooms["errors"] == frozenset()
    assert rooms["arrays"] == {"arguments", "sets", "errors"}
    assert {"kernels", "hashing", "index", "vectorfiles", "catalogue", "collection", "cli"} <= rooms.keys()
    assert "cli" not in rooms["collection"]
    assert "cli" not in rooms["service"]
    assert "service" not in rooms["collection"]


def test_every_room_imports_only_what_the_design_allows() -> None:
    assert violations(PACKAGE, rooms_of(DESIGN.read_text(encoding="utf-8"))) == []


TABLE = """
| room | holds | may import |
| --- | --- | --- |
| `errors.py` | errors | nothing |
| `arrays.py` | arrays | errors |
| `store/` | a `store`, and more | arrays, errors |
| `top/` | ties | all above |
| `cli/` | verbs | top, errors |
"""


def test_the_table_is_parsed() -> None:
    assert rooms_of(TABLE) == {
        "errors": frozenset(),
        "arrays": {"errors"},
        "store": {"arrays", "errors"},
        "top": {"errors", "arrays", "store"},
        "cli": {"top", "errors"},
    }
    with pytest.raises(AssertionError, match="store may import"):
        rooms_of(TABLE.replace("arrays, errors", "top, errors"))


@pytest.mark.parametrize(
    ("path", "source", "allowed"),
    [
        ("store/a.py", "from pkg.errors import E", True),
        ("store/a.py", "from pkg.store.b import c\nfrom . import b\nfrom .b import c\nimport numpy", True),
        ("store/a.py", "import pkg.top", False),
        ("store/a.py", "from pkg import top", False),
        ("store/a.py", "from ..top import x", False),
        ("store/a.py", "from .. import top", False),
        ("store/a.py", "def f():\n    from pkg.top.x import y", False),
        ("store/a.py", "if TYPE_CHECKING:\n    from pkg.top import y", False),
        ("store/deep/a.py", "from ...top import x", False),
        ("store/deep/a.py", "from ..b import x", True),
        ("errors.py", "from pkg.arrays import x", False),
        ("top/a.py", "from pkg.store import x", True),
        ("top/a.py", "from pkg.cli import x", False),
        ("cli/a.py", "from pkg.store import x", False),
        ("cli/a.py", "from pkg import __version__", True),
        ("cli/a.py", "from pkg.top import x", True),
        ("stray/a.py", "", False),
        ("store/a.py", "from pkg import other", False),
        ("store/a.py", "import pkg.other", False),
        ("__init__.py", "from pkg.cli import x", True),
    ],
)
def test_a_forbidden_import_is_found(tmp_path: Path, path: str, source: str, allowed: bool) -> None:
    package = tmp_path / "pkg"
    for name in ("errors.py", "other.py", "store/__init__.py", "top/__init__.py", "cli/__init__.py"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text("")
    (package / path).parent.mkdir(parents=True, exist_ok=True)
    (package / path).write_text(source)
    found = [line for line in violations(package, rooms_of(TABLE)) if line.startswith(f"{path}:")]
    assert (found == []) is allowed


def test_import_lookalike_is_light() -> None:
    program = f"import sys, lookalike; print([name for name in {HEAVY!r} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_vector_files_load_hdf5_only_for_hdf5() -> None:
    program = "import sys, lookalike.vectorfiles; print('h5py' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_public_names_are_sorted_and_there() -> None:
    public = list(getattr(lookalike, "__all__", []))
    assert public == sorted(public)
    assert not [name for name in public if not hasattr(lookalike, name)]
