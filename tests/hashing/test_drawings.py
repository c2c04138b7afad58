"""The drawings of docs/families.md show the families' own keys."""

from __future__ import annotations

import importlib.util
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

DOCS = Path(__file__).parents[2] / "docs"
DRAWN = ("hyperplane", "cross-polytope", "p-stable", "p-stable-l1", "clusters")


@pytest.fixture(scope="module")
def drawings() -> ModuleType:
    spec = importlib.util.spec_from_file_location("draw_families", DOCS / "draw_families.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def colours(svg: str) -> dict[tuple[int, int], str]:
    """Return the colour of each point, by row and column."""
    found = {}
    for path in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}path"):
        for left, top, width in re.findall(r"M(\d+) (\d+)h(\d+)v1", path.attrib["d"]):
            for column in range(int(left), int(left) + int(width)):
                assert (int(top), column) not in found
                found[int(top), column] = path.attrib["fill"]
    return found


@pytest.mark.parametrize("name", DRAWN)
def test_points_of_one_colour_have_one_key(drawings: ModuleType, name: str) -> None:
    family, points = drawings.DRAWN[name], drawings.POINTS
    found = colours(drawings.draw(family))
    assert len(found) == points**2
    of_key: dict[int, set[str]] = {}
    for row, column in np.random.default_rng(0).integers(0, points, (200, 2)).tolist():
        at = [(column + 0.5) * 2 / points - 1, 1 - (row + 0.5) * 2 / points]
        key = int(family.keys(np.array([at], dtype=np.float32))[0, 0])
        of_key.setdefault(key, set()).add(found[row, column])
    assert all(len(own) == 1 for own in of_key.values())


def test_every_drawing_is_there_and_shown(drawings: ModuleType) -> None:
    page = (DOCS / "families.md").read_text(encoding="utf-8")
    assert set(drawings.DRAWN) == set(DRAWN)
    for name in DRAWN:
        assert f"images/family-{name}.svg" in page
        assert len(colours((DOCS / "images" / f"family-{name}.svg").read_text(encoding="utf-8"))) > 0
