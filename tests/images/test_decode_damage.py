"""Damaged pictures give a picture or a PictureError: never another exception, never a warning."""

from __future__ import annotations

import importlib
import io
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lookalike.errors import PictureError, PictureTruncatedError
from lookalike.images.decode import Decoded, decode
from lookalike.images.formats import FORMATS

KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "jpeg": (
        "JPEG",
        "RGB",
        {"exif": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"},
    ),
    "progressive jpeg": ("JPEG", "RGB", {"progressive": True}),
    "cmyk jpeg": ("JPEG", "CMYK", {}),
    "png": ("PNG", "RGBA", {}),
    "palette png": ("PNG", "P", {"transparency": 3}),
    "webp": ("WEBP", "RGBA", {}),
    "lossless webp": ("WEBP", "RGB", {"lossless": True}),
    "gif": ("GIF", "P", {}),
    "bmp": ("BMP", "RGB", {}),
    "tiff": ("TIFF", "RGB", {}),
    "lzw tiff": ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    "deflate tiff": ("TIFF", "I;16", {"compression": "tiff_adobe_deflate"}),
    "jpeg tiff": ("TIFF", "RGB", {"compression": "jpeg"}),
    "avif": ("AVIF", "RGB", {"speed": 10}),
    "heif": ("HEIF", "RGB", {}),
    "jpeg 2000": ("JPEG2000", "RGB", {}),
    "jpeg xl": ("JXL", "RGB", {"lossless": True}),
}
NAMES = [name for name, (picture_format, _, _) in KINDS.items() if picture_format in FORMATS]


@cache
def valid(name: str) -> bytes:
    picture_format, mode, options = KINDS[name]
    noise = np.random.default_rng(7).integers(0, 256, (40, 56, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    image = Image.fromarray(noise[..., 0].astype(np.uint16) << 8) if mode == "I;16" else image.convert(mode)
    stream = io.BytesIO()
    if picture_format == "JXL":
        importlib.import_module("pillow_jxl")  # registers it
    if picture_format == "HEIF":
        import pillow_heif

        pillow_heif.from_pillow(image).save(stream)
    else:
        image.save(stream, picture_format, **options)
    return stream.getvalue()


def attempt(data: bytes) -> Decoded | PictureError:
    try:
        decoded = decode(data, name="x", side=16)
    except PictureError as error:
        assert error.name == "x"
        assert "\n" not in error.reason
        return error
    assert decoded.image.mode == "RGB"
    assert min(decoded.width, decoded.height) >= 1
    return decoded


@pytest.mark.parametrize("name", NAMES)
def test_every_kind_is_valid_to_begin_with(name: str) -> None:
    assert isinstance(attempt(valid(name)), Decoded)


@pytest.mark.parametrize("name", NAMES)
def test_truncation_at_many_lengths(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    data = valid(name)
    for length in {*range(64), *range(64, len(data), max(1, len(data) // 60))}:
        attempt(data[:length])
    # Half of the file never passes for the whole.
    assert isinstance(attempt(data[: len(data) // 2]), PictureTruncatedError)
    capfd.readouterr()  # libtiff writes to the file descriptor of stderr itself


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_flipped_bytes(name: str, data: st.DataObject) -> None:
    damaged = bytearray(valid(name))
    head = st.integers(0, min(len(damaged), 300) - 1)
    places = st.lists(head | st.integers(0, len(damaged) - 1), min_size=1, max_size=6)
    for place in data.draw(places, label="places"):
        damaged[place] = data.draw(st.integers(0, 255), label="byte")
    attempt(bytes(damaged))


@settings(deadline=None, max_examples=200)
@given(
    head=st.sampled_from(
        [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\0", b"MM\0*", b"RIFF"]
    ),
    rest=st.binary(max_size=200),
)
def test_a_signature_followed_by_anything(head: bytes, rest: bytes) -> None:
    attempt(head + rest)
