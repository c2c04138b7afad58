"""Colours of every space against the same colours in sRGB."""

from __future__ import annotations

import functools
import io
import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms

from lookalike.images import profiles
from lookalike.images.cicp import Cicp, to_srgb
from lookalike.images.decode import decode
from lookalike.images.formats import FORMATS

Float = npt.NDArray[np.float64]


def patches() -> npt.NDArray[np.uint8]:
    """Colours that are not so vivid that a smaller space would lack them, in squares of 16 pixels."""
    step = np.linspace(60, 190, 6).astype(np.uint8)
    colours = np.stack(np.meshgrid(step, step, step), axis=-1).reshape(12, 18, 3)
    return colours.repeat(16, axis=0).repeat(16, axis=1)


def linear(pixels: npt.NDArray[np.uint8]) -> Float:
    value = pixels / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def to_xyz(xy: tuple[float, ...]) -> Float:
    points = np.array([*xy, 0.3127, 0.3290]).reshape(4, 2)
    columns = np.stack([points[:, 0], points[:, 1], 1 - points.sum(axis=1)]) / points[:, 1]
    return np.asarray(columns[:, :3] * np.linalg.solve(columns[:, :3], columns[:, 3]))


SRGB = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
ADOBE = (0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
P3 = (0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
REC_2020 = (0.708, 0.292, 0.170, 0.797, 0.131, 0.046)


def in_space(primaries: tuple[float, ...], encode: Any) -> npt.NDArray[np.uint8]:
    light = linear(patches()) @ (np.linalg.inv(to_xyz(primaries)) @ to_xyz(SRGB)).T
    return np.asarray(np.rint(encode(np.clip(light, 0, None)) * 255), dtype=np.uint8)


def profile(
    primaries: tuple[float, ...], gamma: float, *, code_points: tuple[int, int] | None = None
) -> bytes:
    """Return an ICC profile, version 2, of three primaries and a gamma; its white is adapted to D50 by Bradford."""
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    d50, d65 = np.array([0.9642, 1, 0.8249]), to_xyz(primaries).sum(axis=1)
    adapted = (
        np.linalg.inv(bradford) @ np.diag((bradford @ d50) / (bradford @ d65)) @ bradford @ to_xyz(primaries)
    )

    def fixed(values: Any) -> bytes:
        return b"".join(struct.pack(">i", round(float(value) * 65536)) for value in values)

    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78) + b"\0",
        b"wtpt": b"XYZ " + bytes(4) + fixed(d50),
        **{
            name: b"XYZ " + bytes(4) + fixed(adapted[:, i])
            for i, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))
        },
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    if code_points is not None:
        tags[b"cicp"] = b"cicp" + bytes(4) + bytes([*code_points, 0, 1])
    table, body, start = b"", b"", 132 + 12 * len(tags)
    for name, content in tags.items():
        content += bytes(-len(content) % 4)
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content
    head = struct.pack(">I4sI4s4s4s", start + len(body), b"lcms", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + fixed(d50) + bytes(48)
    return head + struct.pack(">I", len(tags)) + table + body


def encoded(pixels: npt.NDArray[np.uint8], picture_format: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    if picture_format == "HEIF":
        import pillow_heif

        pillow_heif.from_pillow(Image.fromarray(pixels)).save(stream, **options)
    else:
        Image.fromarray(pixels).save(stream, picture_format, **options)
    return stream.getvalue()


def off(data: bytes) -> int:
    """Return by how much the centres of the patches are off."""
    got = np.asarray(decode(data, side=448).image).astype(int)
    return int(np.abs(got - patches())[8::16, 8::16].max())


SPACES = {"Adobe RGB": (ADOBE, 2.2), "P3 of gamma 2.2": (P3, 2.2), "wide, of gamma 1.8": (REC_2020, 1.8)}


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("picture_format", ["PNG", "JPEG", "TIFF", "WEBP", "AVIF", "HEIF"])
def test_a_profile_is_applied(space: str, picture_format: str) -> None:
    if picture_format not in FORMATS:
        pytest.skip(f"{picture_format} is not installed")
    primaries, gamma = SPACES[space]
    pixels = in_space(primaries, lambda light: light ** (1 / gamma))
    every: dict[str, dict[str, Any]] = {
        "JPEG": {"quality": 100, "subsampling": 0},
        "WEBP": {"lossless": True},
        "AVIF": {"quality": 100, "subsampling": "4:4:4"},
        "HEIF": {"quality": 100, "chroma": 444},
    }
    options = every.get(picture_format, {})
    data = encoded(pixels, picture_format, icc_profile=profile(primaries, gamma), **options)
    bound = 4 if picture_format in {"PNG", "TIFF", "WEBP"} else 9
    assert off(data) <= bound < off(encoded(pixels, picture_format, **options))


@pytest.mark.skipif("JPEG2000" not in FORMATS, reason="Pillow is built without OpenJPEG")
def test_a_profile_of_jpeg_2000_is_applied() -> None:
    data = encoded(in_space(ADOBE, lambda light: light ** (1 / 2.2)), "JPEG2000")
    content = b"colr" + bytes([2, 0, 0]) + profile(ADOBE, 2.2)
    header, colour = data.index(b"jp2h") - 4, data.index(b"colr") - 4
    box = struct.pack(">I", 4 + len(content)) + content
    length = struct.unpack_from(">I", data, header)[0] + len(box) - 15
    told = data[:header] + struct.pack(">I", length) + data[header + 4 : colour] + box + data[colour + 15 :]
    assert off(told) <= 4 < off(data)


def test_transparent_pictures_have_profiles_too() -> None:
    pixels = in_space(ADOBE, lambda light: light ** (1 / 2.2))
    opaque = np.concatenate([pixels, np.full_like(pixels[..., :1], 255)], axis=2)
    assert off(encoded(opaque, icc_profile=profile(ADOBE, 2.2))) <= 4


def test_a_profile_of_srgb_costs_nothing() -> None:
    ours = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = Image.fromarray(patches())
    assert profiles.to_srgb(image, ours) is image


@pytest.mark.parametrize(
    "damage", [b"", b"rubbish", profile(ADOBE, 2.2)[:200], profile(ADOBE, 2.2).replace(b"RGB ", b"CMYK")]
)
def test_a_profile_that_makes_no_sense_is_passed_over(damage: bytes) -> None:
    assert off(encoded(patches(), icc_profile=damage)) == 0


def pq(light: Float) -> Float:
    """SMPTE ST 2084, where 1 is 203 cd/m2."""
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    power = (light * 203 / 10_000) ** m1
    return np.asarray(((c1 + c2 * power) / (1 + c3 * power)) ** m2)


def hlg(light: Float) -> Float:
    """BT.2100, of a display of 1,000 cd/m2, where 1 is 203 cd/m2."""
    display = light * 203 / 1000
    luminance = display @ to_xyz(REC_2020)[1]
    scene = display * np.maximum(luminance, 1e-9)[..., np.newaxis] ** (1 / 1.2 - 1)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    bright = a * np.log(np.maximum(12 * scene - b, 1e-9)) + c
    return np.asarray(np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright))


def with_cicp(data: bytes, primaries: int, transfer: int) -> bytes:
    content = b"cICP" + bytes([primaries, transfer, 0, 1])
    return data[:33] + struct.pack(">I", 4) + content + struct.pack(">I", zlib.crc32(content)) + data[33:]


@pytest.mark.parametrize(("transfer", "encode"), [(16, pq), (18, hlg), (13, None), (8, lambda light: light)])
def test_code_points_of_png(transfer: int, encode: Any) -> None:
    pixels = in_space(REC_2020, encode or srgb)
    data = encoded(pixels)
    assert off(with_cicp(data, 9, transfer)) <= (12 if transfer in (8, 18) else 8)
    assert off(data) > 20


def srgb(light: Float) -> Float:
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)


