"""Pictures that take too long: each costs itself and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests import left_behind

from lookalike.errors import FeatureError, PictureError
from lookalike.features.parallel import Extracted, extract_stream
from lookalike.features.registry import FeatureSpec
from lookalike.images import formats, still

Png = Callable[..., bytes]
pytestmark = pytest.mark.usefixtures("plug_ins")
LIMIT = 2.0


def check(results: dict[int, Extracted | PictureError], slow: set[int]) -> None:
    for number, result in results.items():
        if number in slow:
            assert isinstance(result, PictureError)
            assert str(result) == f"p{number}: takes too long to decode (more than 2 s)"
        else:
            assert isinstance(result, Extracted)
            assert result.vectors["f"][0] == number


@pytest.mark.usefixtures("slow_decoder")
@pytest.mark.parametrize("end", [b"SLEEP", b"STUCK"])
def test_a_worker_with_a_slow_picture_is_ended(end: bytes, png: Png) -> None:
    slow = {7, 33}
    items = [(i, f"p{i}", png((i, 0, 0)) + (end if i in slow else b"")) for i in range(60)]
    stream = extract_stream(items, {"f": FeatureSpec("f", "mean")}, jobs=2, batch_size=8, time_limit=LIMIT)
    results = list(stream)
    assert [number for number, _ in results] == list(range(60))
    check(dict(results), slow)


def test_a_worker_whose_extractor_is_slow_is_ended(png: Png) -> None:
    items = [(i, f"p{i}", png((i, 0, 0), (13 if i == 20 else 16, 16))) for i in range(24)]
    features = {"f": FeatureSpec("f", "sleepy")}
    check(dict(extract_stream(items, features, jobs=2, batch_size=3, time_limit=LIMIT)), {20})


def test_a_slow_picture_is_left_behind_in_this_process(png: Png, monkeypatch: pytest.MonkeyPatch) -> None:
    open_picture = formats.open_picture
    items = [(i, f"p{i}", png((i, 0, 0)) + (b"SLEEP" if i == 3 else b"")) for i in range(6)]
    with left_behind.ended() as end:

        def slow(stream: object, name: str) -> object:
            if stream.getbuffer()[-5:] == b"SLEEP":  # type: ignore[attr-defined]
                end.wait()
            return open_picture(stream, name)  # type: ignore[arg-type]

        monkeypatch.setattr(still, "open_picture", slow)
        check(dict(extract_stream(items, {"f": FeatureSpec("f", "mean")}, jobs=1, time_limit=LIMIT)), {3})


def test_a_slow_extractor_is_left_behind_in_this_process(png: Png) -> None:
    items = [(i, f"p{i}", png((i, 0, 0), (13 if i == 1 else 16, 16))) for i in range(3)]
    check(dict(extract_stream(items, {"f": FeatureSpec("f", "sleepy")}, jobs=1, time_limit=LIMIT)), {1})


def test_an_error_in_this_process_is_the_same_with_a_limit(png: Png) -> None:
    with pytest.raises(FeatureError, match=r"KeyError\('weights'\)"):
        list(extract_stream([(0, "p", png())], {"f": FeatureSpec("f", "failing")}, jobs=1, time_limit=LIMIT))
