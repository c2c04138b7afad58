"""Indexes that do not belong to the catalogue any more, features that change, and pictures that are edited."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lookalike import Collection
from lookalike.errors import CollectionError, FeatureMismatchError, UnknownFeatureError

VECTORS = np.random.default_rng(0).normal(size=(40, 8)).astype(np.float32)


def add(collection: Collection, rows: range) -> None:
    collection.add_vectors(VECTORS[rows], ids=[f"r{row}" for row in rows])


def first_hits(collection: Collection, rows: range) -> list[str]:
    return [collection.search(VECTORS[row], k=1)[0].id for row in rows]


def test_indexes_of_another_catalogue_are_not_trusted(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "c") as collection:
        add(collection, range(20))
    (tmp_path / "c" / "catalogue.sqlite").unlink()
    with Collection.create(tmp_path / "c") as collection:
        add(collection, range(20, 40))
        assert first_hits(collection, range(20, 40)) == [f"r{row}" for row in range(20, 40)]


def test_indexes_ahead_of_a_restored_catalogue_are_not_trusted(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    with Collection.create(folder) as collection:
        add(collection, range(10))
    shutil.copy(folder / "catalogue.sqlite", tmp_path / "copy")
    with Collection.open(folder) as collection:
        for row in range(10, 15):  # several writes, which the copy has not seen
            add(collection, range(row, row + 1))
    for file in folder.glob("catalogue.sqlite*"):
        file.unlink()
    shutil.copy(tmp_path / "copy", folder / "catalogue.sqlite")
    with Collection.open(folder) as collection:
        for row in range(20, 30):  # so many writes that the counts pass each other
            add(collection, range(row, row + 1))
        assert first_hits(collection, range(20, 30)) == [f"r{row}" for row in range(20, 30)]
        assert "r12" not in {hit.id for hit in collection.search(VECTORS[12], k=40)}
        assert list(collection.verify()) == []


def test_rebuild_keeps_what_it_cannot_replace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Collection.create(tmp_path / "c") as collection:
        add(collection, range(10))
        catalogue = collection._catalogue

        def damaged(*_: object, **__: object) -> object:
            raise CollectionError("damaged")

        with monkeypatch.context() as patch:
            patch.setattr(catalogue, "changes", damaged)
            with pytest.raises(CollectionError, match="damaged"):
                collection.rebuild()
        assert first_hits(collection, range(10)) == [f"r{row}" for row in range(10)]


def test_a_foreign_file_in_the_place_of_an_index_is_no_dead_end(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "c") as collection:
        add(collection, range(10))
    shutil.rmtree(tmp_path / "c" / "indexes")
    (tmp_path / "c" / "indexes").write_text("not a folder")
    with Collection.open(tmp_path / "c") as collection:
        assert first_hits(collection, range(10)) == [f"r{row}" for row in range(10)]
        with pytest.raises(CollectionError, match="indexes"):
            collection.rebuild()


def test_a_feature_can_be_removed(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "c") as collection:
        add(collection, range(10))
        collection.add_vectors(VECTORS[:10, :3], ids=[f"r{row}" for row in range(10)], feature="short")
        collection.remove_feature("vectors")
        assert list(collection.info()["features"]) == ["short"]
        assert len(collection) == 10
        assert not (tmp_path / "c" / "indexes" / "vectors").exists()
        with pytest.raises(UnknownFeatureError):
            collection.remove_feature("vectors")


def save_picture(path: Path, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def test_an_edited_picture_keeps_its_metadata(tmp_path: Path) -> None:
    save_picture(tmp_path / "a.png", 1)
    (tmp_path / "m.csv").write_text("image,title\na.png,Mine\n")
    with Collection.create(tmp_path / "c") as collection:
        collection.add([tmp_path / "a.png"], metadata=tmp_path / "m.csv", jobs=1)
        save_picture(tmp_path / "a.png", 2)
        report = collection.add([tmp_path / "a.png"], jobs=1)
        assert (report.changed, len(collection)) == (1, 1)
        (source,) = collection.list()
        assert source.metadata == {"title": "Mine"}


def small_network(path: Path) -> None:
    """Write a network that averages each colour."""
    onnx = pytest.importorskip("onnx")
    helper, kinds = onnx.helper, onnx.TensorProto
    picture = helper.make_tensor_value_info("x", kinds.FLOAT, ["n", 3, 8, 8])
    vector = helper.make_tensor_value_info("y", kinds.FLOAT, ["n", 3, 1, 1])
    graph = helper.make_graph([helper.make_node("GlobalAveragePool", ["x"], ["y"])], "g", [picture], [vector])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)


def test_a_model_may_move_but_not_change(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    small_network(tmp_path / "net.onnx")
    save_picture(tmp_path / "a.png", 1)
    save_picture(tmp_path / "b.png", 2)
    with Collection.create(tmp_path / "c") as collection:
        collection.add([tmp_path / "a.png"], features=[f"onnx={tmp_path / 'net.onnx'}"], jobs=1)
        (tmp_path / "net.onnx").rename(tmp_path / "moved.onnx")
        collection.add([tmp_path / "b.png"], features=[f"onnx={tmp_path / 'moved.onnx'}"], jobs=1)
        found = collection.search((tmp_path / "b.png").read_bytes(), k=1)
        assert found[0].path == str(tmp_path / "b.png")
        (tmp_path / "moved.toml").write_text("scale = 1.0\n")
        with pytest.raises(FeatureMismatchError, match="rebuild --feature onnx"):
            collection.add([tmp_path / "b.png"], jobs=1)
        collection.remove_feature("onnx")
        collection.add([tmp_path / "b.png"], features=[f"onnx={tmp_path / 'moved.onnx'}"], jobs=1)
        assert len(collection.search((tmp_path / "a.png").read_bytes())) == 2