@pytest.mark.skipif("HEIF" not in FORMATS, reason="pillow-heif is not installed")
def test_code_points_of_heif() -> None:
    pixels = in_space(REC_2020, pq)
    options = {"quality": 100, "chroma": 444, "color_primaries": 9, "transfer_characteristics": 16}
    assert off(encoded(pixels, "HEIF", save_nclx_profile=True, **options)) <= 14


def test_code_points_of_a_profile() -> None:
    assert profiles.cicp_of(profile(P3, 2.2, code_points=(9, 16))) == Cicp(9, 16)
    assert profiles.cicp_of(profile(P3, 2.2)) is None
    assert off(encoded(in_space(REC_2020, pq), icc_profile=profile(REC_2020, 2.2, code_points=(9, 16)))) <= 8


@functools.cache
def ramp() -> npt.NDArray[np.uint8]:
    return np.arange(256, dtype=np.uint8)[np.newaxis, :, np.newaxis].repeat(3, axis=2)


@pytest.mark.parametrize("transfer", [16, 18])
def test_brighter_light_stays_brighter_and_grey_stays_grey(transfer: int) -> None:
    got = np.asarray(to_srgb(Image.fromarray(ramp()), Cicp(9, transfer))).astype(int)
    assert (np.diff(got[0, :, 1]) >= 0).all()
    assert np.ptp(got, axis=2).max() <= 1
    assert (got[0, 0, 0], got[0, -1, 0]) == (0, 255)


def test_of_a_photograph_with_a_gain_map_the_base_picture_is_taken() -> None:
    stream = io.BytesIO()
    gain = Image.new("L", (96, 72), 40)
    Image.fromarray(patches()).save(
        stream, "MPO", save_all=True, append_images=[gain], quality=100, subsampling=0
    )
    assert off(stream.getvalue()) <= 4
