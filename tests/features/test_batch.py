"""One batch within this process."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from PIL import Image

from lookalike.arrays import Float32
from lookalike.errors import FeatureError, PictureError, PictureFormatError
from lookalike.features import batch
from lookalike.features.batch import Extracted, extract_batch
from lookalike.features.registry import FeatureSpec, create_extractor

pytestmark = pytest.mark.usefixtures("plug_ins")
Png = Callable[..., bytes]


def test_results_come_in_order_with_errors_in_their_places(png: Png) -> None:
    extractors = {name: create_extractor(FeatureSpec(name, "mean", {"gain": 2.0})) for name in ("a", "b")}
    results = extract_batch(
        [("x", png((1, 2, 3))), ("y", b"no"), ("z", png((4, 5, 6), (20, 10)))], extractors
    )
    first, bad, last = results
    assert isinstance(first, Extracted)
    assert isinstance(last, Extracted)
    assert first.vectors.keys() == {"a", "b"}
    np.testing.assert_array_equal(first.vectors["b"], [2, 4, 6])
    assert (last.width, last.height, last.format) == (20, 10, "PNG")
    np.testing.assert_array_equal(last.vectors["a"], [8, 10, 12])
    assert isinstance(bad, PictureFormatError)
    assert bad.name == "y"
    assert bad.__traceback__ is None  # it would keep the picture in memory


def test_nothing_gives_nothing() -> None:
    assert extract_batch([], {"a": create_extractor(FeatureSpec("a", "mean"))}) == []


def test_each_extractor_sees_its_own_decoded_side() -> None:
    stream = io.BytesIO()
    Image.effect_noise((800, 800), 50).save(stream, "JPEG")
    extractors = {
        f"s{side}": create_extractor(FeatureSpec("s", "sized", {"side": side}))
        for side in (60, 100, 350, 500)
    }
    (together,) = extract_batch([("x", stream.getvalue())], extractors)
    assert isinstance(together, Extracted)
    assert {name: vector[0] for name, vector in together.vectors.items()} == {
        "s60": 100, "s100": 100, "s350": 400, "s500": 800,
    }  # fmt: skip
    assert (together.width, together.height) == (800, 800)


def test_large_pictures_are_extracted_a_few_at_a_time(png: Png, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "PIXELS_AT_ONCE", 500)
    sizes = []
    extractor = create_extractor(FeatureSpec("a", "mean"))
    original = extractor.extract

    def counted(pictures: Sequence[Image.Image]) -> Float32:
        sizes.append(len(pictures))
        return original(pictures)

    monkeypatch.setattr(extractor, "extract", counted)
    pictures = [(str(i), png((i, i, i))) for i in range(5)] + [("bad", b"bad")]
    results = extract_batch(pictures, {"a": extractor})
    assert sizes == [2, 2, 1]
    assert [result.vectors["a"][0] for result in results if isinstance(result, Extracted)] == [0, 1, 2, 3, 4]


def test_a_picture_without_a_usable_vector_is_refused_alone(png: Png) -> None:
    extractors = {"p": create_extractor(FeatureSpec("p", "picky"))}
    good, bad = extract_batch([("x", png()), ("y", png(size=(13, 13)))], extractors)
    assert isinstance(good, Extracted)
    assert isinstance(bad, PictureError)
    assert str(bad) == "y: feature 'p' gives NaN or an all-zero vector for it"
    black = [("black", png((0, 0, 0)))]
    (refused,) = extract_batch(black, {"c": create_extractor(FeatureSpec("c", "cosine"))})
    assert isinstance(refused, PictureError)
    (kept,) = extract_batch(black, {"m": create_extractor(FeatureSpec("m", "mean"))})
    assert isinstance(kept, Extracted)


def test_binary_codes_are_kept_as_they_are(png: Png) -> None:
    codes = {"c": create_extractor(FeatureSpec("c", "codes"))}
    one, none = extract_batch([("x", png((7, 200, 255))), ("black", png((0, 0, 0)))], codes)
    assert isinstance(one, Extracted)
    assert isinstance(none, Extracted)
    assert one.vectors["c"].dtype == np.uint8
    assert (one.vectors["c"].tolist(), none.vectors["c"].tolist()) == ([7, 200, 255], [0, 0, 0])


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("failing", r"feature 'f': its extractor failed \(KeyError\('weights'\)\)"),
        ("misshapen", r"feature 'f': its extractor returned shape \(1, 4\) for 1 pictures of dimension 3"),
        ("uncoded", r"feature 'f': its extractor returned float32; give codes packed in uint8"),
    ],
)
def test_an_extractor_that_fails_ends_the_run(kind: str, message: str, png: Png) -> None:
    with pytest.raises(FeatureError, match=message):
        extract_batch([("x", png())], {"f": create_extractor(FeatureSpec("f", kind))})
