"""Many rows are written at once, and no row otherwise than it would be by itself."""

from __future__ import annotations

import numpy as np
import pytest
from filled_catalogue import new  # type: ignore[import-not-found]
from tests.catalogue.sent_statements import sent_statements

from lookalike.catalogue.catalogue import Catalogue
from lookalike.catalogue.records import Location

MANY = 1200  # of which vectors and places take several statements
ODD = "tab\t newline\n \\N \\. {1,\"2\"} 'quoted' \u20ac \U0001f45f \x7f"


def test_many_sources_are_stored_and_changed_as_given(filled: Catalogue) -> None:
    rows = np.random.default_rng(0).normal(size=(MANY, 4)).astype(np.float32)
    with filled.write() as writer:
        numbers = writer.add_sources([new(i) for i in range(100, 100 + MANY)])
        writer.add_vectors("look", numbers, rows)
        writer.update_metadata({number: {"n": number, "x": 0.1} for number in numbers.tolist()})
    found, vectors = filled.vectors("look", numbers)
    assert found.tolist() == numbers.tolist() and np.array_equal(vectors, rows)
    assert [source.metadata for source in filled.sources(numbers)] == [
        {"n": number, "x": 0.1} for number in numbers.tolist()
    ]
    assert len(list(filled.places())) == 20 + MANY
    assert list(filled.verify()) == []


def test_characters_that_mean_something_to_a_bulk_format_are_text(filled: Catalogue) -> None:
    place = Location(f"/{ODD}", 1, 2)
    with filled.write() as writer:
        (number,) = writer.add_sources([new(100, metadata={"title": ODD, ODD: [ODD, 1]}, places=(place,))])
    (source,) = filled.sources([int(number)])
    assert (source.metadata, source.places) == ({"title": ODD, ODD: [ODD, 1]}, (place,))
    assert int(number) in filled.select(text="quoted")
    assert list(filled.verify()) == []


def test_a_place_that_is_given_twice_is_the_last_ones(filled: Catalogue) -> None:
    same = Location("/same", 1, 2)
    with filled.write() as writer:
        first, second = writer.add_sources([new(100, places=(same,)), new(101, places=(same,))]).tolist()
        writer.add_places([(first, Location("/p/0")), (second, Location("/p/0"))])
    assert filled.sources([first])[0].places == ()
    assert {place.path for place in filled.sources([second])[0].places} == {"/same", "/p/0"}
    assert list(filled.verify()) == []


@pytest.mark.parametrize("location", ["system"], indirect=True)
def test_a_server_is_not_asked_once_a_source(filled: Catalogue) -> None:
    with sent_statements() as statements, filled.write() as writer:
        writer.add_sources([new(i) for i in range(100, 100 + MANY)])
    assert len(statements) < 30
