"""Sounds as vectors for Lookalike: statistics of log-mel spectrograms, by SciPy and soundfile.

A plug-in that reads files of its own lists their `suffixes`; what `read` returns is what `extract` takes.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache
from math import gcd
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
from scipy import signal

__all__ = ["Sound"]

Floats = npt.NDArray[np.float32]

RATE = 16_000  # Hz, to which all sounds are brought
WINDOW = 1024  # samples, 64 ms
HOP = 512
BANDS = 64
LOWEST, HIGHEST = 50.0, 8_000.0  # Hz
QUIETEST = 80.0  # dB below the loudest, where silence begins
LONGEST = 600  # seconds that are described


class Sound:
    """Sounds that sound alike, however loud: mean, spread and change of 64 mel bands, 192 numbers in decibels."""

    suffixes = (".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff")
    version = "1"
    model_hash = ""
    dimension = 3 * BANDS
    metric = "euclidean"
    decoded_side = 0  # of pictures, which this does not take

    def read(self, data: bytes, name: str) -> Floats:
        """Return a sound as one channel at 16 kHz, float32 (n,).

        Raises:
            soundfile.LibsndfileError: it is no sound in a known format, or damaged.
            ValueError: it has no samples, or NaN among them.
        """
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            rate = file.samplerate
            samples = file.read(LONGEST * rate, dtype="float32", always_2d=True).mean(axis=1)
        if not len(samples) or not np.isfinite(samples).all():
            raise ValueError(
                "there are no samples in it" if not len(samples) else "its samples are not all numbers"
            )
        common = gcd(rate, RATE)
        brought: Floats = signal.resample_poly(samples, RATE // common, rate // common).astype(np.float32)
        return brought

    def extract(self, sounds: Sequence[Floats]) -> Floats:
        """Return one row a sound, shape (n, 192)."""
        return np.stack([_statistics(_log_mel(samples)) for samples in sounds])


def _log_mel(samples: Floats) -> Floats:
    """Return decibels below the loudest band, shape (bands, moments)."""
    padded = np.pad(samples, (0, max(0, WINDOW - len(samples))))
    _, _, spectrum = signal.stft(padded, RATE, nperseg=WINDOW, noverlap=WINDOW - HOP, boundary=None)
    power = _filters() @ np.square(np.abs(spectrum))
    loudest = max(float(power.max()), 1e-12)
    decibels: Floats = 10 * np.log10(np.maximum(power / loudest, 10 ** (-QUIETEST / 10)))
    return decibels


def _statistics(decibels: Floats) -> Floats:
    """Return the mean of each band about that of all, its standard deviation, and its mean change, (3 * bands,)."""
    means = decibels.mean(axis=1)
    changes = np.abs(np.diff(decibels, axis=1)).mean(axis=1) if decibels.shape[1] > 1 else np.zeros(BANDS)
    return np.concatenate([means - means.mean(), decibels.std(axis=1), changes]).astype(np.float32)


@cache
def _filters() -> npt.NDArray[Any]:
    """Return triangular filters, shape (bands, frequencies), evenly spaced in mel (O'Shaughnessy, 1987)."""
    low, high = (2595 * np.log10(1 + edge / 700) for edge in (LOWEST, HIGHEST))
    edges = 700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1)
    frequencies = np.fft.rfftfreq(WINDOW, 1 / RATE)
    rising = (frequencies - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - frequencies) / (edges[2:] - edges[1:-1])[:, None]
    # The lowest triangles may lie between two frequencies; each takes its nearest then.
    filters = np.maximum(0, np.minimum(rising, falling))
    nearest = np.abs(frequencies - edges[1:-1, None]).argmin(axis=1)
    filters[np.arange(BANDS), nearest] = np.maximum(filters[np.arange(BANDS), nearest], 0.5)
    return filters
