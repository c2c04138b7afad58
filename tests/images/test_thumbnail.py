"""Thumbnails: small JPEG data URIs of upright pictures."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import ExifTags, Image

from lookalike.errors import PictureFormatError
from lookalike.images.thumbnail import thumbnail_data_uri


def shown(uri: str) -> Image.Image:
    head, _, body = uri.partition(",")
    assert head == "data:image/jpeg;base64"
    return Image.open(io.BytesIO(base64.b64decode(body, validate=True)))


@pytest.mark.parametrize(
    ("size", "fitted"),
    [((800, 400), (160, 80)), ((30, 20), (30, 20)), ((3000, 1), (160, 1)), ((1, 900), (1, 160))],
)
def test_it_fits_the_square_and_keeps_proportions(size: tuple[int, int], fitted: tuple[int, int]) -> None:
    stream = io.BytesIO()
    Image.new("RGB", size, "teal").save(stream, "PNG")
    assert shown(thumbnail_data_uri(stream.getvalue())).size == fitted


def test_it_is_upright_and_small(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.effect_noise((1600, 1200), 80).save(tmp_path / "a.jpg", exif=exif)
    uri = thumbnail_data_uri(tmp_path / "a.jpg", side=100)
    assert shown(uri).size == (75, 100)
    assert len(uri) < 20_000


def test_what_is_not_a_picture_is_named() -> None:
    with pytest.raises(PictureFormatError):
        thumbnail_data_uri(b"no picture")
