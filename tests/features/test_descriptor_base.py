"""What all descriptors share: greys and colour spaces, distances, embeddings, and the contract."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lookalike.arrays import Array, UInt8
from lookalike.features.descriptors import distances, embeddings, pixels
from lookalike.features.descriptors.base import MOST_PIXELS, pixels_of

COLOURS: UInt8 = np.array(
    [
        [0, 0, 0],
        [255, 255, 255],
        [128, 128, 128],
        [255, 0, 0],
        [0, 255, 0],
        [0, 0, 255],
        [255, 0, 1],
        [12, 200, 90],
    ],
    dtype=np.uint8,
)

small_rows = st.integers(1, 6).flatmap(
    lambda width: st.lists(
        st.lists(st.integers(0, 7), min_size=width, max_size=width), min_size=2, max_size=2
    )
)


def test_greys() -> None:
    assert pixels.integer_grey(COLOURS).tolist() == [0, 255, 128, 77, 149, 29, 77, 131]
    assert pixels.linear_grey(COLOURS)[:3].tolist() == [0, 255, 55]
    assert np.allclose(pixels.luma(COLOURS)[3:6], [76.245, 149.685, 29.07])


def test_hue_sectors() -> None:
    hue, saturation, value = pixels.hsv_truncated(COLOURS)
    assert hue[3:7].tolist() == [0, 119, 239, 358]
    assert saturation[:4].tolist() == [0, 0, 0, 255]
    assert value[2] == 128
    hue, saturation, value = pixels.hsv_float(COLOURS)
    for colour, found in zip(COLOURS, np.stack([hue, saturation, value], axis=1), strict=True):
        h, s, v = colorsys.rgb_to_hsv(*(colour / 255))
        assert np.allclose(found, (360 * h, 255 * s, 255 * v), atol=1)


def test_lab_of_known_colours() -> None:
    found = pixels.lab(COLOURS[[0, 1, 2, 3, 5]])
    known: Array = np.array(
        [[0, 0, 0], [100, 0, 0], [53.585, 0, 0], [53.241, 80.092, 67.203], [32.297, 79.188, -107.860]]
    )
    assert np.allclose(found, known, atol=0.05)


@given(small_rows)
def test_unary_codes_are_weighted_l1(pair: list[list[int]]) -> None:
    rows: Array = np.array(pair, dtype=np.uint8)
    repeats = [1 + column % 3 for column in range(rows.shape[1])]
    codes = embeddings.unary_codes(rows, 7, repeats)
    assert codes.shape == (2, embeddings.unary_bytes(rows.shape[1], 7, repeats))
    differing = np.unpackbits(codes[0] ^ codes[1]).sum()
    assert differing == distances.weighted_l1(rows[0], rows, np.array(repeats, dtype=np.float64))[1]


def test_drawn_numbers_never_change() -> None:
    assert embeddings.uniforms(3, 7).tolist() == pytest.approx(
        [0.625095466604667, 0.8972138009695756, 0.7756856902451935], abs=1e-15
    )
    drawn = embeddings.normals(100_000, 1)
    assert abs(drawn.mean()) < 0.02
    assert abs(drawn.std() - 1) < 0.02


@given(small_rows)
def test_distances_are_zero_between_equals_and_symmetric(pair: list[list[int]]) -> None:
    rows: Array = np.array(pair, dtype=np.uint8)
    for distance in (
        distances.tanimoto,
        distances.jensen_shannon,
        distances.mean_l1,
        distances.root_mean_square,
    ):
        there, back = distance(rows[0], rows), distance(rows[1], rows)
        assert there[0] == pytest.approx(0, abs=1e-9)
        assert there[1] == pytest.approx(back[0])
        assert there[1] >= 0


def test_tanimoto_of_empty_rows() -> None:
    rows: Array = np.array([[0, 0], [1, 3], [3, 0]])
    assert distances.tanimoto(rows[0], rows).tolist() == [0, 100, 100]
    assert distances.tanimoto(rows[1], rows)[2] == pytest.approx(100 * (1 - 0.25 / (0.625 + 1 - 0.25)))


def test_pictures_are_shrunk_only_where_they_are_large() -> None:
    assert pixels_of(Image.new("RGB", (1024, 1024))).shape == (1024, 1024, 3)
    shrunk = pixels_of(Image.new("RGB", (4000, 1000)))
    assert shrunk.shape[0] * shrunk.shape[1] <= MOST_PIXELS
    assert shrunk.shape[1] == pytest.approx(4 * shrunk.shape[0], abs=4)
    assert pixels_of(Image.new("RGB", (MOST_PIXELS + 1, 1))).shape[0] == 1
