"""The `look` extractor in both versions: length, dependence on nothing but the picture, what it must find alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageEnhance

from lookalike.errors import FeatureError, OptionError
from lookalike.features.look import Look, second
from lookalike.features.registry import FeatureSpec, create_extractor, versions_of


@pytest.fixture(params=[1, 2], scope="module")
def look(request: pytest.FixtureRequest) -> Look:
    return Look(request.param)


def scene(seed: int, size: tuple[int, int] = (240, 200)) -> Image.Image:
    """Draw a picture of random coloured shapes on a coloured ground."""
    random = np.random.default_rng(seed)
    image = Image.new("RGB", size, tuple(int(c) for c in random.integers(0, 256, 3)))
    draw = ImageDraw.Draw(image)
    for number in range(9):
        x, y = (int(random.integers(0, side)) for side in size)
        w, h = (int(n) for n in random.integers(20, 110, 2))
        colour = tuple(int(c) for c in random.integers(0, 256, 3))
        (draw.ellipse if number % 2 else draw.rectangle)(
            (x - w // 2, y - h // 2, x + w // 2, y + h // 2), fill=colour
        )
    return image


def similarity(look: Look, one: Image.Image, other: Image.Image) -> float:
    first, second = look.extract([one, other]).astype(np.float64)
    return float(first @ second)


def test_shape_type_and_length(look: Look) -> None:
    vectors = look.extract([scene(0), scene(1)])
    assert vectors.shape == (2, look.dimension)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)


def test_no_pictures(look: Look) -> None:
    vectors = look.extract([])
    assert vectors.shape == (0, look.dimension)
    assert vectors.dtype == np.float32


def test_a_vector_does_not_depend_on_the_batch(look: Look) -> None:
    pictures = [scene(seed, (120 + 17 * seed, 90 + 5 * seed)) for seed in range(12)]
    together = look.extract(pictures)
    alone = np.concatenate([Look(look.version).extract([picture]) for picture in pictures])
    backwards = look.extract(pictures[::-1])[::-1]
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(together, backwards)


def test_pictures_are_left_as_they_were(look: Look) -> None:
    picture = scene(3)
    before = picture.tobytes()
    look.extract([picture])
    assert picture.tobytes() == before


@settings(deadline=None, max_examples=40)
@given(
    size=st.one_of(
        st.tuples(st.integers(1, 40), st.integers(1, 40)),
        st.sampled_from([(1, 5000), (5000, 1), (3, 1000), (1000, 3)]),
    ),
    seed=st.integers(0, 2**32 - 1),
    levels=st.sampled_from([1, 2, 256]),
)
def test_every_size_gives_a_finite_vector_of_length_one(
    look: Look, size: tuple[int, int], seed: int, levels: int
) -> None:
    noise = np.random.default_rng(seed).integers(0, levels, (size[1], size[0], 3)) * (
        255 // max(levels - 1, 1)
    )
    (vector,) = look.extract([Image.fromarray(noise.astype(np.uint8))])
    assert np.isfinite(vector).all()
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-4)


@settings(deadline=None, max_examples=30)
@given(colour=st.tuples(*[st.integers(0, 255)] * 3))
def test_one_colour_pictures_have_a_direction(look: Look, colour: tuple[int, int, int]) -> None:
    (vector,) = look.extract([Image.new("RGB", (50, 70), colour)])
    assert np.isfinite(vector).all()
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-4)


def test_one_colour_pictures_are_told_apart_by_colour(look: Look) -> None:
    red, dark_red, blue = (Image.new("RGB", (64, 64), colour) for colour in ("#d02020", "#b81818", "#2040d0"))
    assert similarity(look, red, dark_red) > similarity(look, red, blue) + 0.05


@pytest.mark.parametrize("size", [(192, 192), (240, 200), (301, 97)])
def test_a_mirror_image_has_the_same_vector(look: Look, size: tuple[int, int]) -> None:
    for seed in range(4):
        picture = scene(seed, size)
        assert similarity(look, picture, picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)) > 0.995
        assert similarity(look, picture, picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM)) < 0.9


def test_edges_separate_what_colour_does_not(look: Look) -> None:
    """The same two colours in equal shares, in stripes that differ in direction."""
    rows = np.indices((128, 128)).sum(axis=0) // 8 % 2 * 255
    stripes = {
        "falling": rows,
        "across": np.indices((128, 128))[0] // 8 % 2 * 255,
        "down": np.indices((128, 128))[1] // 8 % 2 * 255,
    }
    images = {
        name: Image.fromarray(values.astype(np.uint8)).convert("RGB") for name, values in stripes.items()
    }
    assert similarity(look, images["across"], images["down"]) < 0.5
    assert similarity(look, images["across"], images["falling"]) < 0.7


def test_palette_separates_what_edges_do_not(look: Look) -> None:
    """One luminance, other hues: all that differs is colour."""

    def disc(colour: tuple[int, int, int]) -> Image.Image:
        image = Image.new("RGB", (160, 160), "white")
        ImageDraw.Draw(image).ellipse((30, 30, 130, 130), fill=colour)
        return image

    red, also_red, green = disc((200, 60, 60)), disc((205, 58, 66)), disc((60, 132, 60))
    assert similarity(look, red, also_red) > similarity(look, red, green) + 0.02


def test_other_views_of_a_picture_come_first(look: Look) -> None:
    pictures = [scene(seed) for seed in range(60)]
    views = []
    for seed, picture in enumerate(pictures):
        left, top = (seed * 7) % 20, (seed * 5) % 16
        view = picture.crop((left, top, left + 216, top + 180))
        view = ImageEnhance.Brightness(ImageEnhance.Contrast(view).enhance(0.85)).enhance(1.15)
        views.append(view.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if seed % 2 else view)
    nearest = (look.extract(views) @ look.extract(pictures).T).argmax(axis=1)
    assert (nearest == np.arange(60)).mean() >= 0.95


def test_the_first_version_gives_what_it_always_gave() -> None:
    """Four pictures, described by the code that had only one version."""
    noise = np.random.default_rng(5).integers(0, 256, (61, 83, 3), dtype=np.uint8)
    pictures = [scene(0), scene(7, (97, 301)), Image.fromarray(noise), Image.new("RGB", (40, 40), "#123")]
    kept = np.load(Path(__file__).with_name("look_first.npy"))
    # Another processor may round a logarithm's last bit otherwise.
    np.testing.assert_allclose(Look(1).extract(pictures), kept, rtol=0, atol=2e-6)


def test_the_versions_are_told_apart_and_the_newest_is_usual() -> None:
    first, second_ = Look(1), Look()
    assert (first.version, first.dimension) == ("1", 1396)
    assert (second_.version, second_.dimension) == ("2", 2477)
    assert versions_of("look") == ("1", "2")
    assert versions_of("phog") == ()
    assert create_extractor(FeatureSpec.parse("shape:look=1")).version == "1"
    assert create_extractor(FeatureSpec("look", "look")).version == "2"


@pytest.mark.parametrize("version", [0, 3, "two", "", True, None, 1.5])
def test_versions_that_there_are_not(version: object) -> None:
    with pytest.raises(OptionError, match="1 and 2"):
        Look(version)  # type: ignore[arg-type]


def test_a_version_on_the_command_line_that_there_is_not() -> None:
    with pytest.raises(OptionError, match="'3'"):
        FeatureSpec.parse("look=3")
    with pytest.raises(FeatureError):
        create_extractor(FeatureSpec("look", "look", {"edition": 2}))


def test_every_block_counts_and_none_more_than_once() -> None:
    blocks = second.blocks(scene(4))
    assert sum(len(block) for block in blocks.values()) == second.DIMENSION
    for block in blocks.values():
        assert block.dtype == np.float32
        assert np.abs(block).max() > 0


def test_edges_of_colour_alone_are_seen_by_the_second_version() -> None:
    """Two halves of one luma, divided across or along: grey sees nothing."""
    across = np.zeros((96, 96, 3), np.uint8)
    across[:] = (200, 60, 60)
    across[48:] = (60, 132, 60)
    along = across.transpose(1, 0, 2)
    shapes = ("edges", "parts", "form", "hues")
    one, other = (second.blocks(Image.fromarray(np.ascontiguousarray(a))) for a in (across, along))
    for name in shapes:
        first, second_ = (block[name] / np.linalg.norm(block[name]) for block in (one, other))
        assert float(first @ second_) < 0.7, name
