"""What every built-in descriptor does: odd pictures, independence of company, and its form."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from tests.features.drawings import drawn

from lookalike.features import registry
from lookalike.features.base import METRICS
from lookalike.features.batch import Extracted, extract_batch, row_dtype
from lookalike.features.descriptors.base import Descriptor
from lookalike.features.registry import FeatureSpec, create_extractor

KINDS = sorted(kind for kind, (module, _) in registry._BUILT_IN.items() if ".descriptors." in module)


def made(kind: str) -> Descriptor:
    extractor = create_extractor(FeatureSpec(kind, kind))
    assert isinstance(extractor, Descriptor)
    return extractor


@pytest.fixture(params=KINDS)
def descriptor(request: pytest.FixtureRequest) -> Descriptor:
    return made(request.param)


def flat(colour: tuple[int, int, int], size: tuple[int, int]) -> Image.Image:
    return Image.new("RGB", size, colour)


ODD = [
    flat((10, 200, 90), (1, 1)),
    flat((255, 255, 255), (3, 2)),
    flat((0, 0, 0), (64, 64)),
    flat((200, 10, 10), (4, 900)),
    drawn(3, (2000, 5)),
    drawn(4, (7, 11)),
    drawn(5, (39, 41)),
]


def test_its_form(descriptor: Descriptor) -> None:
    rows = descriptor.extract([drawn(0), drawn(1, (64, 90))])
    assert rows.shape == (2, descriptor.dimension)
    assert rows.dtype == row_dtype(descriptor)
    assert descriptor.metric in METRICS
    assert descriptor.extract([]).shape == (0, descriptor.dimension)
    assert descriptor.extract([]).dtype == rows.dtype


def test_odd_pictures_are_described(descriptor: Descriptor) -> None:
    rows = descriptor.extract(ODD)
    assert np.isfinite(rows).all()
    numbers = np.stack([descriptor.describe(np.asarray(picture)) for picture in ODD])
    for row in numbers:
        distances = descriptor.distances(row, numbers)
        assert np.isfinite(distances).all()
        assert (distances >= -1e-9).all()


def test_company_does_not_matter(descriptor: Descriptor) -> None:
    pictures = [drawn(seed, (60 + 9 * seed, 50)) for seed in range(4)]
    together = descriptor.extract([*ODD, *pictures])[len(ODD) :]
    alone = np.concatenate([descriptor.extract([picture]) for picture in pictures])
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(descriptor.extract(pictures[::-1])[::-1], alone)


def test_a_picture_is_nearest_to_itself(descriptor: Descriptor) -> None:
    numbers = np.stack([descriptor.describe(np.asarray(drawn(seed))) for seed in range(5)])
    for place, row in enumerate(numbers):
        distances = descriptor.distances(row, numbers)
        assert distances[place] == pytest.approx(0, abs=1e-6)
        assert np.delete(distances, place).min() > 0


def test_grey_and_clear_pictures_are_described_as_rgb() -> None:
    grey = drawn(7).convert("L")
    clear = drawn(7).convert("L").convert("RGBA")
    features = {kind: made(kind) for kind in KINDS}
    files = []
    for picture in (grey, grey.convert("RGB"), clear):
        stream = io.BytesIO()
        picture.save(stream, "PNG")
        files.append(("picture", stream.getvalue()))
    results = extract_batch(files, features)
    first = results[0]
    assert isinstance(first, Extracted)
    for other in results[1:]:
        assert isinstance(other, Extracted)
        for kind, row in first.vectors.items():
            np.testing.assert_array_equal(row, other.vectors[kind], err_msg=kind)
