"""The tree drawn at the top of errors.py is the tree of classes; errors survive the way between processes."""

from __future__ import annotations

import inspect
import pickle
import re

import pytest

from lookalike import errors
from lookalike.errors import LookalikeError, PictureError


def drawn_tree(text: str) -> dict[str, str | None]:
    """Parse a tree drawn with box characters into class -> parent."""
    parents: dict[str, str | None] = {}
    above: list[str] = []
    for line in text.splitlines():
        match = re.match(r" {4}((?:│   |    )*)(├── |└── )?([A-Z]\w*Error)\b", line)
        if match is None:
            continue
        depth = len(match[1]) // 4 + bool(match[2])
        parents[match[3]] = above[depth - 1] if depth else None
        above[depth:] = [match[3]]
    return parents


def real_tree() -> dict[str, str | None]:
    classes = [
        kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__
    ]
    return {
        kind.__name__: next((base.__name__ for base in kind.__bases__ if base in classes), None)
        for kind in classes
    }


def subclasses(kind: type[PictureError]) -> list[type[PictureError]]:
    return [kind, *(deeper for child in kind.__subclasses__() for deeper in subclasses(child))]


def test_the_drawn_tree_is_the_real_one() -> None:
    assert drawn_tree(errors.__doc__ or "") == real_tree()


def test_a_wrong_drawing_is_noticed() -> None:
    drawing = errors.__doc__ or ""
    moved = drawing.replace("│   ├── PictureEmptyError", "├── PictureEmptyError")
    assert moved != drawing
    assert drawn_tree(moved) != real_tree()
    assert drawn_tree(drawing.replace("├── PictureEmptyError", "")) != real_tree()


def test_everything_derives_from_the_base() -> None:
    for name, kind in inspect.getmembers(errors, inspect.isclass):
        assert issubclass(kind, LookalikeError), name
        assert kind.__doc__, name


@pytest.mark.parametrize("kind", subclasses(PictureError))
def test_picture_errors_travel_between_processes(kind: type[PictureError]) -> None:
    error = pickle.loads(pickle.dumps(kind("a.jpg", "is empty")))  # noqa: S301 - made here
    assert type(error) is kind
    assert (error.name, error.reason, str(error)) == ("a.jpg", "is empty", "a.jpg: is empty")
