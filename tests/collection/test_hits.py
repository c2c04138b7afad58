"""Hits: a sequence, a data frame, and HTML."""

from __future__ import annotations

import base64
import copy
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from small_pictures import draw, picture  # type: ignore[import-not-found]
from tests.collection.afar import Create

from lookalike import Collection, Hit, Hits
from lookalike.collection.late_recall import LateNotes, LateRecall, LateRecalls
from lookalike.errors import LookalikeError

EVIL = '<script>alert("1")</script>&amp;\'"><img src=x onerror=alert(2)>'
VOID = {"meta", "img", "br", "link", "hr", "input"}


class Page(HTMLParser):
    """Checks that every tag is closed in order, and collects tags, attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def hit(number: int, **fields: object) -> Hit:
    plain = {
        "id": f"id{number}",
        "path": f"/nowhere/{number}.png",
        "distance": number / 10,
        "features": {"look": number / 10},
        "text_score": None,
        "metadata": {"title": f"title {number}"},
    }
    return Hit(**(plain | fields))  # type: ignore[arg-type]


HITS = Hits(
    tuple(hit(number) for number in range(5)), {"path": "/nowhere/query.png", "features": {"look": 1.0}}
)


def test_hits_are_a_sequence() -> None:
    assert len(HITS) == 5
    assert [one.id for one in HITS] == ["id0", "id1", "id2", "id3", "id4"]
    assert (HITS[0].id, HITS[-1].id) == ("id0", "id4")
    part = HITS[1:3]
    assert isinstance(part, Hits)
    assert ([one.id for one in part], part.query) == (["id1", "id2"], HITS.query)
    assert HITS[2] in HITS and HITS.index(HITS[2]) == 2
    assert next(reversed(HITS)).id == "id4"
    assert not Hits(())
    with pytest.raises(IndexError):
        HITS[5]


def test_json_has_what_the_command_line_promises() -> None:
    document = json.loads(json.dumps(HITS[:1].to_json(), allow_nan=False))
    assert document == {
        "query": {"path": "/nowhere/query.png", "features": {"look": 1.0}},
        "notes": [],
        "estimated_recall": None,
        "facets": {},
        "hits": [
            {
                "id": "id0",
                "path": "/nowhere/0.png",
                "exists": True,
                "places": [],
                "distance": 0.0,
                "features": {"look": 0.0},
                "text_score": None,
                "metadata": {"title": "title 0"},
            }
        ],
    }


def test_data_frames_have_a_row_a_hit() -> None:
    several = Hits((hit(1), hit(2, metadata={"year": 2010}, text_score=1.5)))
    frame = several.to_pandas()
    assert list(frame["id"]) == ["id1", "id2"]
    assert list(frame["distance.look"]) == [0.1, 0.2]
    assert frame["metadata.year"][1] == 2010
    assert {"path", "distance", "text_score", "metadata.title"} <= set(frame.columns)
    empty = Hits(()).to_pandas()
    assert (len(empty), list(empty.columns)) == (0, ["id", "path", "distance", "text_score"])


def test_html_escapes_all_that_users_write() -> None:
    evil = hit(
        1,
        id=EVIL,
        path=f"/{EVIL}.png",
        metadata={"title": EVIL, EVIL: EVIL, "tags": [EVIL]},
        places=(f"/{EVIL}",),
    )
    hits = Hits((evil,), {"path": EVIL, "text": EVIL, "where": [EVIL], "features": {EVIL: 1.0}})
    for text in (hits.to_html(), hits._repr_html_()):
        page = Page(text)
        assert not {"script", "iframe", "object"} & {tag for tag, _ in page.tags}
        assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
        assert all(attributes.get("src") != "x" for _, attributes in page.tags)
        assert page.text.count(EVIL) >= 6
        assert not re.search(r"(src|href)=[\"']?(https?:)?//", text), "the page must not need the network"


def test_html_is_whole_for_any_hits() -> None:
    for hits in (HITS, Hits(()), Hits((hit(1, path=None, metadata={}),)), Hits((hit(1, text_score=2.0),))):
        page = Page(hits.to_html())
        assert page.tags[0][0] == "html"
        assert sum(tag == "figure" for tag, _ in page.tags) == len(hits)
        assert "<html" not in hits._repr_html_()
    assert "Nothing matches" in Page(Hits(()).to_html()).text


def test_pages_carry_their_thumbnails(create: Create, tmp_path: Path) -> None:
    paths = draw(tmp_path / "pictures", ["a.png", "b.png", "c.png"])
    with create(tmp_path / "c") as collection:
        collection.add(paths, jobs=1)
        paths[2].write_bytes(b"damaged by now")
        (query,) = draw(tmp_path / "elsewhere", ["a.png"])
        hits = collection.search(query, k=3)
        page = Page(hits.to_html())
    pictures = [attributes["src"] or "" for tag, attributes in page.tags if tag == "img"]
    assert len(pictures) == 3  # the query and two hits; the third is damaged
    for source in pictures:
        kind, data = source.split(";base64,")
        assert kind.startswith("data:image/")
        assert Image.open(io.BytesIO(base64.b64decode(data))).size[0] > 0
    assert "no picture" in page.text


def test_pictures_above_the_usual_limit_have_thumbnails_once_they_were_let_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = draw(tmp_path / "pictures", ["a.png", "b.png"])  # of 1,600 pixels each
    monkeypatch.setattr("lookalike.pages.hits.MAX_PIXELS", 1000)

    def thumbnails(hits: Hits) -> int:
        return sum(tag == "img" for tag, _ in Page(hits.to_html()).tags)

    with Collection.create(tmp_path / "c") as collection:
        collection.add(paths, jobs=1, max_pixels=1600)
        (query,) = draw(tmp_path / "elsewhere", ["a.png"])
        for allowed in (0, 1599):
            with pytest.raises(
                LookalikeError, match=r"max_pixels is 0|limit is 1,599 in all .--max-megapixels"
            ):
                collection.search(query, max_pixels=allowed)
        hits = collection.search(query, max_pixels=1600)
        assert thumbnails(hits) == thumbnails(hits[:2]) == 3
        assert [hit.pixels for hit in hits] == [1600, 1600]
        by_id = collection.search(hits[0].id, max_pixels=1)
        assert thumbnails(by_id) == 2
        assert collection.explain(paths[0], hits[1].id, max_pixels=1600).is_hit
        paths[1].write_bytes(picture(1, side=41))  # grown since, nobody has let it in
        assert thumbnails(hits) == 2


def test_a_search_describes_its_query(create: Create, tmp_path: Path) -> None:
    with create(tmp_path / "c") as collection:
        collection.add_vectors(np.eye(3, dtype=np.float32), ids=["a", "b", "c"], metadata=[{"n": 1}] * 3)
        hits = collection.search("a", k=2, where=["n=1"], max_distance=5.0)
    assert hits.to_json()["query"] == {
        "id": "a",
        "text": None,
        "where": ["n=1"],
        "features": {"vectors": 1.0},
        "k": 2,
        "max_distance": 5.0,
        "blend": False,
        "text_weight": None,
    }


def test_the_estimated_recall_is_told_when_asked_and_a_low_one_in_words() -> None:
    asked: list[int] = []

    def estimate() -> Any:
        asked.append(1)
        return np.array([0.31, 0.9, np.nan], dtype=np.float32)

    batch = LateRecalls(estimate)
    hits = [
        replace(HITS, notes=LateNotes(("one",), recall), recall=recall)
        for recall in (LateRecall(batch, row) for row in range(3))
    ]
    assert asked == []
    assert [one.estimated_recall for one in hits] == [pytest.approx(0.31), pytest.approx(0.9), None]
    assert [len(one.notes) for one in hits] == [2, 1, 1]
    assert "31%" in hits[0].notes[1]
    assert hits[1].notes == ("one",)
    assert hits[0].notes[:1] == ("one",)
    assert asked == [1]
    assert copy.deepcopy(hits[0].recall).value() == pytest.approx(0.31)
