"""Colours that are told by code points (ITU-T H.273), HDR among them, to sRGB.

Sources: SMPTE ST 2084 (PQ), ITU-R BT.2100 (PQ, HLG and its display), BT.2408 (white at 203 cd/m2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

Float = npt.NDArray[np.float32]

# fmt: off
_PRIMARIES: dict[int, tuple[float, ...]] = {  # x and y of red, green, blue and white
    1: (0.640, 0.330, 0.300, 0.600, 0.150, 0.060, 0.3127, 0.3290),  # BT.709, sRGB
    5: (0.640, 0.330, 0.290, 0.600, 0.150, 0.060, 0.3127, 0.3290),  # BT.601, 625 lines
    6: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, 0.3127, 0.3290),  # BT.601, 525 lines
    7: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, 0.3127, 0.3290),  # SMPTE 240M
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290),  # BT.2020
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.3127, 0.3290),  # Display P3
}
# fmt: on
_LINEAR, _PQ, _HLG = 8, 16, 18
_WHITE = 203.0
"""Luminance of white paper in cd/m2, which becomes white of sRGB nearly."""

_KNEE = 0.8
"""The share of white from which on brighter and brighter light is pressed into what is left."""

_ROWS_AT_ONCE = 1 << 20
"""Pixels whose light is held at once."""


@dataclass(frozen=True)
class Cicp:
    """Code points of colour: which primaries, and which transfer from light to numbers."""

    primaries: int
    transfer: int

    @property
    def is_hdr(self) -> bool:
        """Whether the numbers reach beyond the white of paper."""
        return self.transfer in (_PQ, _HLG)

    @property
    def is_srgb(self) -> bool:
        """Whether the numbers may be taken for sRGB.

        BT.709, BT.601 and what is not told are shown so by everybody: their transfer is near to that of sRGB, and
        cameras write the one and mean the other.
        """
        return not self.is_hdr and self.transfer != _LINEAR and self.primaries not in (9, 12)


def to_srgb(image: Image.Image, cicp: Cicp) -> Image.Image:
    """Return an RGB `image`, 8 bits a channel, whose numbers mean what `cicp` says, in sRGB.

    HDR is pressed into the range of sRGB: what is no brighter than 0.8 of white (203 cd/m2, BT.2408) stays as it
    is, highlights come nearer to white the brighter they are, and keep their hue.
    """
    light = _light_of_numbers(cicp.transfer)
    matrix = (np.linalg.inv(_to_xyz(1)) @ _to_xyz(cicp.primaries)).astype(np.float32)
    pixels = np.array(image)
    rows = max(1, _ROWS_AT_ONCE // max(1, image.width))
    for start in range(0, len(pixels), rows):
        linear = light[pixels[start : start + rows]]
        if cicp.transfer == _HLG:
            linear = _hlg_display(linear, cicp.primaries)
        if cicp.is_hdr:
            linear = _tone_mapped(linear)
        pixels[start : start + rows] = _encoded(linear @ matrix.T)
    return Image.fromarray(pixels)


def _light_of_numbers(transfer: int) -> Float:
    """Return the light of each of the 256 numbers, where 1 is white."""
    value = np.arange(256) / 255
    if transfer == _PQ:
        m1, m2 = 2610 / 16384, 2523 / 32
        c1, c2, c3 = 3424 / 4096, 2413 / 128, 2392 / 128
        power = value ** (1 / m2)
        light = (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1) * 10_000 / _WHITE
    elif transfer == _HLG:  # of the scene; `_hlg_display` makes it that of a display
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        light = np.where(value <= 0.5, value**2 / 3, (np.exp((value - c) / a) + b) / 12)
    elif transfer == _LINEAR:
        light = value
    else:
        light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return np.asarray(light, dtype=np.float32)


def _hlg_display(scene: Float, primaries: int) -> Float:
    """Return the light that a display of 1,000 cd/m2 makes of a scene's, where 1 is white."""
    luminance = scene @ _to_xyz(primaries)[1].astype(np.float32)
    gain = np.float32(1000 / _WHITE) * np.power(np.maximum(luminance, 1e-6), 0.2)
    return np.asarray(scene * gain[..., np.newaxis], dtype=np.float32)


def _tone_mapped(linear: Float) -> Float:
    brightest = np.maximum(linear.max(axis=-1, keepdims=True), 1e-6)
    pressed = _KNEE + (1 - _KNEE) * -np.expm1(-(brightest - _KNEE) / (1 - _KNEE))
    return np.asarray(linear * np.where(brightest > _KNEE, pressed / brightest, 1), dtype=np.float32)


def _encoded(linear: Float) -> npt.NDArray[np.uint8]:
    linear = np.clip(linear, 0, 1)
    value = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * np.power(linear, 1 / 2.4) - 0.055)
    return np.asarray(np.rint(value * 255), dtype=np.uint8)


def _to_xyz(primaries: int) -> npt.NDArray[np.float64]:
    """Return the matrix from light of those primaries to CIE XYZ, where white has Y of 1."""
    xy = np.array(_PRIMARIES.get(primaries, _PRIMARIES[1])).reshape(4, 2)
    columns = np.vstack([xy[:, 0], xy[:, 1], 1 - xy.sum(axis=1)]) / xy[:, 1]
    scale = np.linalg.solve(columns[:, :3], columns[:, 3])
    return np.asarray(columns[:, :3] * scale)
