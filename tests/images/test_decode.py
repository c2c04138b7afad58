"""Decoding: every format, mode and orientation against pictures made here, and every kind of bad input."""

from __future__ import annotations

import errno
import io
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import ExifTags, Image, ImageFile

from lookalike.errors import (
    PictureEmptyError,
    PictureFormatError,
    PictureMissingError,
    PictureTooLargeError,
    PictureTruncatedError,
)
from lookalike.images.decode import SUFFIXES, decode
from lookalike.images.formats import FORMATS

LOSSLESS = {"PNG": {}, "BMP": {}, "TIFF": {}, "WEBP": {"lossless": True}}
LOSSY = {"JPEG": {"quality": 95}, "AVIF": {"quality": 95}, "HEIF": {"quality": 95}}


def encoded(image: Image.Image, picture_format: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    if picture_format == "HEIF":
        pillow_heif = pytest.importorskip("pillow_heif")
        pillow_heif.from_pillow(image).save(stream, **options)
    else:
        image.save(stream, picture_format, **options)
    return stream.getvalue()


def scene(width: int = 48, height: int = 32) -> Image.Image:
    """A smooth picture in which no two quarters are alike, so that every turn and flip shows."""
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack(
        [x * 255 // width, y * 255 // height, (x + 2 * y) * 255 // (width + 2 * height)], axis=2
    )
    return Image.fromarray(pixels.astype(np.uint8))


def pixels_of(data: bytes, **options: Any) -> npt.NDArray[np.uint8]:
    return np.asarray(decode(data, side=448, **options).image)


@pytest.mark.parametrize("picture_format", LOSSLESS)
def test_lossless_formats_give_the_exact_pixels(picture_format: str) -> None:
    decoded = decode(encoded(scene(), picture_format, **LOSSLESS[picture_format]), side=448)
    assert (decoded.format, decoded.width, decoded.height) == (picture_format, 48, 32)
    assert decoded.image.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(decoded.image), np.asarray(scene()))


@pytest.mark.parametrize("picture_format", [name for name in LOSSY if name in FORMATS])
def test_lossy_formats_give_nearly_the_pixels(picture_format: str) -> None:
    decoded = decode(encoded(scene(), picture_format, **LOSSY[picture_format]), side=448)
    assert (decoded.format, decoded.width, decoded.height) == (picture_format, 48, 32)
    assert np.abs(np.asarray(decoded.image).astype(int) - np.asarray(scene())).mean() < 4


def test_gif_is_read() -> None:
    decoded = decode(encoded(scene().quantize(256), "GIF"), side=448)
    assert decoded.format == "GIF"
    np.testing.assert_array_equal(np.asarray(decoded.image), np.asarray(scene().quantize(256).convert("RGB")))


@pytest.mark.parametrize("picture_format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientations_bring_the_picture_upright(picture_format: str, orientation: int) -> None:
    # How a camera that writes this orientation has held the upright picture.
    turns: dict[int, Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint8]]] = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: np.rot90(a, -1),
    }
    upright = np.asarray(scene())
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    options = {"quality": 100, "subsampling": 0} if picture_format == "JPEG" else LOSSLESS[picture_format]
    held = Image.fromarray(np.ascontiguousarray(turns[orientation](upright)))
    decoded = decode(encoded(held, picture_format, exif=exif, **options), side=448)
    assert (decoded.width, decoded.height) == (48, 32) == decoded.image.size
    difference = np.abs(np.asarray(decoded.image).astype(int) - upright)
    assert difference.max() <= (8 if picture_format == "JPEG" else 0)


@pytest.mark.skipif("HEIF" not in FORMATS, reason="pillow-heif is not installed")
class TestHeif:
    """What the plug-in does its own way."""

    def test_it_is_turned_upright_once(self) -> None:
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = 6
        held = Image.fromarray(np.ascontiguousarray(np.rot90(np.asarray(scene()), 1)))
        decoded = decode(encoded(held, "HEIF", quality=95, exif=exif.tobytes()), side=448)
        assert (decoded.width, decoded.height) == (48, 32) == decoded.image.size
        assert np.abs(np.asarray(decoded.image).astype(int) - np.asarray(scene())).mean() < 4

    def test_transparent_parts_lie_over_white(self) -> None:
        image = scene().convert("RGBA")
        image.putalpha(0)
        assert pixels_of(encoded(image, "HEIF", quality=95)).min() > 250

    def test_the_picture_itself_is_decoded_and_not_its_thumbnail(self) -> None:
        data = encoded(scene(480, 320), "HEIF", quality=95, thumbnails=[64])
        decoded = decode(data, side=32)
        assert decoded.image.size == (480, 320) == (decoded.width, decoded.height)

    def test_the_limit_on_pixels_counts(self) -> None:
        data = encoded(scene(100, 50), "HEIF")
        assert decode(data, side=448, max_pixels=5000).width == 100
        with pytest.raises(PictureTooLargeError, match=r"100 x 50 pixels; the limit is 4,999"):
            decode(data, side=448, max_pixels=4999)


