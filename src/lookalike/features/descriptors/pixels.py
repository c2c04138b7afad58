"""Grey and colour spaces of pixels, in the integer forms that descriptors are defined on.

There are three greys, which are not interchangeable: `luma` keeps its fractions, `integer_grey` is the fixed-point luma
that Java's image library gives, and `linear_grey` is linear light.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from lookalike.arrays import Array, Float32, Float64, UInt8


def luma(pixels: Array) -> Float64:
    """Return 0.299 R + 0.587 G + 0.114 B of pixels (..., 3), float64 (...), 0 to 255 (ITU-R BT.601)."""
    red, green, blue = _channels(pixels)
    grey: Float64 = 0.299 * red + 0.587 * green + 0.114 * blue
    return grey


def luma_from_blue(pixels: Array) -> Float64:
    """Return the same, added up from the right, which decides on which side of a whole number some colours fall."""
    red, green, blue = _channels(pixels)
    grey: Float64 = 0.114 * blue + 0.587 * green + 0.299 * red
    return grey


def integer_grey(pixels: UInt8) -> UInt8:
    """Return luma in fixed point, (77 R + 150 G + 29 B + 128) div 256, of pixels (..., 3), uint8 (...)."""
    red, green, blue = (channel.astype(np.uint16) for channel in _channels(pixels))
    grey = red * np.uint16(77) + green * np.uint16(150) + blue * np.uint16(29) + np.uint16(128)
    shifted: UInt8 = (grey >> 8).astype(np.uint8)
    return shifted


def linear_grey(pixels: UInt8) -> UInt8:
    """Return the linear light of sRGB pixels (..., 3), uint8 (...): a mid grey of 128 becomes 55.

    The weights and the table are those of an ICC profile of sRGB with 1,024 entries of 16 bits.
    """
    red, green, blue = (_linear_light()[channel] for channel in _channels(pixels))
    grey = np.rint(255 / 65536 * (14574 * red + 46992 * green + 3971 * blue))
    return np.minimum(grey, 255).astype(np.uint8)


def hsv_truncated(pixels: UInt8) -> tuple[Array, Array, Array]:
    """Return hue 0 to 359, saturation 0 to 255 and value 0 to 255 of pixels (..., 3), as int16 (...) each.

    It is the HSV of the fuzzy colour histograms (CEDD, FCTH): reals truncated towards zero, with the sectors of hue
    beginning at 0, 119, 239 and 359.
    """
    red, green, blue = (channel.astype(np.int32) for channel in _channels(pixels))
    value, least = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    spread = value - least
    safe = np.maximum(spread, 1)
    saturation = np.trunc(255 - 255 * (least / np.maximum(value, 1))) * (value > 0)
    from_red = 60 * (green - blue) / safe + np.where(green >= blue, 0, 359)
    from_others = np.where(value == green, 119 + 60 * (blue - red) / safe, 239 + 60 * (red - green) / safe)
    hue = np.trunc(np.where(value == red, from_red, from_others)) * (spread > 0)
    return hue.astype(np.int16), saturation.astype(np.int16), value.astype(np.int16)


def hsv_float(pixels: UInt8) -> tuple[Array, Array, Array]:
    """Return hue 0 to 359, saturation 0 to 255 and value 0 to 255 of pixels (..., 3), as int16 (...) each.

    It is the usual HSV, computed in float32 and truncated.
    """
    red, green, blue = (channel.astype(np.float32) for channel in _channels(pixels))
    value, least = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    spread = value - least
    safe = np.maximum(spread, np.float32(1))
    saturation = (spread / np.maximum(value, np.float32(1))) * np.float32(255)
    hue = np.select(
        [value == red, value == green],
        [(green - blue) / safe, np.float32(2) + (blue - red) / safe],
        np.float32(4) + (red - green) / safe,
    )
    hue = np.where(spread > 0, hue * np.float32(60), np.float32(0))
    hue = np.where(hue < 0, hue + np.float32(360), hue)
    return hue.astype(np.int16), saturation.astype(np.int16), value.astype(np.int16)


def lab(pixels: UInt8) -> Float32:
    """Return CIE L*a*b* (D65) of sRGB pixels (..., 3), float32 (..., 3): L 0 to 100, a and b about -110 to 110."""
    red, green, blue = (_decoded()[channel] for channel in _channels(pixels))
    rows = (  # of the matrix from sRGB to XYZ, divided by the white point
        (0.433953, 0.376219, 0.189828),
        (0.212673, 0.715152, 0.072175),
        (0.017758, 0.109477, 0.872766),
    )
    x, y, z = (_lightness(r * red + g * green + b * blue) for r, g, b in rows)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)


def _lightness(light: Float64) -> Float64:
    return np.where(light > 216 / 24389, np.cbrt(light), (24389 / 27 * light + 16) / 116)


def _channels(pixels: Array) -> tuple[Array, Array, Array]:
    return pixels[..., 0], pixels[..., 1], pixels[..., 2]


def _srgb_decoded(values: Float64) -> Float64:
    return np.where(values > 0.04045, ((values + 0.055) / 1.055) ** 2.4, values / 12.92)


@cache
def _decoded() -> Float64:
    """The linear light, 0 to 1, of each of the 256 values of sRGB."""
    return _srgb_decoded(np.arange(256) / 255)


@cache
def _linear_light() -> Float64:
    """The same by a table of 1,024 entries of 16 bits, linearly interpolated and rounded to 16 bits."""
    table = np.rint(65535 * _srgb_decoded(np.arange(1024) / 1023))
    return np.rint(np.interp(np.arange(256) * 1023 / 255, np.arange(1024), table)) / 65535
