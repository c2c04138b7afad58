"""What a search reads: few statements, and the same as the other methods give."""

from __future__ import annotations

import numpy as np
import pytest
from filled_catalogue import new, tamper  # type: ignore[import-not-found]
from sent_statements import sent_statements  # type: ignore[import-not-found]

from lookalike.catalogue.catalogue import Catalogue
from lookalike.catalogue.records import FeatureRecord, Location, NewSource
from lookalike.errors import CollectionDamagedError, UnknownFeatureError, UnknownIdError


@pytest.fixture
def varied(filled: Catalogue) -> Catalogue:
    """Sources with no place and with three, with both features, the other one or none."""
    with filled.write() as writer:
        writer.add_feature(FeatureRecord("other", "x", 2, "euclidean"))
        writer.add_vectors("other", [3, 4], np.array([[1, 2], [3, 4]], np.float32))
        places = (Location("/p/c", 1, 2), Location("/p/a"), Location("/p/b", 2**40, 2**60))
        writer.add_sources(
            [
                new(30, places=places, vectors={"other": np.ones(2, np.float32)}),
                NewSource("bare", "0" * 64, "row", 1),
                NewSource("sized", "0" * 64, "picture", 1, 30, 20, {"a": [1, {"b": "]},{"}]}),
            ]
        )
    return filled


def test_a_search_by_id_needs_four_statements(filled: Catalogue) -> None:
    with sent_statements() as sent, filled.snapshot() as pinned:
        pinned.stamp()
        assert pinned.stored_query("id3", ["look"]) is not None
        pinned.hit_rows([3, 9, 5])
    assert len(sent) == 4, sent


def test_hits_need_one_statement(filled: Catalogue) -> None:
    with sent_statements() as sent, filled.snapshot() as pinned:
        pinned.hit_rows([*range(1, 21)])
    assert len(sent) == 2, sent  # and the beginning of the transaction


def test_a_stored_query_is_of_the_source(varied: Catalogue) -> None:
    for source in varied.iterate():
        found = varied.stored_query(source.id, ["look"])
        assert found is not None and found[0] == source.number


def test_a_stored_query_has_the_vectors_of_the_features_asked_for(varied: Catalogue) -> None:
    found = varied.stored_query("id2", ["other", "look", "none"])
    assert found is not None
    assert {name: vector.tolist() for name, vector in found[1].items()} == {"look": [3] * 4, "other": [1, 2]}


def test_a_stored_query_leaves_out_features_that_the_source_lacks(varied: Catalogue) -> None:
    found = varied.stored_query("id30", ["look"])
    assert found is not None and found[1] == {}


def test_a_stored_query_of_an_id_that_is_not_there_is_none(varied: Catalogue) -> None:
    assert varied.stored_query("nobody", ["look"]) is None


def test_a_stored_query_checks_the_vector(varied: Catalogue) -> None:
    tamper(varied, "UPDATE vectors SET vector = zeroblob(16) WHERE number = 3")
    with pytest.raises(CollectionDamagedError, match="'look' of source 3 does not match its checksum"):
        varied.stored_query("id2", ["look"])


def test_sources_come_in_the_given_order_and_as_often(varied: Catalogue) -> None:
    numbers = [23, 1, 21, 22, 1]
    assert [source.number for source in varied.sources(numbers)] == numbers


def test_places_are_in_order_of_path(varied: Catalogue) -> None:
    (source,) = varied.sources([21])
    assert source.places == (Location("/p/a"), Location("/p/b", 2**40, 2**60), Location("/p/c", 1, 2))


def test_the_rows_of_hits_are_those_of_sources(varied: Catalogue) -> None:
    numbers = [23, 1, 21, 22]
    sources, rows = varied.sources(numbers), varied.hit_rows(numbers)
    assert len(rows) == len(numbers)
    for source in sources:
        row = rows[source.number]
        assert (row.id, row.metadata) == (source.id, source.metadata)
        assert row.pixels == (source.width or 0) * (source.height or 0)
        assert row.paths == tuple(place.path for place in source.places)


def test_numbers_that_are_not_there_are_named(filled: Catalogue) -> None:
    for read in (filled.sources, filled.hit_rows):
        with pytest.raises(UnknownIdError, match="number 77"):
            read([1, 77])


def test_no_numbers_give_nothing(filled: Catalogue) -> None:
    assert filled.sources([]) == []
    assert len(filled.hit_rows([])) == 0


def test_lacking_counts_leave_out_sources_with_none_of_the_features(varied: Catalogue) -> None:
    assert varied.lacking_counts(["look", "other"]) == {"look": 1, "other": 18}
    assert varied.lacking_counts(["look"]) == {"look": 0}
    assert varied.lacking_counts([]) == {}


def test_lacking_counts_of_an_unknown_feature(varied: Catalogue) -> None:
    with pytest.raises(UnknownFeatureError, match="'x'"):
        varied.lacking_counts(["look", "x"])