def test_draft_keeps_the_shorter_side_and_tells_the_true_upright_size() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    data = encoded(scene(1000, 804), "JPEG", exif=exif)
    decoded = decode(data, side=200)
    assert decoded.image.size == (201, 250)  # a quarter, turned
    assert (decoded.width, decoded.height) == (804, 1000)
    assert decode(data, side=202).image.size == (402, 500)
    assert decode(data, side=805).image.size == (804, 1000)


def test_grey_of_16_bits_is_scaled() -> None:
    values = np.array([[0, 255, 256, 32768, 65280, 65535]], dtype=np.uint16)
    for picture_format in ("PNG", "TIFF"):
        row = pixels_of(encoded(Image.fromarray(values), picture_format))[0]
        np.testing.assert_array_equal(row, [[v] * 3 for v in (0, 0, 1, 128, 255, 255)])


def test_colour_of_16_bits_is_scaled() -> None:
    import struct
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    row = struct.pack(">B6H", 0, 65535, 32768, 0, 256, 512, 65280)
    data = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(row))
        + chunk(b"IEND", b"")
    )
    np.testing.assert_array_equal(pixels_of(data), [[[255, 128, 0], [1, 2, 255]]])


def test_grey_of_32_bits_is_stretched() -> None:
    whole = Image.fromarray(np.array([[-1000, 0, 1000, 70000]], dtype=np.int32))
    np.testing.assert_array_equal(pixels_of(encoded(whole, "TIFF"))[0, :, 0], [0, 4, 7, 255])
    floating = Image.fromarray(np.array([[0.0, 0.25, np.nan, 1.0]], dtype=np.float32))
    np.testing.assert_array_equal(pixels_of(encoded(floating, "TIFF"))[0, :, 0], [0, 64, 0, 255])
    huge = Image.fromarray(np.array([[-3e38, 0.0, 3e38]], dtype=np.float32))
    np.testing.assert_array_equal(pixels_of(encoded(huge, "TIFF"))[0, :, 0], [0, 128, 255])
    even = Image.fromarray(np.full((2, 2), 7.5, dtype=np.float32))
    assert (pixels_of(encoded(even, "TIFF")) == 128).all()


def test_grey_and_bilevel_become_grey() -> None:
    grey = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))
    np.testing.assert_array_equal(pixels_of(encoded(grey, "PNG"))[..., 1], np.asarray(grey))
    bilevel = grey.point(lambda v: 255 * (v > 100)).convert("1")
    np.testing.assert_array_equal(pixels_of(encoded(bilevel, "TIFF"))[..., 2] == 255, np.asarray(bilevel))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_parts_lie_over_white(mode: str) -> None:
    colours = Image.new(mode, (3, 1))
    for x, alpha in enumerate((0, 51, 255)):
        colours.putpixel((x, 0), (10, 20, 30, alpha) if mode == "RGBA" else (10, alpha))
    pixels = pixels_of(encoded(colours, "PNG"))
    np.testing.assert_array_equal(pixels[0, :, 0], [255, 206, 10])


def test_a_transparent_palette_entry_becomes_white() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([200, 0, 0, 0, 200, 0])
    image.putdata([0, 1])
    for picture_format in ("PNG", "GIF"):
        pixels = pixels_of(encoded(image, picture_format, transparency=1))
        np.testing.assert_array_equal(pixels, [[[200, 0, 0], [255, 255, 255]]])


def test_a_transparent_colour_of_rgb_becomes_white() -> None:
    image = Image.new("RGB", (2, 1), (1, 2, 3))
    image.putpixel((1, 0), (9, 9, 9))
    pixels = pixels_of(encoded(image, "PNG", transparency=(9, 9, 9)))
    np.testing.assert_array_equal(pixels, [[[1, 2, 3], [255, 255, 255]]])


def test_cmyk_is_not_inverted() -> None:
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    for picture_format in ("JPEG", "TIFF"):
        mean = pixels_of(encoded(red, picture_format)).mean(axis=(0, 1))
        assert mean[0] > 240
        assert mean[1:].max() < 15


