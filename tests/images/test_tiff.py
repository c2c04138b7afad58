"""TIFF of every layout against the pixels that it was written from: right, or refused with a reason."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from lookalike.errors import PictureFormatError, PictureTooLargeError
from lookalike.images.decode import decode
from lookalike.images.tiff_pages import pages_of

tifffile = pytest.importorskip("tifffile")
HEIGHT, WIDTH = 60, 80

Array = npt.NDArray[Any]


def rgb(height: int = HEIGHT, width: int = WIDTH) -> npt.NDArray[np.uint8]:
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 // (width - 1), y * 255 // (height - 1), (x + y) % 256], axis=-1).astype(
        np.uint8
    )


def tiff(samples: Array, **options: Any) -> bytes:
    stream = io.BytesIO()
    big = options.pop("bigtiff", False)
    with tifffile.TiffWriter(stream, bigtiff=big, byteorder=options.pop("byteorder", "<")) as file:
        file.write(samples, **options)
    return stream.getvalue()


def pixels(data: bytes) -> npt.NDArray[np.uint8]:
    return np.asarray(decode(data, side=16).image)


LAYOUTS: dict[str, dict[str, Any]] = {
    "strips": {"rowsperstrip": 7},
    "tiles": {"tile": (16, 32)},
    "deflate": {"compression": "zlib"},
    "deflate, predicted": {"compression": "zlib", "predictor": True},
    "lzw": {"compression": "lzw"},
    "zstd": {"compression": "zstd"},
    "lzma": {"compression": "lzma"},
    "bigtiff": {"bigtiff": True},
}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_colour_of_every_layout(layout: str, planar: bool, dtype: type, order: str, capfd: Any) -> None:
    wanted = rgb()
    samples = wanted.astype(dtype) * dtype(257 if dtype is np.uint16 else 1)
    options = {"photometric": "rgb", "byteorder": order, **LAYOUTS[layout]}
    if planar:
        samples, options["planarconfig"] = samples.transpose(2, 0, 1), "separate"
    np.testing.assert_array_equal(pixels(tiff(samples, **options)), wanted)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "u4", "f2", "f4", "f8", "i8", "u8"])
@pytest.mark.parametrize("colour", [False, True])
def test_samples_without_a_white_are_stretched(dtype: str, colour: bool) -> None:
    wanted = rgb() if colour else rgb()[..., 0]
    low, high = {"i1": (-128, 127), "u4": (0, 2**32 - 1)}.get(
        dtype, (-200, 1000) if dtype[0] != "u" else (0, 9000)
    )
    samples = (low + wanted.astype(np.float64) * ((high - low) / 255)).astype(dtype)
    options = {"photometric": "rgb" if colour else "minisblack", "planarconfig": "contig" if colour else None}
    got = pixels(tiff(samples, **options))
    assert np.abs(got.astype(int) - (wanted if colour else wanted[..., np.newaxis])).max() <= 1


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("planar", [False, True])
def test_cmyk(bits: int, planar: bool) -> None:
    ink = np.zeros((HEIGHT, WIDTH, 4), dtype=f"u{bits // 8}")
    ink[..., 1:3] = np.iinfo(ink.dtype).max  # magenta and yellow: red
    data = tiff(
        ink.transpose(2, 0, 1) if planar else ink,
        photometric="separated",
        planarconfig="separate" if planar else "contig",
    )
    mean = pixels(data).mean(axis=(0, 1))
    assert mean[0] > 240
    assert mean[1:].max() < 15


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
def test_transparent_parts_lie_over_white(planar: bool, bits: int) -> None:
    scale = 257 if bits == 16 else 1
    samples = np.zeros((HEIGHT, WIDTH, 4), dtype=f"u{bits // 8}")
    samples[..., 0], samples[20:, :, 3] = 200 * scale, 255 * scale
    data = tiff(
        samples.transpose(2, 0, 1) if planar else samples,
        photometric="rgb",
        planarconfig="separate" if planar else "contig",
        extrasamples=["unassalpha"],
    )
    got = pixels(data)
    assert (got[:20] == 255).all()
    assert (got[20:] == [200, 0, 0]).all()


def test_palette_and_white_as_zero() -> None:
    table = np.random.default_rng(0).integers(0, 256, (3, 256)) * 257
    index = rgb()[..., 0]
    got = pixels(tiff(index, photometric="palette", colormap=table.astype("u2")))
    np.testing.assert_array_equal(got, (table // 257).T[index])
    for dtype, scale in (("u1", 1), ("u2", 257)):
        got = pixels(tiff((255 - index).astype(dtype) * scale, photometric="miniswhite"))
        np.testing.assert_array_equal(got[..., 0], index)


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("layout", ["strips", "deflate"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_colour_of_fewer_bits_in_16(bits: int, planar: bool, layout: str, order: str) -> None:
    wanted = rgb()
    samples = (wanted.astype(np.uint16) * 257) >> (16 - bits)
    options = {"photometric": "rgb", "byteorder": order, **LAYOUTS[layout]}
    if planar:
        samples, options["planarconfig"] = samples.transpose(2, 0, 1), "separate"
    np.testing.assert_array_equal(pixels(tiff(samples, **options)), wanted)


def test_a_declared_largest_value_is_believed() -> None:
    dark = np.full((HEIGHT, WIDTH), 500, dtype=np.uint16)
    told = tiff(dark, photometric="minisblack", extratags=[(281, "H", 1, 4095, True)])
    assert (pixels(told) == 500 >> 4).all()
    assert (pixels(tiff(dark, photometric="minisblack")) == 500 >> 2).all()


def test_values_that_stand_for_nothing_are_black() -> None:
    heights = rgb()[..., 0].astype(np.float32) + 100
    heights[:5] = -9999
    got = pixels(tiff(heights, photometric="minisblack", extratags=[(42113, "s", 0, "-9999", True)]))
    assert (got[:5] == 0).all()
    np.testing.assert_array_equal(got[5:, :, 0], rgb()[5:, :, 0])


class TestPages:
    """Which page is the picture."""

    @staticmethod
    def with_thumbnail(*, flag: bool, inside: bool, bigtiff: bool = False, order: str = "<") -> bytes:
        stream = io.BytesIO()
        small = np.asarray(Image.fromarray(rgb(600, 800)).resize((80, 60)))
        with tifffile.TiffWriter(stream, bigtiff=bigtiff, byteorder=order) as file:
            file.write(small, photometric="rgb", subfiletype=1 if flag else 0, subifds=1 if inside else 0)
            file.write(rgb(600, 800), photometric="rgb", subfiletype=0)
        return stream.getvalue()

    @pytest.mark.parametrize("bigtiff", [False, True])
    @pytest.mark.parametrize("order", ["<", ">"])
    @pytest.mark.parametrize(("flag", "inside"), [(True, False), (True, True), (False, False)])
    def test_a_thumbnail_before_it_is_passed_over(
        self, flag: bool, inside: bool, bigtiff: bool, order: str
    ) -> None:
        data = self.with_thumbnail(flag=flag, inside=inside, bigtiff=bigtiff, order=order)
        decoded = decode(data, side=16)
        assert (decoded.width, decoded.height) == (800, 600)
        np.testing.assert_array_equal(np.asarray(decoded.image), rgb(600, 800))

    def test_the_first_of_several_pages_is_taken(self) -> None:
        stream = io.BytesIO()
        with tifffile.TiffWriter(stream) as file:
            file.write(rgb(), photometric="rgb")
            file.write(rgb(300, 200), photometric="rgb")  # of another shape
            file.write(rgb()[::-1], photometric="rgb")
        np.testing.assert_array_equal(pixels(stream.getvalue()), rgb())

    def test_pages_that_go_round_in_a_circle(self) -> None:
        stream = io.BytesIO()
        with tifffile.TiffWriter(stream) as file:
            file.write(rgb(), photometric="rgb")
        data = bytearray(stream.getvalue())
        first = int.from_bytes(data[4:8], "little")
        count = int.from_bytes(data[first : first + 2], "little")
        data[first + 2 + 12 * count :][:4] = data[4:8]
        data[first + 2 + 12 * count : first + 6 + 12 * count] = data[4:8]
        np.testing.assert_array_equal(pixels(bytes(data)), rgb())


@pytest.mark.parametrize("mode", ["composite", "color", "grayscale"])
def test_channels_of_imagej(mode: str) -> None:
    stream = io.BytesIO()
    channels = rgb().transpose(2, 0, 1)
    tifffile.imwrite(
        stream, np.ascontiguousarray(channels), imagej=True, metadata={"axes": "CYX", "mode": mode}
    )
    got = pixels(stream.getvalue())
    wanted = rgb()
    if mode == "color":
        wanted[..., 1:] = 0
    if mode == "grayscale":
        wanted = np.repeat(wanted[..., :1], 3, axis=2)
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("compression", ["jpeg2000", "webp", "jpegxl", "jpegxr", "lerc", "png"])
def test_compressions_that_pillow_lacks(compression: str, capfd: Any) -> None:
    pytest.importorskip("imagecodecs")
    data = tiff(rgb(), photometric="rgb", compression=compression)
    assert np.abs(pixels(data).astype(int) - rgb()).mean() < 4
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("compression", ["jpeg2000", "webp", "jpegxl", "jpegxr", "lerc"])
def test_without_the_extra_they_are_refused_as_whole(
    compression: str, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    pytest.importorskip("imagecodecs")
    data = tiff(rgb(), photometric="rgb", compression=compression)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(PictureFormatError, match=r"not read \(TIFF: compression .*lookalike\[codecs\]"):
        decode(data, side=16)
    assert capfd.readouterr() == ("", "")


def test_without_the_extra_planes_of_16_bits_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = tiff(rgb().astype("u2").transpose(2, 0, 1), photometric="rgb", planarconfig="separate")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(PictureFormatError, match=r"3 unsigned samples of 16 bits in separate planes.*codecs"):
        decode(data, side=16)


@pytest.mark.parametrize(
    "samples", [np.zeros((8, 8), "c8"), np.zeros((30, 20, 5), "u2"), np.zeros((20, 30, 40), "u1")]
)
def test_what_is_no_picture_is_refused(samples: Array) -> None:
    options = {"volumetric": True} if samples.shape == (20, 30, 40) else {"planarconfig": "contig"}
    if samples.shape == (8, 8):
        options = {}
    with pytest.raises(PictureFormatError, match="of a kind that is not read"):
        decode(tiff(samples, photometric="minisblack", **options), side=16)


@pytest.mark.parametrize("compression", ["jpeg2000", "png", "webp", "jpegxl"])
def test_a_strip_that_is_larger_than_its_page_is_refused(compression: str) -> None:
    """What a strip declares by itself is what its decoder makes room for."""
    pytest.importorskip("imagecodecs")
    honest = tiff(np.zeros((200, 300, 3), np.uint8), compression=compression)
    assert pixels(honest).shape == (200, 300, 3)
    small = bytearray(honest)
    at = int.from_bytes(small[4:8], "little")
    for place in range(at + 2, at + 2 + 12 * int.from_bytes(small[at : at + 2], "little"), 12):
        if int.from_bytes(small[place : place + 2], "little") in (
            256,
            257,
            278,
        ):  # width, height, rows of a strip
            small[place + 8 : place + 12] = (8).to_bytes(4, "little")
    with pytest.raises(PictureTooLargeError, match="300 x 200"):
        decode(bytes(small), side=16, max_pixels=1000)


def test_tags_that_nobody_asks_for_are_not_kept() -> None:
    data = tiff(rgb(), extratags=[(tag, 4, 500, (1,) * 500, True) for tag in range(40_000, 40_100)])
    (page,) = pages_of(data)
    assert not any(tag >= 40_000 for tag in page.tags)
    assert all(len(values) <= 64 for values in page.tags.values())


def test_pixels_that_begin_as_a_raw_photograph_does_are_none() -> None:
    grey = np.full((20, 20), ord("R"), np.uint8)
    grey[0, 0] = ord("C")
    data = tiff(grey)
    start = data.index(grey.tobytes())
    moved = data[:8] + grey.tobytes() + data[8:start]  # pixels first, and the directory after them
    assert moved[8:10] == b"CR"
    shift = grey.size
    whole = bytearray(moved)
    at = int.from_bytes(data[4:8], "little") + shift
    whole[4:8] = at.to_bytes(4, "little")
    for place in range(at + 2, at + 2 + 12 * int.from_bytes(whole[at : at + 2], "little"), 12):
        tag, kind, count = (
            int.from_bytes(whole[place + a : place + b], "little") for a, b in ((0, 2), (2, 4), (4, 8))
        )
        size = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8}[kind] * count
        if tag == 273:
            whole[place + 8 : place + 12] = (8).to_bytes(4, "little")
        elif size > 4:
            value = int.from_bytes(whole[place + 8 : place + 12], "little") + shift
            whole[place + 8 : place + 12] = value.to_bytes(4, "little")
    np.testing.assert_array_equal(pixels(bytes(whole))[..., 0], grey)


def test_grey_stacks_of_imagej_need_no_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BytesIO()
    tifffile.imwrite(
        stream, np.stack([rgb()[..., 0]] * 2), imagej=True, metadata={"axes": "CYX", "mode": "grayscale"}
    )
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    np.testing.assert_array_equal(pixels(stream.getvalue())[..., 0], rgb()[..., 0])
