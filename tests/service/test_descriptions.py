"""Words that a text tower brings into the space of pictures, asked for from afar."""

from __future__ import annotations

from pathlib import Path

import pytest

from lookalike import Client, Collection, MixQuery, TextQuery

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("tokenizers")

from tests.features import networks
from tests.features.networks import COLOURS, picture
from tests.service.conftest import Serve, as_http


def test_words_find_pictures_and_are_part_of_mixes(tmp_path: Path, serve: Serve) -> None:
    (tmp_path / "pictures").mkdir()
    for colour in COLOURS:
        picture(colour).save(tmp_path / "pictures" / f"{colour}.png")
    clip = f"clip:onnx={networks.clip_like(tmp_path / 'clip')}"
    with Collection.create(tmp_path / "c") as collection:
        collection.add([tmp_path / "pictures"], features=["look", clip])
        names = {source.id: Path(source.places[0].path).stem for source in collection.list()}
    with Client("http://localhost", http=as_http(serve(tmp_path / "c"))) as client:
        for colour in COLOURS:
            assert names[client.search(TextQuery(f"a {colour} shoe"), k=1)[0].id] == colour
        (mixed,) = client.search(MixQuery([TextQuery("red"), TextQuery("green")]), k=1)
        assert names[mixed.id] == "yellow"
        hits = client.search_many([TextQuery("red"), TextQuery("green")], k=1)
        assert [names[one[0].id] for one in hits] == ["red", "green"]