@pytest.mark.parametrize("picture_format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_the_first_frame_is_taken(picture_format: str) -> None:
    frames = [Image.new("RGB", (20, 10), colour) for colour in ("red", "blue", "green")]
    data = encoded(frames[0], picture_format, save_all=True, append_images=frames[1:])
    assert pixels_of(data).mean(axis=(0, 1)).round().tolist() == pytest.approx([255, 0, 0], abs=3)


def test_a_file_is_named_by_its_path_or_as_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded(scene(), "JPEG"))
    assert decode(path, side=448).format == "JPEG"
    path.write_bytes(b"")
    with pytest.raises(PictureEmptyError) as caught:
        decode(path, side=448)
    assert caught.value.name == str(path)
    with pytest.raises(PictureEmptyError, match=r"^upload 7: is empty$"):
        decode(b"", name="upload 7", side=448)


def test_the_suffix_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "really.jpg"
    path.write_bytes(encoded(scene(), "PNG"))
    assert decode(path, side=448).format == "PNG"


def test_missing_folders_and_pipes(tmp_path: Path) -> None:
    with pytest.raises(PictureMissingError, match="no such file"):
        decode(tmp_path / "none.png", side=448)
    with pytest.raises(PictureMissingError, match="is a folder"):
        decode(tmp_path, side=448)
    with pytest.raises(PictureMissingError):
        decode(Path("nul\0.png"), side=448)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.png")
        with pytest.raises(PictureMissingError, match="not a regular file"):
            decode(tmp_path / "pipe.png", side=448)


def test_an_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "locked.png"
    path.write_bytes(encoded(scene(), "PNG"))

    def refuse(self: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", refuse)  # root may read every file, so the mode would not do
    with pytest.raises(PictureMissingError, match=r"cannot be read \(Permission denied\)$"):
        decode(path, side=448)


@pytest.mark.parametrize("data", [b"hello", b"%PDF-1.7", b"<svg></svg>", b"\0" * 100, b"8BPS\0\1"])
def test_what_is_not_a_picture(data: bytes) -> None:
    with pytest.raises(PictureFormatError, match="not a picture in a known format"):
        decode(data, side=448)


def test_a_kind_of_tiff_that_is_not_read_is_no_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)  # as without the extra that reads it
    bits_per_sample = b"\x02\x01\x03\0\x01\0\0\0"
    data = encoded(scene().convert("L"), "TIFF")
    assert data.count(bits_per_sample + b"\x08") == 1
    with pytest.raises(PictureFormatError, match="of a kind that is not read"):
        decode(data.replace(bits_per_sample + b"\x08", bits_per_sample + b"\x07"), side=448)


@pytest.mark.parametrize("picture_format", ["JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP"])
def test_the_limit_on_pixels_is_checked_before_decoding(
    picture_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = encoded(scene(100, 50), picture_format)
    assert decode(data, side=448, max_pixels=5000).width == 100
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("pixels were decoded"))
    with pytest.raises(PictureTooLargeError, match=r"100 x 50 pixels; the limit is 4,999"):
        decode(data, side=448, max_pixels=4999)


def test_the_host_programs_limit_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    for picture_format in ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP"):
        assert decode(encoded(scene(), picture_format), side=448).width == 48
    assert Image.MAX_IMAGE_PIXELS == 10


def test_a_text_bomb_is_not_unpacked() -> None:
    import tracemalloc

    from PIL import PngImagePlugin

    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "x" * 70_000_000, zip=True)
    data = encoded(scene(), "PNG", pnginfo=text)
    tracemalloc.start()
    try:
        np.testing.assert_array_equal(pixels_of(data), np.asarray(scene()))
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_half_a_picture_is_refused_though_the_host_allows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    data = encoded(scene(400, 300), "JPEG")
    with pytest.raises(PictureTruncatedError, match="cut short or damaged"):
        decode(data[: len(data) // 2], side=448)
    assert ImageFile.LOAD_TRUNCATED_IMAGES


def test_pillows_warnings_are_kept_back_and_the_filters_restored(recwarn: pytest.WarningsRecorder) -> None:
    before = list(warnings.filters)
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x02\x01\x12\0\x03\0\0\0\x01\0\x06"  # two entries announced, one begun
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        decode(encoded(scene(), "JPEG", exif=exif), side=448)
        with pytest.raises(PictureTruncatedError):
            decode(encoded(scene(), "TIFF")[:-40], side=448)
    assert not recwarn.list
    assert list(warnings.filters) == before


def test_suffixes_are_those_of_the_installed_formats() -> None:
    assert {".jpg", ".jpeg", ".jpe", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"} <= SUFFIXES
    assert (".heic" in SUFFIXES) == ("HEIF" in FORMATS)
    assert (".avif" in SUFFIXES) == ("AVIF" in FORMATS)
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in SUFFIXES)
