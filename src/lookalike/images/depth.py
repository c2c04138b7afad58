"""Samples of any type to 8 bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[Any]
UInt8 = npt.NDArray[np.uint8]

_USUAL_BITS = (8, 10, 12, 14, 16)


def bits_in_use(largest: int, declared: int | None = None) -> int:
    """Return of how many bits samples are that lie in 16.

    Microscopes, X-rays and cameras for machines write 10, 12 or 14 bits into 16, mostly without a word, so the
    fewest of these that hold the `largest` sample are taken. A picture that declares its bits is believed,
    unless its samples are larger: they were then scaled to all 16, as PNG wants them.
    """
    if declared is not None and largest < 1 << declared <= 1 << 16:
        return max(8, declared)
    return next((bits for bits in _USUAL_BITS if largest < 1 << bits), 16)


def to_uint8(samples: Samples, *, declared_bits: int | None = None, missing: float | None = None) -> UInt8:
    """Return samples, of any shape, as 8 bits each, all by the same scale.

    - uint8 stays, and truth values become 0 and 255.
    - uint16 loses what is below its highest 8 bits in use (`bits_in_use`).
    - What has a sign, 32 bits or a point has no agreed white: its own least and greatest values become black and
      white; NaN, and values equal to `missing`, become black. Samples of one value are mid-grey.
    """
    if samples.dtype == np.uint8:
        return samples
    if samples.dtype == np.bool_:
        return samples.astype(np.uint8) * np.uint8(255)
    if samples.dtype == np.uint16:
        bits = bits_in_use(int(samples.max(initial=0)), declared_bits)
        return (samples >> (bits - 8)).astype(np.uint8)
    return _stretched(samples.astype(np.float64), missing)


def _stretched(samples: npt.NDArray[np.float64], missing: float | None) -> UInt8:
    if missing is not None:
        samples[samples == missing] = np.nan
    finite = np.isfinite(samples)
    if not finite.any():
        return np.zeros(samples.shape, dtype=np.uint8)
    low, high = float(samples[finite].min()), float(samples[finite].max())
    if low == high:
        return np.where(np.isnan(samples), np.uint8(0), np.uint8(128))
    # Halves, since the difference of two floats of opposite sign may overflow.
    share = (np.nan_to_num(samples, nan=low, posinf=high, neginf=low) / 2 - low / 2) / (high / 2 - low / 2)
    return np.rint(share * 255).astype(np.uint8)
