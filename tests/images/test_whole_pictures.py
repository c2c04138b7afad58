"""Pictures whose pixels are all there are read, or told by kind: they are never called damaged."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from lookalike.errors import PictureFormatError, PictureTooLargeError, PictureTruncatedError
from lookalike.images.decode import decode
from lookalike.images.depth import bits_in_use, to_uint8
from lookalike.images.formats import FORMATS


def rgb(width: int = 300, height: int = 200) -> npt.NDArray[np.uint8]:
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 // width, y * 255 // height, (x + y) % 256], axis=2).astype(np.uint8)


def encoded(image: Image.Image, picture_format: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, picture_format, **options)
    return stream.getvalue()


def pixels(data: bytes, side: int = 16) -> npt.NDArray[np.uint8]:
    return np.asarray(decode(data, side=side).image)


class TestJpeg:
    @pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 1}])
    def test_without_its_end_marker_it_is_whole(self, options: dict[str, Any]) -> None:
        data = encoded(Image.fromarray(rgb()), "JPEG", quality=90, **options)
        np.testing.assert_array_equal(pixels(data[:-2], side=448), pixels(data, side=448))
        np.testing.assert_array_equal(pixels(data[:-1], side=448), pixels(data, side=448))

    @pytest.mark.parametrize("lacking", [40, 200, 2000])
    def test_without_its_last_pixels_it_is_not(self, lacking: int) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
        data = encoded(Image.fromarray(noise), "JPEG")
        with pytest.raises(PictureTruncatedError):
            pixels(data[:-lacking])

    def test_a_progressive_one_that_lacks_scans_is_not_whole(self) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
        data = encoded(Image.fromarray(noise), "JPEG", progressive=True)
        starts = [at for at in range(len(data)) if data[at : at + 2] == b"\xff\xda"]
        assert len(starts) > 3
        for start in starts[1:]:
            for cut in (start, start + 2, start + 12):
                with pytest.raises(PictureTruncatedError):
                    pixels(data[:cut])

    def test_lossless_ones_are_read_although_they_cannot_be_scaled(self) -> None:
        imagecodecs = pytest.importorskip("imagecodecs")
        for width, height in ((100, 80), (800, 600)):
            wanted = rgb(width, height)
            np.testing.assert_array_equal(pixels(imagecodecs.jpeg8_encode(wanted, lossless=True)), wanted)

    def test_12_bits_are_read_and_jpeg_ls_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        imagecodecs = pytest.importorskip("imagecodecs")
        wanted = rgb()
        ls = imagecodecs.jpegls_encode(wanted)
        twelve = imagecodecs.jpeg8_encode(wanted.astype("u2") * 16, level=95, bitspersample=12)
        assert np.abs(pixels(twelve).astype(int) - wanted).mean() < 4
        with pytest.raises(PictureTooLargeError, match="300 x 200"):
            decode(twelve, side=16, max_pixels=59_999)
        with pytest.raises(PictureFormatError, match=r"of a kind that is not read \(JPEG-LS\)$"):
            pixels(ls)
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        with pytest.raises(PictureFormatError, match=r"not read \(JPEG of 12 bits\).*lookalike\[codecs\]"):
            pixels(twelve)


class TestPng:
    TEXT = zlib.compress(b"{'node': 17, 'prompt': 'a red shoe'}," * 60_000)
    LONG = (
        (b"zTXt", b"workflow\0\0" + TEXT),
        (b"iTXt", b"workflow\0\1\0\0\0" + TEXT),
        (b"iCCP", b"profile\0\0" + TEXT),
    )

    @staticmethod
    def with_chunk(data: bytes, kind: bytes, content: bytes, *, last: bool = False) -> bytes:
        chunk = (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )
        place = len(data) - 12 if last else 33
        return data[:place] + chunk + data[place:]

    @pytest.mark.parametrize(("kind", "content"), LONG)
    @pytest.mark.parametrize("last", [False, True])
    def test_much_text_costs_no_picture(self, kind: bytes, content: bytes, last: bool) -> None:
        data = self.with_chunk(encoded(Image.fromarray(rgb()), "PNG"), kind, content, last=last)
        np.testing.assert_array_equal(pixels(data), rgb())

    def test_it_stays_upright(self) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6
        data = encoded(Image.fromarray(np.rot90(rgb()).copy()), "PNG", exif=exif)
        np.testing.assert_array_equal(pixels(self.with_chunk(data, *self.LONG[0])), rgb())

    def test_cut_short_it_is_damaged_whatever_its_text(self) -> None:
        data = self.with_chunk(encoded(Image.fromarray(rgb()), "PNG"), *self.LONG[0])
        with pytest.raises(PictureTruncatedError):
            pixels(data[:-300])

    def test_colour_of_12_bits_in_16(self) -> None:
        wanted = rgb()
        for alpha in (False, True):
            samples = (wanted.astype(">u2") * 257) >> 4
            if alpha:
                samples = np.concatenate([samples, np.full_like(samples[..., :1], 65535)], axis=2)
            rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
            head = struct.pack(">IIBBBBB", 300, 200, 16, 6 if alpha else 2, 0, 0, 0)
            data = b"\x89PNG\r\n\x1a\n" + bytes(12)
            empty = data[:8] + bytes(25)
            data = self.with_chunk(empty, b"IDAT", zlib.compress(rows))[33:]
            ihdr = self.with_chunk(empty, b"IHDR", head)[33:]
            end = self.with_chunk(empty, b"IEND", b"")[33:]
            np.testing.assert_array_equal(pixels(empty[:8] + ihdr + data + end), wanted)

    def test_significant_bits_are_believed(self) -> None:
        dark = encoded(Image.fromarray(np.full((20, 20), 500, dtype=np.uint16)), "PNG")
        assert (pixels(dark) == 500 >> 2).all()
        assert (pixels(self.with_chunk(dark, b"sBIT", b"\x0c")) == 500 >> 4).all()
        assert (pixels(self.with_chunk(dark, b"sBIT", b"\x10")) == 500 >> 8).all()


@given(st.integers(0, 65535), st.none() | st.integers(1, 16))
def test_the_bits_in_use_hold_the_largest_value(largest: int, declared: int | None) -> None:
    bits = bits_in_use(largest, declared)
    assert largest < 1 << bits
    assert 8 <= bits <= 16


@settings(deadline=None)
@given(st.sampled_from([8, 10, 12, 14, 16]), st.integers(0, 2**32 - 1))
def test_grey_of_fewer_bits_is_its_copy_of_8_bits(bits: int, seed: int) -> None:
    grey = np.random.default_rng(seed).integers(0, 256, (20, 30)).astype(np.uint8)
    grey[0, 0] = 255
    deep = (grey.astype(np.uint16) * 257) >> (16 - bits)
    np.testing.assert_array_equal(to_uint8(deep), grey)
    for picture_format in ("PNG", "TIFF"):
        np.testing.assert_array_equal(pixels(encoded(Image.fromarray(deep), picture_format))[..., 0], grey)


class TestGround:
    @staticmethod
    def drawing(colour: tuple[int, ...], mode: str = "RGBA") -> Image.Image:
        image = Image.new(mode, (128, 128), (0,) * len(colour))
        ImageDraw.Draw(image).ellipse([20, 20, 108, 108], outline=colour, width=14)
        return image

    @pytest.mark.parametrize(
        ("mode", "white", "black"), [("RGBA", (255,) * 4, (0, 0, 0, 255)), ("LA", (255, 255), (0, 255))]
    )
    def test_white_drawings_lie_over_black(
        self, mode: str, white: tuple[int, ...], black: tuple[int, ...]
    ) -> None:
        over_black = pixels(encoded(self.drawing(white, mode), "PNG"))
        over_white = pixels(encoded(self.drawing(black, mode), "PNG"))
        np.testing.assert_array_equal(over_black, 255 - over_white)
        assert over_white[0, 0, 0] == 255

    def test_what_is_seen_over_white_stays_there(self) -> None:
        for colour in ((230, 230, 230, 255), (255, 255, 0, 255), (200, 0, 0, 90)):
            assert (pixels(encoded(self.drawing(colour), "PNG"))[0, 0] == 255).all()

    def test_a_palette_with_a_transparent_entry(self) -> None:
        image = self.drawing((255,) * 4).convert("RGB").quantize(4)
        ground = image.getpixel((0, 0))
        got = pixels(encoded(image, "GIF", transparency=ground))
        assert (got[0, 0] == 0).all()
        assert got.max() == 255


class TestFrames:
    @staticmethod
    def scene(seed: int) -> Image.Image:
        return Image.fromarray(
            np.random.default_rng(seed).integers(0, 256, (8, 12, 3), dtype=np.uint8)
        ).resize((120, 80), 0)

    @pytest.mark.parametrize("picture_format", ["GIF", "PNG", "WEBP", "AVIF"])
    @pytest.mark.parametrize("blank", ["black", "white"])
    def test_blank_ones_are_passed_over(self, picture_format: str, blank: str) -> None:
        if picture_format not in FORMATS:
            pytest.skip(f"{picture_format} is not installed")
        ground, scene = Image.new("RGB", (120, 80), blank), self.scene(1)
        fade = [ground, Image.blend(ground, scene, 0.03), Image.blend(ground, scene, 0.4), scene, ground]
        got = pixels(encoded(fade[0], picture_format, save_all=True, append_images=fade[1:], duration=50))
        assert np.abs(got.astype(int) - np.asarray(scene)).mean() < 25

    def test_the_first_that_shows_something_is_taken(self) -> None:
        first, second = Image.blend(Image.new("RGB", (120, 80)), self.scene(1), 0.5), self.scene(2)
        got = pixels(encoded(first, "PNG", save_all=True, append_images=[second]))
        np.testing.assert_array_equal(got, np.asarray(first))

    def test_a_later_one_that_is_damaged_costs_itself_only(self) -> None:
        frames = [Image.new("RGB", (120, 80), "black"), self.scene(1), self.scene(2)]
        data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
        whole = pixels(data)
        assert whole.std() > 8
        assert decode(data[:-1500], side=16).width == 120


@pytest.mark.skipif("HEIF" not in FORMATS, reason="pillow-heif is not installed")
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_heif_that_is_turned_by_exif_alone(orientation: int) -> None:
    from pillow_heif import register_heif_opener

    register_heif_opener()  # to write one

    turn = {1: 0, 3: 2, 6: 1, 8: -1}[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = io.BytesIO()
    held = Image.fromarray(np.rot90(rgb(), turn).copy())
    held.save(stream, "HEIF", exif=exif, quality=90)
    assert b"irot" not in stream.getvalue()
    decoded = decode(stream.getvalue(), side=96)
    assert (decoded.width, decoded.height) == (300, 200)
    assert np.abs(np.asarray(decoded.image).astype(int) - rgb()).mean() < 8


def test_a_frame_that_hangs_over_the_edge_is_not_looked_at() -> None:
    """Pillow makes the picture larger for it, however large it is."""
    blank, large = Image.new("L", (1, 1)), Image.fromarray(rgb(150, 150)).convert("L")
    head, other = encoded(blank, "GIF"), encoded(large, "GIF")
    colours = 3 * 256
    frame = other[13 + 3 * (2 << (other[10] & 7)) :]  # after the header and its table of colours
    local = frame[:9] + bytes([frame[9] | 0x87]) + (bytes(range(256)) * 3)[:colours] + frame[10:]
    grown = head[:-1] + local
    decoded = decode(grown, side=16, max_pixels=1000)
    assert (decoded.width, decoded.height) == (1, 1)
