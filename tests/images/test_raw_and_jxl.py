"""Raw photographs, JPEG XL and JPEG 2000."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from lookalike.errors import PictureFormatError, PictureTooLargeError, PictureTruncatedError
from lookalike.images.decode import decode
from lookalike.images.formats import FORMATS
from lookalike.images.jxl import declared_size

WIDTH, HEIGHT = 800, 600


def rgb(width: int = WIDTH, height: int = HEIGHT) -> npt.NDArray[np.uint8]:
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 // width, y * 255 // height, (x + y) * 255 // (width + height)], axis=2).astype(
        np.uint8
    )


def dng(*, preview: tuple[int, int] | None, orientation: int = 1) -> bytes:
    """Return a DNG, first of it a thumbnail of one colour; a preview, if any, is darker than the photograph."""
    tifffile = pytest.importorskip("tifffile")
    pytest.importorskip("imagecodecs")
    light = ((rgb() / 255.0) ** 2.2 * 60_000 + 500).astype("u2")
    mosaic = np.empty((HEIGHT, WIDTH), "u2")
    for row, column, channel in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        mosaic[row::2, column::2] = light[row::2, column::2, channel]
    matrix = (32405, -15371, -4985, -9693, 18760, 416, 556, -2040, 10572)
    tags: list[Any] = [
        (50706, "B", 4, (1, 4, 0, 0), True),
        (50708, "s", 0, "Example Camera", True),
        (50721, "2i", 9, tuple(number for value in matrix for number in (value, 10_000)), True),
        (50728, "2I", 3, (1, 1, 1, 1, 1, 1), True),
        (50778, "H", 1, 21, True),
        (271, "s", 0, "Example", True),
        (272, "s", 0, "Camera", True),
        (274, "H", 1, orientation, True),
    ]
    sensor: list[Any] = [
        (33421, "H", 2, (2, 2), True),
        (33422, "B", 4, (0, 1, 1, 2), True),
        (50714, "H", 1, 500, True),
        (50717, "I", 1, 60_500, True),
    ]
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as file:
        thumbnail = np.full((48, 64, 3), 99, np.uint8)
        file.write(thumbnail, photometric="rgb", subifds=2 if preview else 1, subfiletype=1, extratags=tags)
        file.write(mosaic, photometric=32803, subfiletype=0, extratags=sensor)
        if preview:
            small = np.asarray(Image.fromarray(rgb() // 2).resize(preview).convert("YCbCr"))
            options = {"photometric": "ycbcr", "compression": "jpeg", "compressionargs": {"level": 95}}
            file.write(small, subfiletype=1, rowsperstrip=preview[1], **options)
    return stream.getvalue()


@pytest.mark.skipif("RAW" not in FORMATS, reason="rawpy is not installed")
class TestRaw:
    @pytest.mark.parametrize(("orientation", "turn"), [(1, 0), (3, 2), (6, -1), (8, 1)])
    def test_the_largest_preview_is_taken_and_the_size_is_the_photographs(
        self, orientation: int, turn: int
    ) -> None:
        decoded = decode(dng(preview=(400, 300), orientation=orientation), side=192)
        wanted = np.rot90(rgb(), turn)
        assert (decoded.height, decoded.width) == wanted.shape[:2]
        assert decoded.format == "RAW"
        assert sorted(decoded.image.size) == [300, 400]
        small = np.asarray(decoded.image.resize((wanted.shape[1], wanted.shape[0])))
        assert np.abs(small.astype(int) - wanted // 2).mean() < 5

    @pytest.mark.parametrize("preview", [None, (400, 300)])
    @pytest.mark.parametrize("side", [192, 448])
    def test_without_a_preview_of_that_size_it_is_developed(
        self, preview: tuple[int, int] | None, side: int
    ) -> None:
        if preview and side < 300:
            pytest.skip("that preview will do")
        decoded = decode(dng(preview=preview), side=side)
        assert (decoded.width, decoded.height) == (WIDTH, HEIGHT)
        assert min(decoded.image.size) >= side
        got = np.asarray(decoded.image.resize((WIDTH, HEIGHT))).astype(int)
        assert np.abs(got - rgb()).mean() < 15
        assert got[300, 700, 0] > got[300, 100, 0] + 100

    def test_the_limit_on_pixels_counts(self) -> None:
        with pytest.raises(PictureTooLargeError, match="800 x 600 pixels"):
            decode(dng(preview=(400, 300)), side=96, max_pixels=479_999)

    def test_of_an_unknown_camera_it_is_refused(self) -> None:
        tifffile = pytest.importorskip("tifffile")
        stream = io.BytesIO()
        with tifffile.TiffWriter(stream) as file:
            tags = [(50706, "B", 4, (1, 4, 0, 0), True)]
            file.write(rgb(64, 48), photometric="rgb", subifds=1, subfiletype=1, extratags=tags)
            noise = np.random.default_rng(0).integers(0, 4096, (1200, 1600)).astype("u2")
            file.write(noise, photometric="minisblack", subfiletype=0)
        with pytest.raises(PictureFormatError):
            decode(stream.getvalue(), side=16)


def test_raw_without_the_extra_is_told_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    data = dng(preview=None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(PictureFormatError, match=r"a raw photograph.*pip install 'lookalike\[raw\]'"):
        decode(data, side=16)


@pytest.mark.skipif("JXL" not in FORMATS, reason="pillow-jxl-plugin is not installed")
class TestJpegXl:
    @staticmethod
    def encoded(image: Image.Image, **options: Any) -> bytes:
        import pillow_jxl.JpegXLImagePlugin  # registers it

        assert pillow_jxl
        stream = io.BytesIO()
        image.save(stream, "JXL", lossless=True, **options)
        return stream.getvalue()

    @pytest.mark.parametrize("container", [False, True])
    def test_it_is_read(self, container: bool) -> None:
        decoded = decode(self.encoded(Image.fromarray(rgb(301, 200)), use_container=container), side=16)
        assert (decoded.format, decoded.width, decoded.height) == ("JXL", 301, 200)
        np.testing.assert_array_equal(np.asarray(decoded.image), rgb(301, 200))

    @pytest.mark.parametrize(
        "size", [(8, 8), (256, 256), (257, 100), (1024, 768), (1000, 8), (640, 320), (3000, 7)]
    )
    def test_its_size_is_known_before_it_is_decoded(self, size: tuple[int, int]) -> None:
        assert declared_size(self.encoded(Image.new("L", size), effort=1)) == size

    def test_a_size_in_several_boxes_is_known_and_none_at_all_is_refused(self) -> None:
        bare = self.encoded(Image.fromarray(rgb(300, 200)), use_container=False)
        start = b"\0\0\0\x0cJXL \r\n\x87\n" + b"\0\0\0\x14ftypjxl \0\0\0\0jxl "
        parts = [bare[:2], bare[2:5], bare[5:]]
        split = start + b"".join(
            (12 + len(part)).to_bytes(4, "big") + b"jxlp" + number.to_bytes(4, "big") + part
            for number, part in zip((0, 1, 0x80000002), parts, strict=True)
        )
        assert declared_size(split) == (300, 200)
        with pytest.raises(PictureTooLargeError, match="300 x 200"):
            decode(split, side=16, max_pixels=59_999)
        hidden = start + 101 * b"\0\0\0\x08free" + (8 + len(bare)).to_bytes(4, "big") + b"jxlc" + bare
        with pytest.raises(PictureTruncatedError):
            decode(hidden, side=16)

    def test_the_limit_on_pixels_counts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        data = self.encoded(Image.fromarray(rgb(300, 200)))
        monkeypatch.setattr("importlib.import_module", lambda name: pytest.fail("it was opened"))
        with pytest.raises(PictureTooLargeError, match="300 x 200"):
            decode(data, side=16, max_pixels=59_999)


@pytest.mark.skipif("JPEG2000" not in FORMATS, reason="Pillow is built without OpenJPEG")
@pytest.mark.parametrize("no_jp2", [False, True])
def test_jpeg_2000_is_read(no_jp2: bool) -> None:
    stream = io.BytesIO()
    Image.fromarray(rgb(300, 200)).save(stream, "JPEG2000", no_jp2=no_jp2)
    decoded = decode(stream.getvalue(), side=16)
    assert (decoded.format, decoded.width, decoded.height) == ("JPEG2000", 300, 200)
    np.testing.assert_array_equal(np.asarray(decoded.image), rgb(300, 200))
    for length in range(0, len(stream.getvalue()), 997):
        try:
            decode(stream.getvalue()[:length], side=16)
        except Exception as error:
            assert type(error).__name__.startswith("Picture")
