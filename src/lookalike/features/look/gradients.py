"""Directions of gradients, counted in cells: of pictures as whole numbers, by a table of all directions."""

from __future__ import annotations

from functools import cache

import numpy as np

from lookalike.arrays import Float32, Float64, Int64, UInt8
from lookalike.features.look.pieces import offsets

DIRECTIONS = 24

_LARGEST = 255
_WIDTH = 2 * _LARGEST + 1  # differences there are


def direction_votes(channels: UInt8, cells: int) -> Float64:
    """Histogram signed gradient directions: (channels, side, side) to (cells, cells, 24).

    Each pixel has the gradient of that channel in which it is the strongest, and votes with its strength for its two
    nearest directions. Votes are means over a cell, in parts of the range of a channel.
    """
    side = channels.shape[1]
    values = channels.astype(np.int32)
    right, down = np.zeros_like(values), np.zeros_like(values)
    np.subtract(values[:, :, 2:], values[:, :, :-2], out=right[:, :, 1:-1])
    np.subtract(values[:, 2:], values[:, :-2], out=down[:, 1:-1])
    energy = right * right + down * down
    place = down * _WIDTH + right
    strongest, chosen = energy[0], place[0]
    for other in range(1, len(channels)):
        np.copyto(chosen, place[other], where=energy[other] > strongest)
        np.maximum(strongest, energy[other], out=strongest)
    directions, shares = _directions()
    first = directions[chosen.ravel()]
    strength = np.sqrt(strongest.ravel(), dtype=np.float32)
    for_next = strength * shares[chosen.ravel()]
    starts = offsets(side, cells, DIRECTIONS).ravel()
    size = cells * cells * DIRECTIONS
    votes = np.asarray(np.bincount(starts + first, strength - for_next, size), dtype=np.float64)
    votes += np.bincount(starts + _next_directions()[first], for_next, size)
    votes *= (cells / side) ** 2 / _LARGEST
    return votes.reshape(cells, cells, DIRECTIONS)


def unsigned(votes: Float64) -> Float64:
    """Add up opposite directions: (n, n, 24) to (n, n, 12)."""
    half = DIRECTIONS // 2
    return votes[..., :half] + votes[..., half:]


@cache
def mirrored_directions(*, signed: bool) -> Int64:
    """Which direction of a picture each direction of its mirror image is."""
    half = DIRECTIONS // 2
    return (half - np.arange(DIRECTIONS)) % DIRECTIONS if signed else -np.arange(half) % half


@cache
def _directions() -> tuple[Int64, Float32]:
    """By 511 y + x of a gradient, negative ones from the end: the direction before it, and how far it is beyond."""
    place = np.arange(-_LARGEST, _LARGEST + 1)
    position = np.arctan2(place[:, None], place) * (DIRECTIONS / (2 * np.pi))
    below = np.floor(position)
    middle = _WIDTH**2 // 2  # where the gradient that is none stands
    first = np.roll((below % DIRECTIONS).astype(np.int64).ravel(), -middle)
    return first, np.roll((position - below).astype(np.float32).ravel(), -middle)


@cache
def _next_directions() -> Int64:
    return np.roll(np.arange(DIRECTIONS), -1)
